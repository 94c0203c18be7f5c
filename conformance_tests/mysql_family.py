"""What the bindings of MariaDB and MySQL share: each of the suite's databases is one of the server's."""

import asyncio
import threading
from collections.abc import Coroutine
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urlsplit

import asyncmy
from asyncmy.constants import CLIENT

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.mysql import MySQLBackend, MySQLOptions
from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.conformance import Harness

SCHEMAS = ("auth", "auth_one", "auth_two", "x")
"""Databases that tests make by asking for a database schema of this name."""

INDEXES = """
SELECT index_name AS name, MAX(non_unique) AS many, GROUP_CONCAT(column_name ORDER BY seq_in_index) AS parts
FROM information_schema.statistics WHERE table_schema = %s AND table_name = %s AND index_name <> 'PRIMARY'
GROUP BY index_name"""


def elsewhere(work: Coroutine[Any, Any, Any]) -> None:
    """Run to the end on an event loop of its own, from plain code on another."""
    thread = threading.Thread(target=asyncio.run, args=(work,))
    thread.start()
    thread.join()


def options_of(url: str, database: str | None = None) -> MySQLOptions:
    """How to connect to the server of a URL."""
    parts = urlsplit(url)
    return MySQLOptions(
        hosts=((parts.hostname or "localhost", parts.port or 3306),),
        user=unquote(parts.username or "root"),
        password=unquote(parts.password) if parts.password else None,
        database=database,
        ssl="disabled",
    )


async def make_database(url: str, name: str) -> None:
    """A new one, also where a session that was killed has left one of this name."""
    await ask(url, f"DROP DATABASE IF EXISTS {quoted(name)}")
    await ask(url, f"CREATE DATABASE {quoted(name)}")


async def ask(url: str, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """The rows of a question, on a connection of its own."""
    options = options_of(url)
    ((host, port),) = options.hosts
    connection = await asyncmy.connect(
        host=host,
        port=port,
        user=options.user,
        password=options.password or "",
        autocommit=True,
        client_flag=CLIENT.FOUND_ROWS,
    )
    try:
        async with connection.cursor(asyncmy.cursors.DictCursor) as cursor:
            await cursor.execute("SET SESSION sql_notes = 0", ())
            await cursor.execute(sql, parameters)
            return list(await cursor.fetchall() or ())
    finally:
        await connection.ensure_closed()


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


class FamilyHarness(Harness):
    """One database of the server per database of the suite; dropped after the test."""

    deviations = MappingProxyType({})
    prefix = "t"

    def __init__(self, url: str) -> None:
        self.url = url
        self.backends: dict[str, list[MySQLBackend]] = {}

    def place(self, database: str) -> str:
        """The name of a database on the server."""
        return self.prefix + database

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        if database not in self.backends:
            self.backends[database] = []
            elsewhere(make_database(self.url, self.place(database)))
        backend = MySQLBackend(options_of(self.url, self.place(database)), PoolOptions(size=10))
        self.backends[database].append(backend)
        return BackendAdapter(backend, schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        return await ask(self.url, f"SELECT * FROM {quoted(self.place(database))}.{quoted(table)}")

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        rows = await ask(self.url, INDEXES, self.place(database), table)
        return [
            (tuple(part.removesuffix("_sha256") for part in row["parts"].split(",")), not row["many"]) for row in rows
        ]

    def statements(self, database: str) -> int | None:
        return sum(backend.statements for backend in self.backends[database])

    async def open_connections(self, database: str) -> int:
        rows = await ask(
            self.url,
            "SELECT count(*) AS number FROM information_schema.processlist WHERE db = %s",
            self.place(database),
        )
        return int(rows[0]["number"])

    async def aclose(self) -> None:
        for database in self.backends:
            await ask(self.url, f"DROP DATABASE IF EXISTS {quoted(self.place(database))}")
        self.backends.clear()
        for schema in SCHEMAS:
            await ask(self.url, f"DROP DATABASE IF EXISTS {quoted(schema)}")
