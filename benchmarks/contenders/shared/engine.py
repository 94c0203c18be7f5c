"""SQLAlchemy's engine, for the contenders that are built on it."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.contenders.shared.protocol import BUSY_SECONDS

__all__ = ["create_engine", "writing"]

DRIVERS: Final = {"sqlite": "aiosqlite", "postgresql": "asyncpg", "mariadb": "asyncmy"}


def create_engine(target: str, connections: int) -> AsyncEngine:
    """An engine with SQLAlchemy's own pool: of so many connections, and on SQLite with the pragmas that all have."""
    name, _, rest = target.partition(":")
    url = f"{name}+{DRIVERS[name]}:{rest}"
    if name != "sqlite":
        return create_async_engine(url, pool_size=connections, max_overflow=0)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def writing(target: str) -> AbstractAsyncContextManager[Any]:
    """What surrounds a write: on SQLite a lock, for writers would poll for its own; nothing on a server."""
    return asyncio.Lock() if target.startswith("sqlite:") else nullcontext()
