"""The suite on the in-memory reference."""

from typing import Any

import pytest

from auth_adapters import Adapter, Observer, Schema
from auth_adapters.adapter import BackendAdapter
from auth_adapters.backends.memory import MemoryBackend, MemoryStore
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import *


class MemoryHarness(Harness):
    """One store per database name."""

    def __init__(self) -> None:
        self.stores: dict[str, MemoryStore] = {}

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        store = self.stores.setdefault(database, MemoryStore())
        return BackendAdapter(MemoryBackend(store), schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        return [dict(row) for row in self.stores[database].tables.rows[table].values()]


@pytest.fixture
def harness() -> MemoryHarness:
    """A fresh harness for each test."""
    return MemoryHarness()
