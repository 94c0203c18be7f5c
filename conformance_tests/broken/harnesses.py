"""How a broken backend, or a broken adapter over a sound one, is bound to the suite."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.memory import MemoryBackend, MemoryStore
from auth_adapters.backends.sqlite import SQLiteBackend
from auth_adapters.conformance import Harness
from conformance_tests.test_memory import MemoryHarness
from conformance_tests.test_sqlite import SQLiteHarness

__all__ = ["BrokenMemory", "BrokenSQLite", "Fault", "in_adapter", "in_memory", "in_sqlite"]


LANES = ("_reader", "_writer")


@dataclass(frozen=True)
class Fault:
    """What is broken, how it is bound, and the topics each of which must notice."""

    name: str
    database: str
    says: str | None
    harness: Callable[[Path], Harness]
    topics: tuple[str, ...]


class BrokenMemory(MemoryHarness):
    """The in-memory backend with a class in its place."""

    def __init__(
        self, backend: type[MemoryBackend] = MemoryBackend, adapter: type[BackendAdapter] = BackendAdapter
    ) -> None:
        super().__init__()
        self.backend = backend
        self.adapter = adapter

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        make_store: Callable[[], MemoryStore] = getattr(self.backend, "make_store", MemoryStore)
        store = self.stores.setdefault(database, make_store())
        return self.adapter(self.backend(store, lock_timeout=3.0), schema=schema, observe=observe)

    def release(self) -> None:
        """Called after the test, whatever became of it."""


class BrokenSQLite(SQLiteHarness):
    """The SQLite backend with a class in its place."""

    def __init__(self, folder: Path, backend: type[SQLiteBackend] = SQLiteBackend) -> None:
        super().__init__(folder)
        self.backend = backend

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        backend = self.backend(str(self.path(database)), busy_timeout=3.0)
        self.backends.setdefault(database, []).append(backend)
        return BackendAdapter(backend, schema=schema, observe=observe)

    def release(self) -> None:
        """End every thread that a fault, or a test that failed, has left behind."""
        for backend in (backend for backends in self.backends.values() for backend in backends):
            lanes: list[Any] = [*getattr(backend, "leaked", ()), *(vars(backend).get(name) for name in LANES)]
            for lane in lanes:
                if lane is not None:
                    lane.abandon()


def in_memory(backend: type[MemoryBackend], *topics: str) -> Fault:
    """A fault of the in-memory backend."""
    return Fault(backend.__name__, "memory", backend.__doc__, lambda _: BrokenMemory(backend), topics)


def in_adapter(adapter: type[BackendAdapter], *topics: str, over: type[MemoryBackend] = MemoryBackend) -> Fault:
    """A fault of the adapter over a sound backend."""
    return Fault(adapter.__name__, "memory", adapter.__doc__, lambda _: BrokenMemory(over, adapter), topics)


def in_sqlite(backend: type[SQLiteBackend], *topics: str) -> Fault:
    """A fault of the SQLite backend."""
    return Fault(backend.__name__, "sqlite", backend.__doc__, lambda folder: BrokenSQLite(folder, backend), topics)
