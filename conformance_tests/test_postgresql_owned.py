"""The suite on PostgreSQL, on what an application owns: an SQLAlchemy engine, a pool of asyncpg; and behind a pooler.

The topics in which connections and transactions matter; the SQL is that of `test_postgresql`.
"""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth_adapters import Adapter, Observer, Schema, connect
from auth_adapters.backends.postgresql import PostgreSQLOptions
from auth_adapters.conformance.suite import (
    TestAtomicity,
    TestAtomicityInTransactions,
    TestClosing,
    TestConsume,
    TestCreateTables,
    TestFailedTransactions,
    TestJson,
    TestRunTransaction,
    TestSavepoints,
    TestSecrecy,
    TestTimes,
    TestTransactions,
    TestUnique,
    TestUpsert,
)
from conformance_tests.postgresql_harness import PostgreSQLHarness
from servers import PgBouncer, PostgreSQL

__all__ = [
    "TestAtomicity",
    "TestAtomicityInTransactions",
    "TestClosing",
    "TestConsume",
    "TestCreateTables",
    "TestFailedTransactions",
    "TestJson",
    "TestRunTransaction",
    "TestSavepoints",
    "TestSecrecy",
    "TestTimes",
    "TestTransactions",
    "TestUnique",
    "TestUpsert",
    "harness",
]


class EngineHarness(PostgreSQLHarness):
    """One engine per database name, of the application's: disposed of here, never by the adapter."""

    def __init__(self, server: PostgreSQL) -> None:
        super().__init__(server)
        self.engines: dict[str, AsyncEngine] = {}

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        if database not in self.engines:
            url = self.server.database_url(self.real_name(database)).replace("postgresql:", "postgresql+asyncpg:")
            self.engines[database] = create_async_engine(url, pool_size=5, max_overflow=60)
        return connect(self.engines[database], schema=schema, observe=observe)

    async def open_connections(self, database: str) -> int:
        pool: Any = self.engines[database].pool
        return int(pool.checkedout())

    async def aclose(self) -> None:
        for engine in self.engines.values():
            await engine.dispose()
        self.engines.clear()
        await super().aclose()


class PoolHarness(PostgreSQLHarness):
    """One pool of asyncpg per database name, of the application's."""

    def __init__(self, server: PostgreSQL) -> None:
        super().__init__(server)
        self.pools: dict[str, Any] = {}

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        if database not in self.pools:
            url = self.server.database_url(self.real_name(database))
            self.pools[database] = asyncpg.create_pool(url, min_size=0, max_size=20)
        return connect(self.pools[database], schema=schema, observe=observe)

    async def open_connections(self, database: str) -> int:
        pool = self.pools[database]
        return int(pool.get_size() - pool.get_idle_size())

    async def aclose(self) -> None:
        for pool in self.pools.values():
            await pool.close()
        self.pools.clear()
        await super().aclose()


class PoolerHarness(PostgreSQLHarness):
    """Behind pgbouncer, which hands out connections by transaction."""

    def __init__(self, server: PostgreSQL, pgbouncer: PgBouncer) -> None:
        super().__init__(server)
        self.pgbouncer = pgbouncer

    def options(self, name: str) -> PostgreSQLOptions:
        hosts = ((self.pgbouncer.host, self.pgbouncer.port),)
        return PostgreSQLOptions(hosts=hosts, user="postgres", database=name, pooler="transaction")

    async def open_connections(self, database: str) -> int:
        return 0  # those that the server sees are the pooler's


@pytest_asyncio.fixture(params=["engine", "pool", "pooler"])
async def harness(request: pytest.FixtureRequest, postgresql_server: PostgreSQL) -> AsyncIterator[PostgreSQLHarness]:
    """Databases of its own for each test."""
    harness: PostgreSQLHarness
    if request.param == "engine":
        harness = EngineHarness(postgresql_server)
    elif request.param == "pool":
        harness = PoolHarness(postgresql_server)
    else:
        harness = PoolerHarness(postgresql_server, request.getfixturevalue("pgbouncer_server"))
    yield harness
    await harness.aclose()
