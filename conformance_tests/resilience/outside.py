"""What the tests do to a server from outside, past the adapter."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from auth_adapters import Adapter, BackendAdapter, connect
from auth_adapters.backends.sql.connections import PoolFigures
from servers.server import Server

__all__ = ["Outside", "figures", "patience", "until"]

PATIENCE = 30.0
"""Seconds after which what waits counts as hanging."""


class Outside(ABC):
    """One database of a server, and what an administrator does to it."""

    harmless_changes: tuple[str, ...]
    harmful_change: str
    """Changes of the table "user" that the schema does not know of."""
    loose_changes: tuple[str, ...]
    """Changes of "person", statements between semicolons, after which it takes more e-mail addresses for one."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.url = server.create_database()
        self.name = self.url.rpartition("/")[2]

    def connect(self, **options: Any) -> Adapter:
        """An adapter for the database, not open yet."""
        return connect(self.url, **options)

    @abstractmethod
    def run(self, sql: str) -> list[tuple[str, ...]]:
        """SQL in the database, by the server's own client."""

    @abstractmethod
    def connections(self) -> int:
        """How many connections there are to the database, ours apart."""

    @abstractmethod
    def terminate_connections(self) -> None:
        """End all of them, as an administrator does."""

    @abstractmethod
    def open_transactions(self) -> int:
        """How many of them are inside a transaction."""

    @abstractmethod
    def set_time_zone(self, zone: str) -> None:
        """The default zone of sessions that begin from now on."""

    def close(self) -> None:
        """Drop the database."""
        self.server.drop_database(self.name)


def figures(adapter: Adapter) -> PoolFigures:
    """The figures of an adapter's pool."""
    assert isinstance(adapter, BackendAdapter)
    backend: Any = adapter.backend
    found: PoolFigures = backend.figures
    return found


def patience() -> asyncio.Timeout:
    """A limit for a block that might hang."""
    return asyncio.timeout(PATIENCE)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to come true."""
    async with patience():
        while not condition():  # noqa: ASYNC110  (a server does not set events)
            await asyncio.sleep(0.02)
