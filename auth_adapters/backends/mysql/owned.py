"""On what the application owns: an SQLAlchemy engine, connection or session, or a connection of asyncmy's.

None of it is ever closed.
"""

from typing import Any, Final

import asyncmy
from sqlalchemy import CursorResult
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from auth_adapters.backends.mysql.capabilities import CAPABILITIES, STORAGE
from auth_adapters.backends.mysql.errors import mysql_error
from auth_adapters.backends.mysql.foreign import SESSION, check_session
from auth_adapters.backends.mysql.operations import MySQLOperations
from auth_adapters.backends.mysql.server import Server
from auth_adapters.backends.mysql.tables import create_absent
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.backends.sql.family import check_references
from auth_adapters.backends.sql.operations import Operations, Work
from auth_adapters.backends.sql.owned import BoundTransaction, EngineBackend, OwnedDialect, Runner
from auth_adapters.backends.sql.pooled import DriverBound
from auth_adapters.backends.sql.retrying import retrying
from auth_adapters.errors import AuthAdapterError, ConfigurationError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction

__all__ = ["MySQLEngineBackend", "MySQLOwned", "bound"]


CHECKED: Final = "auth_adapters checked"


class MySQLOwned(OwnedDialect):
    """MySQL and MariaDB on connections of the application."""

    errors: tuple[type[Exception], ...] = (DBAPIError, asyncmy.errors.MySQLError, OSError)

    def operations(self, layout: Layout, connection: AsyncConnection) -> Operations:
        return MySQLOperations(layout, _server(connection))

    async def create_all(self, layout: Layout, runner: Runner) -> None:
        compiler = MySQLOperations(layout, _server(runner.connection)).compiler
        await create_absent(runner.rows, compiler, layout)

    def made(self, result: CursorResult[Any]) -> int:
        return 0 if result.returns_rows else result.lastrowid or 0

    async def prepare(self, connection: AsyncConnection) -> None:
        """Each connection of the driver's is looked at once."""
        known = connection.sync_connection.info if connection.sync_connection is not None else {}
        if CHECKED in known:
            return
        begun = connection.in_transaction()
        result = await connection.exec_driver_sql(SESSION)
        row: Any = result.one()
        if not begun:
            await connection.rollback()  # SQLAlchemy began one with the question
        check_session(*row)
        known[CHECKED] = True

    def error(self, error: BaseException, layout: Layout) -> AuthAdapterError:
        return mysql_error(error, layout)


class MySQLEngineBackend(EngineBackend):
    """A `Backend` on the application's `AsyncEngine` for MySQL or MariaDB through asyncmy."""

    storage = STORAGE

    def __init__(self, engine: AsyncEngine) -> None:
        if engine.dialect.driver != "asyncmy":
            raise ConfigurationError("the engine must use asyncmy: create_async_engine('mysql+asyncmy://...')")
        super().__init__(engine, MySQLOwned(), CAPABILITIES)

    async def open(self, layout: Layout) -> None:
        check_references(layout)
        await super().open(layout)

    async def _perform(self, work: Work) -> Any:
        return await retrying(super()._perform, work)


def _server(connection: AsyncConnection) -> Server:
    dialect: Any = connection.dialect
    version = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))
    return Server(mariadb=bool(dialect.is_mariadb), version=version)


def bound(owner: Any, driver: Driver, operations: Operations, layout: Layout) -> BackendTransaction:
    """The verbs on a connection or session of the application's; `ConfigurationError` for anything else."""
    if isinstance(owner, asyncmy.Connection):
        return DriverBound(driver, owner, operations)
    if isinstance(owner, AsyncConnection | AsyncSession):
        return BoundTransaction(owner, MySQLOwned(), operations, layout)
    raise ConfigurationError(
        "bind takes an SQLAlchemy AsyncConnection or AsyncSession, or a connection of asyncmy, not "
        f"{type(owner).__name__}"
    )
