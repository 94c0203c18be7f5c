"""Pools that are full, servers that refuse, and many that begin at once, on a real replica set."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

import servers
from auth_adapters import (
    ALL,
    SESSION,
    USER,
    Adapter,
    AdapterStateError,
    AuthAdapterError,
    BackendError,
    ConfigurationError,
    ConnectionFailedError,
    Field,
    Model,
    PoolTimeoutError,
    Schema,
    TableMissingError,
    TransientError,
    UniqueViolationError,
    connect,
)
from conformance_tests.mongodb_outside import OutsideMongoDB, nothing_leaked
from conformance_tests.resilience.outside import patience, until

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""PyMongo leaves it to the interpreter to close a socket where connecting is cancelled."""
LATER = datetime.now(UTC) + timedelta(days=1)
NUMBERED = Schema({"ticket": Model(fields={"name": Field("string", unique=True)})}, ids="serial")


@pytest.fixture
def outside(mongodb_server: servers.MongoDB) -> Iterator[OutsideMongoDB]:
    outside = OutsideMongoDB(mongodb_server)
    yield outside
    outside.close()


async def sign_up(db: Adapter, email: str) -> None:
    """A user and a session, in one transaction."""

    async def work(tx: Adapter) -> None:
        user = await tx.create(USER, {"email": email})
        await tx.create(SESSION, {"user_id": user["id"], "token": email, "expires_at": LATER})

    await db.run_transaction(work, attempts=10)


