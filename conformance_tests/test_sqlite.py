"""The suite on SQLite, on a database file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.sqlite import SQLiteBackend
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import *
from conformance_tests.sqlite_probes import quoted, sqlite_threads


class SQLiteHarness(Harness):
    """One file per database name, looked into with the standard library's driver."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backends: dict[str, list[SQLiteBackend]] = {}
        self.threads_before = sqlite_threads()

    def path(self, database: str) -> Path:
        """The file of a database."""
        return self.folder / f"{database}.db"

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        backend = SQLiteBackend(str(self.path(database)))
        self.backends.setdefault(database, []).append(backend)
        return BackendAdapter(backend, schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(self.path(database))) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {quoted(table)}")]

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        found = []
        with closing(sqlite3.connect(self.path(database))) as connection:
            for _, name, unique, origin, _ in connection.execute(f"PRAGMA index_list({quoted(table)})").fetchall():
                columns = connection.execute(f"PRAGMA index_info({quoted(name)})").fetchall()
                if origin != "pk":
                    found.append((tuple(column[2] for column in columns), bool(unique)))
        return found

    def statements(self, database: str) -> int | None:
        return sum(backend.statements for backend in self.backends[database])

    async def open_connections(self, database: str) -> int:
        return len(sqlite_threads() - self.threads_before)


@pytest.fixture
def harness(tmp_path: Path) -> SQLiteHarness:
    """A fresh folder for each test."""
    return SQLiteHarness(tmp_path)
