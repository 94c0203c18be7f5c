"""PostgreSQL on what the application owns: an SQLAlchemy engine, connection or session, or a connection of asyncpg's.

None of it is ever closed.
"""

from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from auth_adapters.backends.postgresql.capabilities import CAPABILITIES, STORAGE
from auth_adapters.backends.postgresql.errors import postgresql_error
from auth_adapters.backends.postgresql.operations import REFUSALS, PostgreSQLOperations
from auth_adapters.backends.postgresql.tables import create_absent
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.backends.sql.operations import Operations, Steps, Work
from auth_adapters.backends.sql.owned import BoundTransaction, EngineBackend, OwnedDialect, Runner
from auth_adapters.backends.sql.pooled import DriverBound
from auth_adapters.errors import AuthAdapterError, ConfigurationError, UniqueViolationError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction

__all__ = ["PostgreSQLEngineBackend", "PostgreSQLOwned", "bound"]


class PostgreSQLOwned(OwnedDialect):
    """PostgreSQL on connections of the application."""

    errors: tuple[type[Exception], ...] = (DBAPIError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

    def operations(self, layout: Layout, connection: AsyncConnection) -> Operations:
        return PostgreSQLOperations(layout)

    async def create_all(self, layout: Layout, runner: Runner) -> None:
        async def tell(statements: list[str]) -> None:
            for statement in statements:
                await runner.statement(statement)

        await create_absent(runner.rows, tell, PostgreSQLOperations(layout).compiler, layout)

    def error(self, error: BaseException, layout: Layout) -> AuthAdapterError:
        return postgresql_error(error, layout)


class PostgreSQLEngineBackend(EngineBackend):
    """A `Backend` on the application's `AsyncEngine` for PostgreSQL through asyncpg."""

    storage = STORAGE

    def __init__(self, engine: AsyncEngine) -> None:
        if engine.dialect.driver != "asyncpg":
            raise ConfigurationError("the engine must use asyncpg: create_async_engine('postgresql+asyncpg://...')")
        super().__init__(engine, PostgreSQLOwned(), CAPABILITIES)

    async def _perform(self, work: Work) -> Any:
        """An upsert is a transaction here, which another key ends that is in its way: it is believed the third time."""
        for _ in range(REFUSALS - 1):
            again = work.again if isinstance(work, Steps) else None
            try:
                return await super()._perform(work)
            except UniqueViolationError:
                if again is None:
                    raise
            work = again()
        return await super()._perform(work)


def bound(owner: Any, driver: Driver, operations: Operations, layout: Layout) -> BackendTransaction:
    """The verbs on a connection or session of the application's; `ConfigurationError` for anything else."""
    if isinstance(owner, asyncpg.Connection | PoolConnectionProxy):
        return DriverBound(driver, owner, operations)
    if isinstance(owner, AsyncConnection | AsyncSession):
        return BoundTransaction(owner, PostgreSQLOwned(), operations, layout)
    raise ConfigurationError(
        "bind takes an SQLAlchemy AsyncConnection or AsyncSession, or a connection of asyncpg, not "
        f"{type(owner).__name__}"
    )
