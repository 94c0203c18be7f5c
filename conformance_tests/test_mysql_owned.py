"""The suite on what an application owns: an SQLAlchemy engine on MariaDB and on MySQL, a pool of asyncmy on MariaDB.

The topics in which connections and transactions matter; the SQL is that of `test_mariadb` and `test_mysql`.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncmy
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import servers
from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.mysql import MySQLEngineBackend, MySQLPoolBackend
from auth_adapters.conformance.suite import (
    TestAtomicity,
    TestAtomicityInTransactions,
    TestCapabilities,
    TestClosing,
    TestConsume,
    TestCreateTables,
    TestFailedTransactions,
    TestIncrement,
    TestJoins,
    TestJson,
    TestLongSorting,
    TestNotNull,
    TestReferencedDelete,
    TestReferences,
    TestRunTransaction,
    TestSavepoints,
    TestSecrecy,
    TestTimes,
    TestTransactionMisuse,
    TestTransactions,
    TestUnique,
    TestUpdate,
    TestUpsert,
    TestValues,
)
from conformance_tests.mysql_family import FamilyHarness, elsewhere, make_database, options_of

__all__ = [
    "TestAtomicity",
    "TestAtomicityInTransactions",
    "TestCapabilities",
    "TestClosing",
    "TestConsume",
    "TestCreateTables",
    "TestFailedTransactions",
    "TestIncrement",
    "TestJoins",
    "TestJson",
    "TestLongSorting",
    "TestNotNull",
    "TestReferencedDelete",
    "TestReferences",
    "TestRunTransaction",
    "TestSavepoints",
    "TestSecrecy",
    "TestTimes",
    "TestTransactionMisuse",
    "TestTransactions",
    "TestUnique",
    "TestUpdate",
    "TestUpsert",
    "TestValues",
    "harness",
]


class OwnedHarness(FamilyHarness):
    """One engine or pool per database name, of the application's."""

    prefix = "owned_"

    def __init__(self, url: str, kind: str) -> None:
        super().__init__(url)
        self.kind = kind
        self.owned: dict[str, Any] = {}

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        if database not in self.owned:
            self.backends[database] = []
            elsewhere(make_database(self.url, self.place(database)))
            self.owned[database] = self.engine(database) if self.kind == "engine" else self.pool(database)
        kind: Any = MySQLEngineBackend if self.kind == "engine" else MySQLPoolBackend
        return BackendAdapter(kind(self.owned[database]), schema=schema, observe=observe)

    def engine(self, database: str) -> AsyncEngine:
        """SQLAlchemy's."""
        options = options_of(self.url)
        ((host, port),) = options.hosts
        url = f"mysql+asyncmy://{options.user}@{host}:{port}/{self.place(database)}"
        return create_async_engine(url, pool_size=5, max_overflow=60)

    def pool(self, database: str) -> Any:
        """asyncmy's, as it makes one unless told otherwise: without autocommit, counting rows that changed."""
        options = options_of(self.url)
        ((host, port),) = options.hosts
        arguments: dict[str, Any] = {"host": host, "port": port, "user": options.user, "database": self.place(database)}
        return asyncmy.pool.Pool(minsize=0, maxsize=20, **arguments)

    async def open_connections(self, database: str) -> int:
        owned = self.owned[database]
        return int(owned.pool.checkedout() if self.kind == "engine" else owned.size - owned.freesize)

    def statements(self, database: str) -> int | None:
        return None

    async def aclose(self) -> None:
        for owned in self.owned.values():
            if self.kind == "engine":
                await owned.dispose()
            else:
                owned.close()
                await owned.wait_closed()
        self.owned.clear()
        await super().aclose()


@pytest_asyncio.fixture(params=["mariadb engine", "mysql engine", "mariadb pool"])
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[OwnedHarness]:
    """Databases of its own for each test."""
    name, kind = request.param.split()
    server: servers.MariaDB = request.getfixturevalue(f"{name}_server")
    harness = OwnedHarness(server.url, kind)
    yield harness
    await harness.aclose()
