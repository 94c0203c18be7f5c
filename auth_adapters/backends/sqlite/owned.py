"""SQLite on the application's own SQLAlchemy engine, connection or session."""

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from auth_adapters.backends.sql.operations import Operations
from auth_adapters.backends.sql.owned import EngineBackend, OwnedDialect, Runner
from auth_adapters.backends.sqlite.capabilities import CAPABILITIES
from auth_adapters.backends.sqlite.compiler import SQLiteCompiler
from auth_adapters.backends.sqlite.errors import sqlite_error
from auth_adapters.errors import AuthAdapterError, ConfigurationError
from auth_adapters.physical import Layout
from auth_adapters.protocols import Isolation

__all__ = ["SQLiteEngineBackend", "SQLiteOwned"]


class SQLiteOwned(OwnedDialect):
    """SQLite on connections of the application."""

    one_writer = True

    def operations(self, layout: Layout, connection: AsyncConnection) -> Operations:
        return Operations(SQLiteCompiler(layout), layout, explains=True)

    async def create_all(self, layout: Layout, runner: Runner) -> None:
        for statement in SQLiteCompiler(layout).create_all():
            await runner.statement(statement)

    async def begin(self, connection: AsyncConnection, isolation: Isolation | None) -> None:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")

    async def commit(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("COMMIT")

    async def rollback(self, connection: AsyncConnection) -> None:
        await connection.exec_driver_sql("ROLLBACK")

    def error(self, error: BaseException, layout: Layout) -> AuthAdapterError:
        return sqlite_error(error, layout)

    async def prepare(self, connection: AsyncConnection) -> None:
        """Foreign keys are off unless asked for, and cannot be switched on inside a transaction."""
        if (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar():
            return
        await connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        if not (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar():
            raise ConfigurationError(
                "foreign keys are off on this connection, which is inside a transaction already: "
                "run PRAGMA foreign_keys = ON on each new connection of the engine"
            )

    async def join_transaction(self, connection: AsyncConnection) -> None:
        """Python's driver begins a transaction only before a write; reads and savepoints belong into it too."""
        driver = (await connection.get_raw_connection()).driver_connection
        if driver is not None and not driver.in_transaction:
            await connection.exec_driver_sql("BEGIN")


class SQLiteEngineBackend(EngineBackend):
    """A `Backend` on the application's `AsyncEngine` for SQLite."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine, SQLiteOwned(), CAPABILITIES)
