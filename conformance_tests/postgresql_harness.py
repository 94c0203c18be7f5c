"""The suite's glue to PostgreSQL: each of the suite's databases is one of a real server."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Any, Final

import asyncpg

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.postgresql import PostgreSQLBackend, PostgreSQLOptions
from auth_adapters.backends.sql.pool import PoolOptions
from auth_adapters.conformance import Harness
from auth_adapters.physical import Layout
from servers import PostgreSQL

__all__ = ["PostgreSQLHarness"]

INDEXES: Final = """SELECT array_agg(a.attname::text ORDER BY k.place), i.indisunique
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (column_number, place)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.column_number
WHERE c.relname = $1 AND NOT i.indisprimary GROUP BY i.indexrelid, i.indisunique"""

numbers: Iterator[int] = itertools.count(1)


class FreshDatabase(PostgreSQLBackend):
    """The backend, on a database that is made when it is opened first."""

    def __init__(self, harness: "PostgreSQLHarness", database: str) -> None:
        super().__init__(harness.options(database), PoolOptions(size=harness.pool_size))
        self._harness = harness
        self._database = database

    async def open(self, layout: Layout) -> None:
        await self._harness.make(self._database)
        await super().open(layout)


class PostgreSQLHarness(Harness):
    """Databases of one server. port: of what the adapters connect to, which may stand in front of the server."""

    pool_size = 10

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.backends: dict[str, list[PostgreSQLBackend]] = {}
        self.made: dict[str, asyncio.Lock] = {}
        self.prefix = f"suite_{os.getpid()}_{next(numbers)}_"

    def options(self, database: str) -> PostgreSQLOptions:
        """How to connect to a database."""
        return PostgreSQLOptions(
            hosts=((self.server.host, self.server.port),), user="postgres", database=self.prefix + database
        )

    async def make(self, database: str) -> None:
        """Make a database, once."""
        if database not in self.made:
            self.made[database] = asyncio.Lock()
            async with self.made[database]:
                await self.ask("postgres", f"CREATE DATABASE {self.prefix}{database} STRATEGY file_copy")
        async with self.made[database]:
            pass

    async def ask(self, database: str, sql: str, *parameters: Any) -> list[Any]:
        """Ask the server itself."""
        connection = await asyncpg.connect(self.server.database_url(database))
        try:
            return list(await connection.fetch(sql, *parameters))
        finally:
            await connection.close()

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        backend = FreshDatabase(self, database)
        self.backends.setdefault(database, []).append(backend)
        return BackendAdapter(backend, schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        name = table.replace('"', '""')
        return [dict(row) for row in await self.ask(self.prefix + database, f'SELECT * FROM "{name}"')]

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        rows = await self.ask(self.prefix + database, INDEXES, table)
        return [(tuple(columns), unique) for columns, unique in rows]

    def statements(self, database: str) -> int | None:
        return sum(backend.statements for backend in self.backends[database])

    async def open_connections(self, database: str) -> int:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        return int((await self.ask("postgres", sql, self.prefix + database))[0][0])

    async def aclose(self) -> None:
        for database in self.made:
            await self.ask("postgres", f"DROP DATABASE {self.prefix}{database} WITH (FORCE)")
        self.made.clear()
