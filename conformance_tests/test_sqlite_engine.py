"""The suite on SQLite through an application's own SQLAlchemy engine.

The topics in which connections and transactions matter; the SQL is that of `test_sqlite`.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest_asyncio
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth_adapters import Adapter, Observer, Schema, connect
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import (
    TestAtomicity,
    TestAtomicityInTransactions,
    TestCapabilities,
    TestClosing,
    TestConsume,
    TestCreate,
    TestCreateMany,
    TestCreateTables,
    TestEventLoops,
    TestFailedTransactions,
    TestFind,
    TestIncrement,
    TestJoinCosts,
    TestJoins,
    TestLifecycle,
    TestNotNull,
    TestObservation,
    TestReferencedDelete,
    TestReferences,
    TestRunTransaction,
    TestSavepoints,
    TestSecrecy,
    TestStateful,
    TestTransactionMisuse,
    TestTransactions,
    TestUnique,
    TestUpdate,
    TestUpdateMany,
    TestUpsert,
)
from conformance_tests.sqlite_probes import quoted

__all__ = [
    "TestAtomicity",
    "TestAtomicityInTransactions",
    "TestCapabilities",
    "TestClosing",
    "TestConsume",
    "TestCreate",
    "TestCreateMany",
    "TestCreateTables",
    "TestEventLoops",
    "TestFailedTransactions",
    "TestFind",
    "TestIncrement",
    "TestJoinCosts",
    "TestJoins",
    "TestLifecycle",
    "TestNotNull",
    "TestObservation",
    "TestReferencedDelete",
    "TestReferences",
    "TestRunTransaction",
    "TestSavepoints",
    "TestSecrecy",
    "TestStateful",
    "TestTransactionMisuse",
    "TestTransactions",
    "TestUnique",
    "TestUpdate",
    "TestUpdateMany",
    "TestUpsert",
    "harness",
]


def tuned(connection: Any, _: Any) -> None:
    """As an application would: readers beside a writer. Nothing waits for the disk, which is not what is tested."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


class EngineHarness(Harness):
    """One engine per database name, of the application's: disposed of here, never by the adapter."""

    deviations = MappingProxyType(
        {"test_nothing_is_logged_with_a_value": "the application's own driver logs what it is given, at level DEBUG"}
    )

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engines: dict[str, AsyncEngine] = {}
        self.counts: dict[str, int] = {}

    def engine(self, database: str) -> AsyncEngine:
        """The engine of a database."""
        if database not in self.engines:
            self.engines[database] = create_async_engine(
                f"sqlite+aiosqlite:///{self.folder / database}.db", pool_size=5, max_overflow=60
            )
            self.counts[database] = 0
            event.listen(self.engines[database].sync_engine, "connect", tuned)
            event.listen(self.engines[database].sync_engine, "before_cursor_execute", self._counter(database))
        return self.engines[database]

    def _counter(self, database: str) -> Any:
        def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            if not statement.startswith(("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA")):
                self.counts[database] += 1

        return count

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        return connect(self.engine(database), schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        async with self.engine(database).connect() as connection:
            rows = await connection.execute(text(f"SELECT * FROM {quoted(table)}"))
            return [dict(row) for row in rows.mappings()]

    def statements(self, database: str) -> int | None:
        return self.counts[database]

    async def open_connections(self, database: str) -> int:
        pool: Any = self.engine(database).pool
        checked_out: int = pool.checkedout()
        return checked_out

    async def aclose(self) -> None:
        for engine in self.engines.values():
            await engine.dispose()


@pytest_asyncio.fixture
async def harness(tmp_path: Path) -> AsyncIterator[EngineHarness]:
    """A fresh folder for each test; engines disposed of even where the suite connects to nothing."""
    harness = EngineHarness(tmp_path)
    yield harness
    await harness.aclose()