@pytest.mark.asyncio
class TestPools:
    """More tasks than connections."""

    @pytest.mark.parametrize("size", [1, 2])
    async def test_a_hundred_tasks_share_few_connections(self, outside: OutsideMongoDB, size: int) -> None:
        async with patience(), outside.connect(pool_size=size) as db:
            await db.create_tables()
            await asyncio.gather(
                *(db.create(USER, {"email": f"{number}"}) for number in range(100)),
                *(sign_up(db, f"tx{number}") for number in range(20)),
                *(db.count(USER) for _ in range(20)),
            )
            assert (await db.count(USER), await db.count(SESSION)) == (120, 20)
            await nothing_leaked(db, outside)

    async def test_transactions_hold_no_connection_between_statements(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=1, acquire_timeout=0.5) as db:
            await db.create_tables()

            async def slow(number: int) -> None:
                async with db.transaction() as tx:
                    await tx.create(USER, {"email": f"{number}"})
                    await asyncio.sleep(0.3)

            await asyncio.gather(*(slow(number) for number in range(5)))
            assert await db.count(USER) == 5
            await nothing_leaked(db, outside)

    async def test_a_statement_whose_transaction_is_gone_is_not_why(
        self, outside: OutsideMongoDB, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tries: list[asyncio.Task[Any]] = []
        abort = AsyncClientSession.abort_transaction

        async def leave_one_behind(tx: Adapter) -> None:
            await tx.create(USER, {"email": "a"})
            tries.append(asyncio.create_task(tx.create(USER, {"email": "late"})))
            await asyncio.sleep(0.05)

        async def abort_and_wait(session: AsyncClientSession) -> None:
            await abort(session)
            await asyncio.wait(tries)

        async with patience(), outside.connect() as db:
            await db.create_tables()
            monkeypatch.setattr(AsyncClientSession, "abort_transaction", abort_and_wait)
            with outside.failing("insert", skip=1, blockConnection=True, blockTimeMS=300) as failing:
                with pytest.raises(AdapterStateError, match="still in use"):
                    await db.run_transaction(leave_one_behind)
            assert failing.hits == 1
            (outcome,) = await asyncio.gather(*tries, return_exceptions=True)
            assert isinstance(outcome, TransientError)
            assert await db.count(USER) == 0
            await nothing_leaked(db, outside)

    async def test_a_wait_for_a_connection_ends_with_acquire_timeout(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=1, acquire_timeout=0.2) as db:
            await db.create_tables()
            with outside.failing("find", blockConnection=True, blockTimeMS=1_000):
                slow = asyncio.create_task(db.find_one(USER, {"email": "a"}))
                await asyncio.sleep(0.1)
                started = time.monotonic()
                errors = await asyncio.gather(*(db.count(USER) for _ in range(10)), return_exceptions=True)
                assert [type(error) for error in errors] == [PoolTimeoutError] * 10
                assert time.monotonic() - started < 0.8
                assert await slow is None
            assert await db.count(USER) == 0
            await nothing_leaked(db, outside)

    async def test_a_wait_that_is_cancelled_takes_nothing_along(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=1) as db:
            await db.create_tables()
            with outside.failing("find", blockConnection=True, blockTimeMS=500):
                slow = asyncio.create_task(db.find_one(USER, {"email": "a"}))
                await asyncio.sleep(0.1)
                waiting = [asyncio.create_task(db.count(USER)) for _ in range(20)]
                await asyncio.sleep(0.05)
                for task in waiting[:15]:
                    task.cancel()
                results = await asyncio.gather(*waiting, return_exceptions=True)
                assert results[15:] == [0] * 5
                assert await slow is None
            await nothing_leaked(db, outside)


@pytest.mark.asyncio
class TestConnecting:
    """Servers that are not there, or refuse."""

    async def test_a_server_that_is_not_there(self) -> None:
        started = time.monotonic()
        with pytest.raises(ConnectionFailedError) as caught:
            await connect("mongodb://ada:s3cret@127.0.0.1:1/x", connect_timeout=0.5).open()
        assert time.monotonic() - started < 2
        assert "s3cret" not in f"{caught.value!r} {vars(caught.value)}"

    async def test_a_server_that_says_nothing(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
            port = silent.getsockname()[1]
            started = time.monotonic()
            with pytest.raises(ConnectionFailedError):
                await connect(f"mongodb://127.0.0.1:{port}/x", connect_timeout=0.5).open()
            assert time.monotonic() - started < 2

    async def test_a_set_of_another_name(self, outside: OutsideMongoDB) -> None:
        with pytest.raises(ConnectionFailedError):
            await outside.connect(replicaSet="other", connect_timeout=0.5).open()

    async def test_a_wrong_password_is_refused_and_not_shown(self, outside: OutsideMongoDB) -> None:
        command = outside.sync["admin"].command
        command("createUser", "ada", pwd="r1ght", roles=["root"])
        try:
            place = f"127.0.0.1:{outside.server.port}/{outside.name}?replicaSet=rs0&authSource=admin"
            for user, password in (("ada", "wr0ng"), ("eve", "wr0ng"), ("ada", "wr0ng%2F%40")):
                started = time.monotonic()
                with pytest.raises(ConnectionFailedError) as caught:
                    await connect(f"mongodb://{user}:{password}@{place}").open()
                assert time.monotonic() - started < 5
                assert caught.value.code == 18
                assert "wr0ng" not in f"{caught.value!r} {vars(caught.value)}"
                assert caught.value.__cause__ is None
            async with connect(f"mongodb://ada:r1ght@{place}") as db:
                await db.create_tables()
        finally:
            command("dropUser", "ada")

    async def test_a_client_of_the_applications_is_not_closed_by_a_failure(self, outside: OutsideMongoDB) -> None:
        async with AsyncMongoClient[dict[str, Any]]("mongodb://127.0.0.1:1", serverSelectionTimeoutMS=200) as client:
            with pytest.raises(ConnectionFailedError):
                await connect(client, database="x", connect_timeout=0.3).open()
        async with AsyncMongoClient[dict[str, Any]](outside.server.url) as client:
            async with connect(client, database=outside.name) as db:
                await db.create_tables()
            assert await client[outside.name]["user"].count_documents({}) == 0

    async def test_an_adapter_closed_while_it_is_used_lets_everybody_finish(self, outside: OutsideMongoDB) -> None:
        db = outside.connect(pool_size=2)
        await db.open()
        await db.create_tables()
        work = [asyncio.create_task(db.create(USER, {"email": f"{number}"})) for number in range(20)]
        await asyncio.sleep(0)
        async with patience():
            await db.close()
            results = await asyncio.gather(*work, return_exceptions=True)
        assert [repr(one) for one in results if not isinstance(one, dict | AuthAdapterError)] == []
        stored = {one["email"] for one in outside.stored("user")}
        assert {one["email"] for one in results if isinstance(one, dict)} <= stored


@pytest.mark.asyncio
class TestStartingUp:
    """Many that begin at once."""

    async def test_eight_adapters_create_the_tables_at_once(self, outside: OutsideMongoDB) -> None:
        async with patience():
            adapters = [outside.connect() for _ in range(8)]
            await asyncio.gather(*(db.open() for db in adapters))
            await asyncio.gather(*(db.create_tables() for db in adapters))
            database = outside.sync[outside.name]
            for table in ("user", "session", "account", "verification", "counter"):
                keys = [tuple(one["key"].items()) for one in database[table].list_indexes()]
                assert len(keys) == len(set(keys)) > 1
            await asyncio.gather(*(db.create(USER, {"email": f"{at}"}) for at, db in enumerate(adapters)))
            assert await adapters[0].count(USER) == 8
            await asyncio.gather(*(db.close() for db in adapters))

    async def test_eight_adapters_with_serial_ids(self, outside: OutsideMongoDB) -> None:
        async with patience():
            adapters = [outside.connect(schema=NUMBERED) for _ in range(8)]
            await asyncio.gather(*(db.open() for db in adapters))
            await asyncio.gather(*(db.create_tables() for db in adapters))
            made = await asyncio.gather(
                *(db.create("ticket", {"name": f"{at}.{n}"}) for n in range(10) for at, db in enumerate(adapters))
            )
            assert len({one["id"] for one in made}) == 80
            await asyncio.gather(*(db.close() for db in adapters))

    async def test_of_fifty_that_sign_up_with_one_address_one_wins(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect() as one, outside.connect() as two:
            await one.create_tables()
            work = [db.create(USER, {"email": "ada"}) for _ in range(25) for db in (one, two)]
            results = await asyncio.gather(*work, return_exceptions=True)
            assert len([result for result in results if isinstance(result, dict)]) == 1
            assert len([result for result in results if isinstance(result, UniqueViolationError)]) == 49
            assert len(outside.stored("user")) == 1

    async def test_of_transactions_that_sign_up_with_one_address_one_wins(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            results = await asyncio.gather(*(sign_up(db, "ada") for _ in range(20)), return_exceptions=True)
            assert results.count(None) == 1
            others = [result for result in results if result is not None]
            assert [repr(one) for one in others if not isinstance(one, UniqueViolationError | TransientError)] == []
            assert (await db.count(USER), await db.count(SESSION)) == (1, 1)
            await nothing_leaked(db, outside)

    async def test_of_batches_with_one_address_in_common_one_wins(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            batches = [[{"email": "common"}, {"email": f"{number}"}] for number in range(10)]
            work = [db.create_many(USER, batch) for batch in batches]
            results = await asyncio.gather(*work, return_exceptions=True)
            assert len([result for result in results if isinstance(result, list)]) == 1
            assert len([result for result in results if isinstance(result, UniqueViolationError)]) == 9
            assert await db.count(USER) == 2
            await nothing_leaked(db, outside)


def index_of_email(outside: OutsideMongoDB) -> str:
    found = outside.sync[outside.name]["user"].index_information()
    return next(name for name, one in found.items() if one["key"] == [("email", 1)])


@pytest.mark.asyncio
class TestCollections:
    """What was there before, and what is not there."""

    async def test_a_collection_that_is_missing(self, outside: OutsideMongoDB) -> None:
        async with outside.connect() as db:
            for work in (
                lambda: db.count(USER),
                lambda: db.create(USER, {"email": "a"}),
                lambda: db.delete_many(USER, ALL),
                lambda: db.find_one(SESSION, {"token": "t"}, join=["user"]),
            ):
                with pytest.raises(TableMissingError, match="create_tables"):
                    await work()
            assert outside.sync[outside.name].list_collection_names() == []

    async def test_a_unique_index_that_is_missing(self, outside: OutsideMongoDB) -> None:
        async with outside.connect() as db:
            await db.create_tables()
        outside.sync[outside.name]["user"].drop_index(index_of_email(outside))
        async with outside.connect() as db:
            with pytest.raises(TableMissingError, match="create_tables"):
                await db.create(USER, {"email": "a"})
            await db.create_tables()
            await db.create(USER, {"email": "a"})

    @pytest.mark.parametrize(
        ("keys", "options"),
        [
            ([("email", 1)], {}),
            ([("email", 1)], {"unique": True, "sparse": True}),
            ([("email", 1)], {"unique": True, "collation": {"locale": "en", "strength": 2}}),
            ([("email", 1)], {"unique": True, "partialFilterExpression": {"name": {"$gt": ""}}}),
            ([("email", 1)], {"name": "mine"}),
            ([("name", 1)], {}),
        ],
        ids=["not-unique", "sparse", "collation", "partial", "another-name", "other-keys"],
    )
    async def test_an_index_in_the_way(self, outside: OutsideMongoDB, keys: Any, options: dict[str, Any]) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            name = index_of_email(outside)
        outside.sync[outside.name].drop_collection("user")
        outside.sync[outside.name]["user"].create_index(keys, **{"name": name, **options})
        async with outside.connect() as db:
            with pytest.raises(ConfigurationError, match=r"user.* drop it"):
                await db.create_tables()
            assert [task for task in asyncio.all_tasks() if "_create" in repr(task.get_coro())] == []

    async def test_addresses_that_are_there_twice(self, outside: OutsideMongoDB) -> None:
        outside.sync[outside.name]["user"].insert_many([{"email": "a"}, {"email": "a"}])
        async with outside.connect() as db:
            with pytest.raises(UniqueViolationError):
                await db.create_tables()

    async def test_an_index_that_does_the_same_under_another_name_will_do(self, outside: OutsideMongoDB) -> None:
        outside.sync[outside.name]["user"].create_index([("email", 1)], name="mine", unique=True)
        async with outside.connect() as db:
            await db.create_tables()
            await db.create(USER, {"email": "a"})
            with pytest.raises(UniqueViolationError) as caught:
                await db.create(USER, {"email": "a"})
            assert caught.value.fields == ("email",)

    async def test_a_collection_dropped_under_an_open_adapter(self, outside: OutsideMongoDB) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            outside.sync[outside.name].drop_collection("user")
            with suppress(BackendError):
                assert await db.count(USER) == 0
            await db.create_tables()
            await db.create(USER, {"email": "a"})


@pytest.mark.asyncio
class TestExpiry:
    """MongoDB removes what has expired by itself, if asked to."""

    async def test_what_has_expired_is_removed(self, outside: OutsideMongoDB) -> None:
        past = datetime.now(UTC) - timedelta(minutes=1)
        async with patience(), outside.connect(ttl=True) as db:
            await db.create_tables()
            await db.create_tables()
            user = await db.create(USER, {"email": "a"})
            for name, moment in (("old", past), ("new", LATER)):
                await db.create("verification", {"identifier": name, "value": "v", "expires_at": moment})
                await db.create(SESSION, {"user_id": user["id"], "token": name, "expires_at": moment})
            await until(lambda: len(outside.stored("verification")) == len(outside.stored("session")) == 1)
            assert [one["identifier"] for one in outside.stored("verification")] == ["new"]
            assert [one["token"] for one in outside.stored("session")] == ["new"]

    async def test_without_being_asked_it_removes_nothing(self, outside: OutsideMongoDB) -> None:
        past = datetime.now(UTC) - timedelta(minutes=1)
        async with patience(), outside.connect() as db:
            await db.create_tables()
            await db.create("verification", {"identifier": "old", "value": "v", "expires_at": past})
            await asyncio.sleep(1.5)
            assert await db.count("verification") == 1

    async def test_an_index_made_without_is_in_the_way(self, outside: OutsideMongoDB) -> None:
        async with outside.connect() as db:
            await db.create_tables()
        async with outside.connect(ttl=True) as db:
            with pytest.raises(ConfigurationError, match="drop it"):
                await db.create_tables()
