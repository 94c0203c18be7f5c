"""The suite on SQLite in memory: one connection for reading and writing, shared by every task."""

import threading
from typing import Any

import pytest

from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.sqlite import SQLiteBackend
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import *

ALONE = "a database in memory is one adapter's own and ends when that is closed"


class MemoryHarness(Harness):
    """One backend per database name."""

    def __init__(self) -> None:
        self.backends: dict[str, SQLiteBackend] = {}
        self.threads_before = threading.active_count()

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        self.backends[database] = SQLiteBackend(":memory:")
        return BackendAdapter(self.backends[database], schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        def read(connection: Any) -> list[dict[str, Any]]:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        return await self.backends[database]._writer.run(read)

    def statements(self, database: str) -> int | None:
        return self.backends[database].statements

    async def open_connections(self, database: str) -> int:
        return threading.active_count() - self.threads_before


@pytest.fixture
def harness() -> MemoryHarness:
    """A fresh harness for each test."""
    return MemoryHarness()
