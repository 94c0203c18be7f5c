"""The suite's glue to PostgreSQL: each of the suite's databases is one of a real server."""

import asyncio
import itertools
import os
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import asyncpg

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.postgresql import PostgreSQLBackend, PostgreSQLOptions
from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.conformance import Harness
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

T = TypeVar("T")
numbers: Iterator[int] = itertools.count(1)
spare: dict[str, list[str]] = {}
"""Databases that are empty again, by server: making one costs more than emptying one."""


def finish(work: Coroutine[Any, Any, T]) -> T:
    """Run to its end, from plain code inside an event loop: on another loop, in a thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class PostgreSQLHarness(Harness):
    """Databases of one server."""

    pool_size = 10

    def __init__(self, server: PostgreSQL) -> None:
        self.server = server
        self.backends: dict[str, list[PostgreSQLBackend]] = {}
        self.names: dict[str, str] = {}

    def options(self, name: str) -> PostgreSQLOptions:
        """How to connect to a database of the server."""
        return PostgreSQLOptions(hosts=((self.server.host, self.server.port),), user="postgres", database=name)

    def real_name(self, database: str) -> str:
        """The server's name of one of the suite's databases, which is made or taken from the spare ones."""
        if database not in self.names:
            free = spare.setdefault(self.server.url, [])
            if not free:
                free.append(f"suite_{os.getpid()}_{next(numbers)}")
                finish(self.ask("postgres", f"CREATE DATABASE {free[0]}"))
            self.names[database] = free.pop()
        return self.names[database]

    async def ask(self, database: str, sql: str, *parameters: Any) -> list[Any]:
        """Ask the server itself."""
        connection = await asyncpg.connect(self.server.database_url(database))
        try:
            return list(await connection.fetch(sql, *parameters))
        finally:
            await connection.close()

    def backend(self, name: str) -> PostgreSQLBackend:
        """A backend on a database of the server."""
        return PostgreSQLBackend(self.options(name), PoolOptions(size=self.pool_size))

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        backend = self.backend(self.real_name(database))
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
