"""The memory backend. Writers take turns, as in SQLite: a transaction has a copy, others read what was committed."""

import asyncio
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from auth_adapters.backends.memory.store import MemoryStore, Tables
from auth_adapters.backends.memory.transactions import MemoryTransaction
from auth_adapters.backends.memory.verbs import MemoryVerbs
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import TransientError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction, Isolation

__all__ = ["MemoryBackend"]

T = TypeVar("T")


class MemoryBackend(MemoryVerbs):
    """A `Backend` in plain dicts. store: the data; a new one unless given. lock_timeout: seconds that a writer waits
    for a transaction of others before `TransientError`.
    """

    storage: Storage = Storage(boolean=True, datetime="aware")
    capabilities: Capabilities = Capabilities(
        transactions=True,
        serializable=True,
        savepoints=True,
        atomic_batches=True,
        atomic_bulk=True,
        serial_ids=True,
        database_ids=True,
        database_schemas=True,
    )

    def __init__(self, store: MemoryStore | None = None, *, lock_timeout: float = 10.0) -> None:
        super().__init__(store or MemoryStore())
        self._lock_timeout = lock_timeout

    async def open(self, layout: Layout) -> None:
        self._layout = layout

    async def close(self) -> None:
        async with self._turn():
            pass

    async def create_tables(self) -> None:
        assert self._layout is not None
        async with self._turn():
            for table in self._layout.tables.values():
                self._store.tables.create(table)

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        await self._acquire()
        assert self._layout is not None
        return MemoryTransaction(self._store, self._layout)

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        raise NotImplementedError("never called: the capability bind is not declared")

    def _tables(self) -> Tables:
        return self._store.tables

    async def _write(self, work: Callable[[], T]) -> T:
        if not self._store.writer.locked():
            return self._store.tables.atomically(work)
        async with self._turn():
            return self._store.tables.atomically(work)

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(self._lock_timeout):
                await self._store.writer.acquire()
        except TimeoutError:
            raise TransientError("another transaction held the store for too long") from None

    @asynccontextmanager
    async def _turn(self) -> Any:
        await self._acquire()
        try:
            yield
        finally:
            self._store.writer.release()
