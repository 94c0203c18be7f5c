"""The suite on MongoDB, on what an application owns: its client, its database, its sessions.

The topics in which connections and transactions matter; the commands are those of `test_mongodb`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from types import MappingProxyType
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient, MongoClient

import servers
from auth_adapters import (
    ALL,
    Adapter,
    AdapterStateError,
    ConfigurationError,
    ForeignKeyViolationError,
    Observer,
    Schema,
    TransientError,
    UniqueViolationError,
    auth_schema,
    connect,
)
from auth_adapters.conformance.suite import (
    TestAtomicity,
    TestAtomicityInTransactions,
    TestClosing,
    TestConsume,
    TestCreateTables,
    TestFailedTransactions,
    TestJson,
    TestRunTransaction,
    TestSecrecy,
    TestTimes,
    TestTransactions,
    TestUnique,
    TestUpsert,
)
from auth_adapters.conformance.topic import LATER, make_session, make_user
from conformance_tests.mongodb_harness import LEFT_TO_THE_COLLECTOR, MongoDBHarness

__all__ = [
    "TestAtomicity",
    "TestAtomicityInTransactions",
    "TestClosing",
    "TestConsume",
    "TestCreateTables",
    "TestFailedTransactions",
    "TestJson",
    "TestRunTransaction",
    "TestSecrecy",
    "TestTimes",
    "TestTransactions",
    "TestUnique",
    "TestUpsert",
    "harness",
]

NEW = {"user_id": "nobody", "expires_at": LATER}
pytestmark = LEFT_TO_THE_COLLECTOR
Client = AsyncMongoClient[dict[str, Any]]


class ClientHarness(MongoDBHarness):
    """One client per test, of the application's: closed here, never by the adapter."""

    prefix = "o"
    deviations = MappingProxyType(
        {
            "TestSecrecy::test_nothing_is_logged_with_a_value": "an application's own client logs what it likes",
        }
    )

    def __init__(self, server: servers.MongoDB) -> None:
        super().__init__(server)
        self.clients: dict[str, Client] = {}

    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        self.remember(database, schema)
        if database not in self.clients:
            listeners = self.options(database).client["event_listeners"]
            self.clients[database] = AsyncMongoClient(self.url, event_listeners=listeners)
        return connect(self.clients[database][self.place(database)], schema=schema, observe=observe)

    async def open_connections(self, database: str) -> int:
        pools = self.clients[database].nodes
        assert pools, "the client has been closed"
        return 0

    async def aclose(self) -> None:
        for client in self.clients.values():
            await client.close()
        self.clients.clear()
        await super().aclose()


@pytest_asyncio.fixture
async def harness(mongodb_server: servers.MongoDB) -> AsyncIterator[ClientHarness]:
    """Databases of its own for each test."""
    harness = ClientHarness(mongodb_server)
    yield harness
    await harness.aclose()


@pytest_asyncio.fixture
async def client(mongodb_server: servers.MongoDB) -> AsyncIterator[Client]:
    """The application's."""
    async with AsyncMongoClient[dict[str, Any]](mongodb_server.url) as client:
        await client.drop_database("owned")
        yield client
        await client.drop_database("owned")


@pytest_asyncio.fixture
async def db(client: Client) -> AsyncIterator[Adapter]:
    """An adapter on it."""
    async with connect(client, database="owned") as db:
        await db.create_tables()
        yield db


@pytest.mark.asyncio
async def test_the_client_is_not_closed(client: Client, db: Adapter) -> None:
    await make_user(db)
    await db.close()
    assert await client["owned"]["user"].count_documents({}) == 1


@pytest.mark.asyncio
async def test_closing_waits_for_create_tables(mongodb_server: servers.MongoDB) -> None:
    url = mongodb_server.create_database("closing")
    db = connect(url)
    await db.open()
    creating = asyncio.create_task(db.create_tables())
    await asyncio.sleep(0)
    await db.close()
    await creating
    async with db:
        assert await db.count("user") == 0
    async with AsyncMongoClient[dict[str, Any]](url) as client:
        await client.drop_database("closing")


@pytest.mark.asyncio
async def test_closing_waits_for_those_who_wait_for_their_turn(mongodb_server: servers.MongoDB) -> None:
    url = mongodb_server.create_database("queue")
    async with connect(url, pool_size=2, schema=auth_schema(ids="serial")) as db:
        await db.create_tables()
        rows = [{"email": "a"}, {"email": "b"}]
        creating = [
            asyncio.create_task(db.create_many("user", [{"email": f"{turn}{row['email']}"} for row in rows]))
            for turn in range(10)
        ]
        await asyncio.sleep(0)
    assert [len(made) for made in await asyncio.gather(*creating)] == [2] * 10
    async with AsyncMongoClient[dict[str, Any]](url) as client:
        assert await client["queue"]["user"].count_documents({}) == 20
        await client.drop_database("queue")


