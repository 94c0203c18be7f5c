"""The PostgreSQL backends on asyncpg: on a pool of ours, and on one of the application's."""

from functools import partial
from typing import Any, Final

import asyncpg

from auth_adapters.backends.postgresql.capabilities import CAPABILITIES, STORAGE
from auth_adapters.backends.postgresql.driver import PostgreSQLDriver, driver_of
from auth_adapters.backends.postgresql.operations import PostgreSQLOperations
from auth_adapters.backends.postgresql.options import PostgreSQLOptions
from auth_adapters.backends.postgresql.owned import bound
from auth_adapters.backends.postgresql.tables import create_absent
from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.backends.sql.foreign import ForeignPool
from auth_adapters.backends.sql.operations import Operations, Work
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.backends.sql.pooled import MakePool, PooledBackend
from auth_adapters.backends.sql.retrying import once_more
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import ConfigurationError, TransientError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction

__all__ = ["PostgreSQLBackend", "PostgreSQLPoolBackend"]

MINIMUM: Final = 13


class AsyncpgBackend(PooledBackend):
    """PostgreSQL, version 13 or later, on connections of asyncpg."""

    storage: Storage = STORAGE
    capabilities: Capabilities = CAPABILITIES

    def __init__(self, driver: PostgreSQLDriver, make_pool: MakePool, replica: PostgreSQLDriver | None = None) -> None:
        super().__init__(driver, make_pool, replica)
        self._drivers = [one for one in (driver, replica) if one is not None]

    async def prepare(self, connection: Any, layout: Layout) -> Operations:
        for driver in self._drivers:
            driver.layout = layout
        version = connection.get_server_version()
        if version.major < MINIMUM:
            raise ConfigurationError(f"PostgreSQL {version.major} is too old; {MINIMUM} is the oldest that works")
        self._postgresql = PostgreSQLOperations(layout)
        return self._postgresql

    async def _once_more(self, work: Work, error: TransientError, attempt: int) -> Work:
        return await once_more(work, error, attempt)

    async def create_all(self, connection: Any) -> None:
        async def ask(text: str) -> list[Any]:
            return await self._driver.rows(connection, text, ())

        async def tell(statements: list[str]) -> None:
            await self._driver.statement(connection, ";\n".join(statements))

        await self._driver.begin(connection, None)
        await create_absent(ask, tell, self._postgresql.compiler, self._layout)
        await self._driver.statement(connection, "COMMIT")

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        return bound(connection_or_session, self._driver, self._operations, self._layout)


class PostgreSQLBackend(AsyncpgBackend):
    """A PostgreSQL server on connections of our own. replica: a standby, for reads outside transactions."""

    def __init__(
        self,
        options: PostgreSQLOptions,
        pool: PoolOptions | None = None,
        replica: PostgreSQLOptions | None = None,
    ) -> None:
        self.options: PostgreSQLOptions = options
        self.replica_options: PostgreSQLOptions | None = replica
        self.pool_options: PoolOptions = pool or PoolOptions()
        make_pool = partial(Pool, options=self.pool_options)
        super().__init__(driver_of(options), make_pool, driver_of(replica) if replica else None)


class PostgreSQLPoolBackend(AsyncpgBackend):
    """PostgreSQL on the application's own `asyncpg.Pool`, which is never closed.

    acquire_timeout: seconds to wait for one of its connections.
    """

    def __init__(self, pool: "asyncpg.Pool[Any]", *, acquire_timeout: float = 30.0) -> None:
        make_pool = partial(ForeignPool, pool=pool, acquire_timeout=acquire_timeout)
        super().__init__(PostgreSQLDriver(PostgreSQLOptions()), make_pool)
        self._foreign = pool

    async def open(self, layout: Layout) -> None:
        try:
            await self._foreign  # connects, if its owner has not done so yet
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._driver.error(error)
        else:
            await super().open(layout)
            return
        raise failure from None
