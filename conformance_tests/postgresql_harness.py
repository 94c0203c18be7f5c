"""The suite's glue to PostgreSQL: each of the suite's databases is one of a real server."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from typing import Any, Final

import asyncpg

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.postgresql import PostgreSQLBackend, PostgreSQLOptions
from auth_adapters.backends.postgresql.driver import driver_of
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

EMPTY: Final = """DO $$ DECLARE name text; BEGIN
FOR name IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
CREATE SCHEMA public; END $$"""

numbers: Iterator[int] = itertools.count(1)
spare: dict[str, list[str]] = {}
"""Databases that are empty again, by server: making one costs more than emptying one."""


class LaterDatabase(PostgreSQLBackend):
    """The backend, on a database that is known when it is opened."""

    def __init__(self, harness: "PostgreSQLHarness", database: str) -> None:
        super().__init__(harness.options("postgres"), PoolOptions(size=harness.pool_size))
        self._harness = harness
        self._database = database

    async def open(self, layout: Layout) -> None:
        name = await self._harness.real_name(self._database)
        self._driver = self._drivers[0] = driver_of(self._harness.options(name))
        await super().open(layout)


class PostgreSQLHarness(Harness):
    """Databases of one server."""

    pool_size = 10

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.backends: dict[str, list[PostgreSQLBackend]] = {}
        self.names: dict[str, str] = {}
        self.lock = asyncio.Lock()

    def options(self, name: str) -> PostgreSQLOptions:
        """How to connect to a database of the server."""
        return PostgreSQLOptions(hosts=((self.server.host, self.server.port),), user="postgres", database=name)

    async def real_name(self, database: str) -> str:
        """The server's name of one of the suite's databases, which is made or taken from the spare ones."""
        async with self.lock:
            if database not in self.names:
                free = spare.setdefault(self.server.url, [])
                name = free.pop() if free else f"suite_{os.getpid()}_{next(numbers)}"
                if name not in await self.databases():
                    await self.ask("postgres", f"CREATE DATABASE {name}")
                self.names[database] = name
        return self.names[database]

    async def databases(self) -> set[str]:
        """Every database of the server."""
        return {name for (name,) in await self.ask("postgres", "SELECT datname FROM pg_database")}

    async def ask(self, database: str, sql: str, *parameters: Any) -> list[Any]:
        """Ask the server itself."""
        connection = await asyncpg.connect(self.server.database_url(database))
        try:
            return list(await connection.fetch(sql, *parameters))
        finally:
            await connection.close()

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        backend = LaterDatabase(self, database)
        self.backends.setdefault(database, []).append(backend)
        return BackendAdapter(backend, schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        name = table.replace('"', '""')
        return [dict(row) for row in await self.ask(self.names[database], f'SELECT * FROM "{name}"')]

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        rows = await self.ask(self.names[database], INDEXES, table)
        return [(tuple(columns), unique) for columns, unique in rows]

    def statements(self, database: str) -> int | None:
        return sum(backend.statements for backend in self.backends[database])

    async def open_connections(self, database: str) -> int:
        sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1"
        return int((await self.ask("postgres", sql, self.names[database]))[0][0]) if database in self.names else 0

    async def aclose(self) -> None:
        for name in self.names.values():
            await self.ask(name, EMPTY)
            spare[self.server.url].append(name)
        self.names.clear()
