"""Transactions and savepoints of the memory backend, on copies."""

from collections.abc import Callable
from typing import TypeVar

from auth_adapters.backends.memory.store import MemoryStore, Tables
from auth_adapters.backends.memory.verbs import MemoryVerbs
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction

__all__ = ["MemorySavepoint", "MemoryTransaction"]

T = TypeVar("T")


class MemoryTransaction(MemoryVerbs):
    """A transaction on a copy; committing puts the copy in place. It holds the writer's lock until its end."""

    def __init__(self, store: MemoryStore, layout: Layout) -> None:
        super().__init__(store)
        self._layout = layout
        self._own = store.tables.copy()

    def _tables(self) -> Tables:
        return self._own

    async def _write(self, work: Callable[[], T]) -> T:
        return self._own.atomically(work)

    async def commit(self) -> None:
        self._store.tables = self._own
        self._store.writer.release()

    async def rollback(self) -> None:
        self._store.writer.release()

    async def savepoint(self) -> BackendTransaction:
        return MemorySavepoint(self)

    def restore(self, tables: Tables) -> None:
        """Go back to an earlier state."""
        self._own = tables


class MemorySavepoint(MemoryVerbs):
    """A part of a transaction; rolling back restores the copy made at its beginning."""

    def __init__(self, outer: "MemoryTransaction | MemorySavepoint") -> None:
        super().__init__(outer._store)
        self._layout = outer._layout
        self._outer = outer
        self._before = outer._tables().copy()

    def _tables(self) -> Tables:
        return self._outer._tables()

    async def _write(self, work: Callable[[], T]) -> T:
        return self._tables().atomically(work)

    async def commit(self) -> None:
        pass

    async def rollback(self) -> None:
        self.restore(self._before)

    async def savepoint(self) -> BackendTransaction:
        return MemorySavepoint(self)

    def restore(self, tables: Tables) -> None:
        """Go back to an earlier state."""
        self._outer.restore(tables)
