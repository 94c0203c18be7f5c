"""The backends on MongoDB: on a client of ours, and on the application's."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import PyMongoError

from auth_adapters.backends.mongodb.capabilities import REPLICA_SET, STANDALONE, STORAGE
from auth_adapters.backends.mongodb.collections import Client, Collections
from auth_adapters.backends.mongodb.discretion import Discretion
from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.names import check_names
from auth_adapters.backends.mongodb.options import MongoDBOptions
from auth_adapters.backends.mongodb.presence import Presence
from auth_adapters.backends.mongodb.scope import Scope
from auth_adapters.backends.mongodb.shapes import Shapes
from auth_adapters.backends.mongodb.transactions import MongoDBBound, begun, in_transaction
from auth_adapters.backends.mongodb.verbs import MongoDBVerbs
from auth_adapters.backends.mongodb.waiting import mend_waiting
from auth_adapters.cancellation import uninterrupted
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import AdapterStateError, ConfigurationError, SchemaError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction, Isolation

__all__ = ["MongoDBBackend", "MongoDBClientBackend"]

T = TypeVar("T")
MINIMUM: Final = 13
"""The wire version of MongoDB 5.0."""


class MongoDBBackend(MongoDBVerbs):
    """MongoDB 5.0 or later, on a client of our own: a replica set, a sharded cluster, or a server that stands alone."""

    storage: Storage = STORAGE
    capabilities: Capabilities = REPLICA_SET

    def __init__(self, options: MongoDBOptions) -> None:
        self.options: MongoDBOptions = options
        self._here: Scope | None = None

    async def open(self, layout: Layout) -> None:
        check_names(layout, self.options.database)
        if self.options.ttl:
            _check_expiring(layout)
        mend_waiting()
        client = self._client()
        try:
            with pymongo.timeout(self.options.connect_timeout):
                hello = await told(client.admin.command("hello"))
            _check_version(hello)
        except BaseException:
            await uninterrupted(self._let_go(client))
            raise
        self.capabilities = REPLICA_SET if "setName" in hello or hello.get("msg") == "isdbgrid" else STANDALONE
        collections = Collections(client, self.options.database, layout, self.options)
        self._here = Scope(collections, Shapes(layout), self._presence(client))

    def _client(self) -> Client:
        listeners = [Discretion(), *self.options.client.get("event_listeners", ())]
        try:
            return AsyncMongoClient(self.options.url, **{**self.options.client, "event_listeners": listeners})
        except (PyMongoError, ValueError, OSError) as error:  # what it says may quote the URL
            refusal = type(error).__name__
        raise ConfigurationError(f"PyMongo refused these options together ({refusal}): see its manual")

    async def _let_go(self, client: Client) -> None:
        await client.close()

    def _presence(self, client: Client) -> Presence:
        pool = client.options.pool_options
        unlimited = math.isinf(pool.max_pool_size)
        return Presence(None if unlimited else int(pool.max_pool_size), pool.wait_queue_timeout)

    async def close(self) -> None:
        here = self._here
        if here is not None:
            await here.presence.over()  # who is under way asks where: it is here until then
            self._here = None
            await self._let_go(here.collections.client)

    async def create_tables(self) -> None:
        here = self._scope()
        with here.presence:
            await here.collections.create()

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        return await begun(self._scope(), self.options.write_concern)

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        session = connection_or_session
        if not isinstance(session, AsyncClientSession):
            raise ConfigurationError(
                f"bind takes a session of PyMongo's AsyncMongoClient, not {type(session).__name__}"
            )
        here = self._scope()
        if not session.in_transaction:
            raise ConfigurationError("bind takes a session with a transaction under way: session.start_transaction()")
        collections = here.collections
        if session.client is not collections.client:
            collections = Collections(session.client, self.options.database, collections.layout, self.options)
        return MongoDBBound(Scope(collections, here.shapes, here.presence, session))

    def _scope(self) -> Scope:
        if self._here is None:
            raise AdapterStateError("the backend is not open")
        return self._here

    @property
    def _transactions(self) -> bool:
        return self.capabilities.transactions

    async def _atomically(self, work: Callable[[Scope], Awaitable[T]]) -> T:
        here = self._scope()
        if not self._transactions:
            return await work(here)
        return await in_transaction(lambda: begun(here, self.options.write_concern), work)


class MongoDBClientBackend(MongoDBBackend):
    """On the application's own `AsyncMongoClient`, which is never closed."""

    def __init__(self, client: Client, options: MongoDBOptions) -> None:
        super().__init__(options)
        self._foreign = client

    def _client(self) -> Client:
        return self._foreign

    async def _let_go(self, client: Client) -> None:
        pass

    def _presence(self, client: Client) -> Presence:
        return Presence()  # who else uses the pool is not known


def _check_version(hello: Mapping[str, Any]) -> None:
    if hello["maxWireVersion"] < MINIMUM:
        raise ConfigurationError("this MongoDB is too old; 5.0 is the oldest that works")


def _check_expiring(layout: Layout) -> None:
    for table in layout.tables.values():
        if table.expires is not None and next(layout.children(table), None) is not None:
            raise SchemaError(
                f"ttl: others refer to {table.model!r}, and MongoDB removes what has expired without looking after them"
            )
