"""The application's own pool of asyncmy connections, which is never closed by us, and what its connections must be."""

import asyncio
from typing import Any, Final
from weakref import WeakSet

from auth_adapters.backends.mysql.driver import MySQLDriver, read_rows
from auth_adapters.backends.mysql.options import MySQLOptions
from auth_adapters.backends.sql.foreign import ForeignPool
from auth_adapters.errors import ConfigurationError

__all__ = ["SESSION", "MySQLForeignPool", "MySQLPoolDriver", "check_session"]

SESSION: Final = "SELECT @@sql_mode, @@character_set_client, @@foreign_key_checks"
HELP: Final = 5.0
"""Seconds to wait for a connection on which an interrupted one is ended."""


def check_session(mode: str, charset: str, checks: object) -> None:
    """Raise `ConfigurationError` for a session in which values would be cut, misread or not checked."""
    modes = set(mode.split(","))
    if not modes & {"STRICT_TRANS_TABLES", "STRICT_ALL_TABLES"}:
        raise ConfigurationError("the connection is not strict: sql_mode must hold STRICT_TRANS_TABLES")
    if "NO_BACKSLASH_ESCAPES" in modes:
        raise ConfigurationError("the connection has NO_BACKSLASH_ESCAPES in its sql_mode: asyncmy escapes bytes by it")
    if charset != "utf8mb4":
        raise ConfigurationError(f"the connection speaks {charset}; charset=utf8mb4 holds every text")
    if not checks:
        raise ConfigurationError("the connection has foreign_key_checks off")


class MySQLPoolDriver(MySQLDriver):
    """Connections of the application's pool. An interrupted statement is ended from another of them."""

    def __init__(self, pool: Any, statement_timeout: float | None) -> None:
        super().__init__(MySQLOptions(ssl="disabled", statement_timeout=statement_timeout))
        self._pool = pool

    def __repr__(self) -> str:
        return "the application's pool"

    async def kill(self, connection: Any) -> None:
        async with asyncio.timeout(HELP):
            helper = await self._pool.acquire()
        try:
            await self.end_session(helper, connection)
        finally:
            await self._pool.release(helper)


class MySQLForeignPool(ForeignPool):
    """Its connections, each looked at when it is met first."""

    def __init__(self, driver: MySQLDriver, pool: Any, acquire_timeout: float) -> None:
        super().__init__(driver, pool, acquire_timeout)
        self._met: WeakSet[Any] = WeakSet()

    async def _arrival(self) -> Any:
        connection = await super()._arrival()
        if connection in self._met:
            return connection
        try:
            ((mode, charset, checks),) = await read_rows(connection, SESSION)
            check_session(mode, charset, checks)
            if not connection.get_autocommit():
                await read_rows(connection, "ROLLBACK")
        except BaseException:
            self._background(self._return(connection))
            raise
        self._met.add(connection)
        return connection
