"""What the bindings of MongoDB share: each of the suite's databases is one of the server's."""

import gc
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

import servers
from auth_adapters import Adapter, BackendAdapter, Observer, Schema
from auth_adapters.backends.mongodb import MongoDBBackend, MongoDBOptions
from auth_adapters.backends.mongodb.names import KEY, TOUCHED
from auth_adapters.conformance import Harness
from auth_adapters.layout import lay_out

LEFT_TO_THE_COLLECTOR = [
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]
"""PyMongo does not close the socket of a connection that it was still making when it was cancelled: the garbage
collector does.
"""
ASKING = frozenset({"find", "aggregate", "getMore", "insert", "update", "delete", "findAndModify"})


class Counter(CommandListener):
    """How many commands were sent that read or write."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.count += event.command_name in ASKING

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@lru_cache
def one_client(url: str) -> MongoClient[dict[str, Any]]:
    """A synchronous client for looking behind the adapter, the same for all tests."""
    return MongoClient(url, uuidRepresentation="standard", tz_aware=True)


class MongoDBHarness(Harness):
    """One database of the server per database of the suite; dropped after the test."""

    deviations = MappingProxyType({})
    prefix = "t"

    def __init__(self, server: servers.MongoDB) -> None:
        self.url = server.url
        self.sync: MongoClient[dict[str, Any]] = one_client(self.url)
        self.counters: dict[str, Counter] = {}
        self.schemas: set[str] = set()
        self.polls = 0
        self.keys: dict[str, dict[str, tuple[str, ...]]] = {}

    def place(self, database: str) -> str:
        """The name of a database on the server."""
        return self.prefix + database

    def options(self, database: str) -> MongoDBOptions:
        """How to connect to one of the suite's databases, empty when it is named first."""
        if database not in self.counters:
            self.counters[database] = Counter()
            self.sync.drop_database(self.place(database))
        client = {"appname": self.place(database), "event_listeners": [self.counters[database]]}
        return MongoDBOptions(url=self.url, database=self.place(database), client=client)

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        self.remember(database, schema)
        return BackendAdapter(MongoDBBackend(self.options(database)), schema=schema, observe=observe)

    def remember(self, database: str, schema: Schema) -> None:
        """Which columns are the primary keys there."""
        if schema.naming.database_schema is not None:
            self.schemas.add(schema.naming.database_schema)
        for table in lay_out(schema, MongoDBBackend.storage).tables.values():
            self.keys.setdefault(database, {})[table.name] = table.primary_key

    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        found = self.sync[self.place(database)][table].find()
        return [self._by_column(database, table, document) for document in found]

    def _by_column(self, database: str, table: str, document: dict[str, Any]) -> dict[str, Any]:
        """A document as a row: without the count that the backend keeps in it, and without the `_id` of its own that
        it has beside a composite key.
        """
        key = self.keys[database][table]
        row = {name: value for name, value in document.items() if name not in (KEY, TOUCHED)}
        return {key[0]: document[KEY], **row} if len(key) == 1 else row

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        found = self.sync[self.place(database)][table].index_information()
        return [
            (tuple(key for key, _ in one["key"]), bool(one.get("unique")))
            for name, one in found.items()
            if name != "_id_" and not name.startswith("pk_")
        ]

    def statements(self, database: str) -> int | None:
        return self.counters[database].count

    async def open_connections(self, database: str) -> int:
        self.polls += 1
        if self.polls % 10 == 0:  # what is left may be a socket that PyMongo leaves to the collector
            gc.collect()
        pipeline: list[dict[str, Any]] = [
            {"$currentOp": {"allUsers": True, "idleConnections": True}},
            {"$match": {"appName": self.place(database)}},
        ]
        return len(list(self.sync.admin.aggregate(pipeline)))

    async def aclose(self) -> None:
        for database in self.counters:
            self.sync.drop_database(self.place(database))
        self.counters.clear()
        for schema in self.schemas:
            self.sync.drop_database(schema)