@pytest.mark.asyncio
async def test_what_the_owner_commits_is_stored_with_the_owners_own(client: Client, db: Adapter) -> None:
    async with client.start_session() as session:
        async with await session.start_transaction():
            bound = db.bind(session)
            user = await make_user(bound)
            token = await make_session(bound, user)
            await client["owned"]["orders"].insert_one({"buyer": user["id"]}, session=session)
            assert await db.count("user") == 0
            assert await bound.find_many("session", join=["user"]) == [{**token, "user": user}]
        assert await db.find_many("user") == [user]
    assert await client["owned"]["orders"].count_documents({}) == 1


@pytest.mark.asyncio
async def test_what_the_owner_aborts_is_undone_whatever_the_verb(client: Client, db: Adapter) -> None:
    ada, bob = await make_user(db), await make_user(db, "bob@example.com")
    token = await make_session(db, ada)
    async with client.start_session() as session:
        await session.start_transaction()
        bound = db.bind(session)
        await bound.create_many("user", [{"email": "cyd@example.com"}, {"email": "dan@example.com"}])
        await bound.update("user", {"id": bob["id"]}, {"name": "Bob"})
        assert await bound.delete("user", {"id": ada["id"]}) is True
        assert await bound.count("session") == 0
        assert (await bound.upsert("user", {"email": "eve@example.com"}, on=["email"]))[1] is True
        await session.abort_transaction()
    assert await db.find_many("user", sort=["email"]) == [ada, bob]
    assert await db.find_many("session") == [token]


@pytest.mark.asyncio
async def test_errors_are_typed_and_the_transaction_stays_the_owners(client: Client, db: Adapter) -> None:
    await make_user(db)
    async with client.start_session() as session:
        await session.start_transaction()
        bound = db.bind(session)
        with pytest.raises(UniqueViolationError) as caught:
            await make_user(bound)
        assert (caught.value.model, caught.value.fields) == ("user", ("email",))
        with pytest.raises(TransientError):  # the server has undone it by then
            await bound.count("user")
        await session.abort_transaction()
        await session.start_transaction()
        with pytest.raises(ForeignKeyViolationError):
            await make_session(bound, {"id": "nobody"})
        await session.abort_transaction()
    assert (await db.count("user"), await db.count("session")) == (1, 0)


@pytest.mark.asyncio
async def test_a_child_without_its_parent_is_not_stored_though_the_owner_commits(client: Client, db: Adapter) -> None:
    ada = await make_user(db)
    child = {"user_id": "nobody", "expires_at": ada["created_at"].replace(year=9000)}
    async with client.start_session() as session, await session.start_transaction():
        bound = db.bind(session)
        with pytest.raises(ForeignKeyViolationError):
            await bound.create("session", {**child, "token": "a"})
        with pytest.raises(ForeignKeyViolationError):
            await bound.create_many("session", [{**child, "token": "b", "user_id": ada["id"]}, {**child, "token": "c"}])
        with pytest.raises(ForeignKeyViolationError):
            await bound.upsert("session", {**child, "token": "d"}, on=["token"])
        kept = await make_session(bound, ada)
    assert await db.find_many("session") == [kept]


@pytest.mark.asyncio
async def test_what_was_refused_is_not_there_though_the_owner_commits(client: Client, db: Adapter) -> None:
    user = await make_user(db)
    token = await make_session(db, user)
    async with client.start_session() as session:
        async with await session.start_transaction():
            bound = db.bind(session)
            refusals: list[Awaitable[Any]] = [
                make_session(bound, {"id": "nobody"}, "other"),
                bound.create_many("session", [{**NEW, "token": "b"}, {**NEW, "token": "c"}]),
                bound.update("session", {"token": "token"}, {"user_id": "nobody"}),
                bound.update_many("session", ALL, {"user_id": "nobody"}),
            ]
            for refused in refusals:
                with pytest.raises(ForeignKeyViolationError):
                    await refused
    assert await db.find_many("session") == [token]


@pytest.mark.asyncio
async def test_only_a_session_with_a_transaction_under_way_is_bound(client: Client, db: Adapter) -> None:
    sync: MongoClient[dict[str, Any]] = MongoClient(connect=False)
    for wrong in (object(), None, client, client["owned"], sync):
        with pytest.raises(ConfigurationError, match="bind takes a session"):
            db.bind(wrong)
    sync.close()
    async with client.start_session() as session:
        with pytest.raises(ConfigurationError, match="start_transaction"):
            db.bind(session)
        async with await session.start_transaction():
            bound = db.bind(session)
            await make_user(bound)
        with pytest.raises(AdapterStateError, match="no transaction under way"):
            await bound.count("user")
        async with await session.start_transaction():
            assert await bound.count("user") == 1


@pytest.mark.asyncio
async def test_a_session_of_another_client_is_bound_on_that_client(
    client: Client, db: Adapter, mongodb_server: servers.MongoDB
) -> None:
    async with AsyncMongoClient[dict[str, Any]](mongodb_server.url) as other, other.start_session() as session:
        async with await session.start_transaction():
            user = await make_user(db.bind(session))
    assert await db.find_many("user") == [user]
    assert await client["owned"]["user"].count_documents({}) == 1
