import pytest
from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.conformance import Harness
from auth_adapters.conformance.suite import *

from auth_adapters_kv import KeyValueBackend, KeyValueStore
from auth_adapters_kv.batch import load


class KeyValueHarness(Harness):
    def __init__(self) -> None:
        self.stores: dict[str, KeyValueStore] = {}

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        store = self.stores.setdefault(database, KeyValueStore())
        return BackendAdapter(KeyValueBackend(store), schema=schema, observe=observe)

    async def stored(self, database: str, table: str) -> list[dict[str, object]]:
        return [load(blob) for blob in self.stores[database].buckets[table].values()]

    async def open_connections(self, database: str) -> int:
        return self.stores[database].clients


@pytest.fixture
def harness() -> KeyValueHarness:
    return KeyValueHarness()
