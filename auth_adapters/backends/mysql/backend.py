"""The backends on asyncmy: on a pool of ours, and on one of the application's."""

from functools import partial
from typing import Any

from auth_adapters.backends.mysql.capabilities import CAPABILITIES, STORAGE
from auth_adapters.backends.mysql.driver import MySQLDriver
from auth_adapters.backends.mysql.foreign import MySQLForeignPool, MySQLPoolDriver
from auth_adapters.backends.mysql.operations import MySQLOperations
from auth_adapters.backends.mysql.options import MySQLOptions
from auth_adapters.backends.mysql.owned import bound
from auth_adapters.backends.mysql.server import server_of
from auth_adapters.backends.mysql.tables import create_absent
from auth_adapters.backends.sql.connections import Connections, PoolOptions
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.backends.sql.family import check_references
from auth_adapters.backends.sql.operations import Operation, Operations, Request, Steps, Work
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.backends.sql.pooled import MakePool, PooledBackend
from auth_adapters.backends.sql.retrying import itself, once_more
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import AuthAdapterError, TransientError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction

__all__ = ["MySQLBackend", "MySQLPoolBackend"]


class AsyncmyBackend(PooledBackend):
    """MySQL 8.0.23 or later, or MariaDB 10.6 or later, on connections of asyncmy."""

    storage: Storage = STORAGE
    capabilities: Capabilities = CAPABILITIES

    def __init__(self, driver: MySQLDriver, make_pool: MakePool, replica: MySQLDriver | None = None) -> None:
        super().__init__(driver, make_pool, replica)
        self._drivers = [one for one in (driver, replica) if one is not None]

    async def open(self, layout: Layout) -> None:
        check_references(layout)
        await super().open(layout)

    async def prepare(self, connection: Any, layout: Layout) -> Operations:
        server = server_of(str(connection.get_server_info()))
        rows = await self._driver.rows(connection, "SELECT @@max_allowed_packet", ())
        for driver in self._drivers:
            driver.layout = layout
            driver.max_packet = int(rows[0][0])
        self._mysql = MySQLOperations(layout, server)
        return self._mysql

    async def create_all(self, connection: Any) -> None:
        async def run(text: str) -> list[Any]:
            return await self._driver.rows(connection, text, ())

        await create_absent(run, self._mysql.compiler, self._layout)

    async def _once_more(self, work: Work, error: TransientError, attempt: int) -> Work:
        return await once_more(work, error, attempt)

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        return bound(connection_or_session, self._driver, self._operations, self._layout)


class MySQLBackend(AsyncmyBackend):
    """A MySQL or MariaDB server on connections of our own. replica: for reads outside transactions."""

    def __init__(
        self, options: MySQLOptions, pool: PoolOptions | None = None, replica: MySQLOptions | None = None
    ) -> None:
        self.options: MySQLOptions = options
        self.replica_options: MySQLOptions | None = replica
        self.pool_options: PoolOptions = pool or PoolOptions()
        make_pool = partial(Pool, options=self.pool_options)
        standby = None if replica is None else MySQLDriver(replica)
        super().__init__(MySQLDriver(options), make_pool, standby)


class MySQLPoolBackend(AsyncmyBackend):
    """On the application's own `asyncmy` pool, which is never closed.

    acquire_timeout: seconds to wait for one of its connections. statement_timeout: seconds for a statement. Where its
    connections do not commit by themselves (autocommit, asyncmy's default), every verb is a transaction.
    """

    def __init__(self, pool: Any, *, acquire_timeout: float = 30.0, statement_timeout: float | None = 30.0) -> None:
        make_pool = partial(MySQLForeignPool, pool=pool, acquire_timeout=acquire_timeout)
        super().__init__(MySQLPoolDriver(pool, statement_timeout), make_pool)
        self._commits = True

    async def prepare(self, connection: Any, layout: Layout) -> Operations:
        self._commits = bool(connection.get_autocommit())
        operations = await super().prepare(connection, layout)
        if not self._commits:
            await self._driver.statement(connection, "ROLLBACK")
        return operations

    async def create_all(self, connection: Any) -> None:
        await super().create_all(connection)
        if not self._commits:
            await self._driver.statement(connection, "COMMIT")

    async def _on(self, pool: Connections, driver: Driver, work: Work, attempt: int = 1) -> Any:
        if not self._commits:
            work = _committed(work)
        return await super()._on(pool, driver, work, attempt)


def _committed(work: Work) -> Steps:
    """The work where a transaction has to be ended, even around a single statement."""
    if isinstance(work, Request):
        return Steps(_asked(work), work.writes, True, again=partial(itself, work) if work.writes else None)
    return work._replace(several=True, alone=None)


def _asked(request: Request) -> Operation[Any]:
    try:
        answer = yield request
    except AuthAdapterError as error:
        failure = request.failure(error)
        if failure is error:
            raise
    else:
        return request.answered(answer)
    raise failure from None
