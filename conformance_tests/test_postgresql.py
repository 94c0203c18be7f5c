"""The suite on PostgreSQL, on a real server; each of the suite's databases is one of the server's."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest_asyncio

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.postgresql import PostgreSQLBackend, PostgreSQLOptions
from auth_adapters.backends.sql.pool import PoolOptions
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import *

URL = os.environ.get("AUTH_ADAPTERS_TEST_POSTGRESQL_URL", "")


def elsewhere(work: Coroutine[Any, Any, Any]) -> None:
    """Run to the end on an event loop of its own, from plain code on another."""
    thread = threading.Thread(target=asyncio.run, args=(work,))
    thread.start()
    thread.join()


async def create_database(name: str) -> None:
    connection = await asyncpg.connect(URL)
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()


class PostgreSQLHarness(Harness):
    def __init__(self) -> None:
        self.backends: dict[str, list[PostgreSQLBackend]] = {}
        self.prefix = f"t{os.getpid()}_"

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        if database not in self.backends:
            elsewhere(create_database(self.prefix + database))
        parts = urlsplit(URL)
        options = PostgreSQLOptions(
            hosts=((parts.hostname or "", parts.port or 5432),), user=parts.username, database=self.prefix + database
        )
        backend = PostgreSQLBackend(options, PoolOptions(size=10))
        self.backends.setdefault(database, []).append(backend)
        return BackendAdapter(backend, schema=schema, observe=observe)

    async def _ask(self, database: str, sql: str, *parameters: Any) -> list[Any]:
        connection = await asyncpg.connect(URL.rpartition("/")[0] + "/" + database)
        try:
            return await connection.fetch(sql, *parameters)
        finally:
            await connection.close()

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        name = table.replace('"', '""')
        return [dict(row) for row in await self._ask(self.prefix + database, f'SELECT * FROM "{name}"')]

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        rows = await self._ask(
            self.prefix + database,
            """SELECT array_agg(a.attname::text ORDER BY k.place), i.indisunique
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
            CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (column_number, place)
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.column_number
            WHERE c.relname = $1 AND NOT i.indisprimary GROUP BY i.indexrelid, i.indisunique""",
            table,
        )
        return [(tuple(columns), unique) for columns, unique in rows]

    def statements(self, database: str) -> int | None:
        return sum(backend.statements for backend in self.backends[database])

    async def open_connections(self, database: str) -> int:
        rows = await self._ask(
            "postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", self.prefix + database
        )
        return int(rows[0][0])


@pytest_asyncio.fixture
async def harness() -> AsyncIterator[PostgreSQLHarness]:
    """Databases of its own for each test."""
    yield PostgreSQLHarness()
