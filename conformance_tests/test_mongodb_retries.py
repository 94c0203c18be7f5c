"""What the driver and the backend try again, and how often it is done then: by fail points of a real replica set."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import servers
from auth_adapters import (
    ALL,
    SESSION,
    USER,
    VERIFICATION,
    Adapter,
    AdapterStateError,
    BackendError,
    ConnectionFailedError,
    OperationTimeoutError,
    TransientError,
)
from auth_adapters.backends.mongodb import transactions
from conformance_tests.mongodb_outside import LossyProxy, OutsideMongoDB, nothing_leaked
from conformance_tests.resilience.outside import patience

LATER = datetime.now(UTC) + timedelta(days=1)
TRANSACTION = ["TransientTransactionError"]
RETRYABLE = ["RetryableWriteError"]
OFTEN: dict[str, Any] = {"heartbeatFrequencyMS": 500}
"""A server that only pretends to step down does not tell the client at once that it is the primary still."""
UNKNOWN = ["UnknownTransactionCommitResult"]


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MongoDB]:
    """A server of this module's own: its fail points are everybody's."""
    with servers.mongodb() as server:
        yield server


@pytest.fixture(scope="module")
def database(server: servers.MongoDB) -> Iterator[OutsideMongoDB]:
    outside = OutsideMongoDB(server)
    yield outside
    outside.close()


@pytest.fixture
def outside(database: OutsideMongoDB) -> Iterator[OutsideMongoDB]:
    """The same database for all, empty; its collections are made once."""
    yield database
    database.empty()


async def furnish(db: Adapter) -> None:
    """Two users, a session of the first, a verification and a counter."""
    await db.create_tables()
    ada = await db.create(USER, {"email": "ada", "name": ""})
    await db.create(USER, {"email": "bob", "name": ""})
    await db.create(SESSION, {"user_id": ada["id"], "token": "t", "expires_at": LATER})
    await db.create(VERIFICATION, {"identifier": "i", "value": "v", "expires_at": LATER})
    await db.create("counter", {"name": "c", "value": 1})


async def create(db: Adapter) -> None:
    assert (await db.create(USER, {"email": "eve"}))["email"] == "eve"
    assert await db.count(USER) == 3


async def create_child(db: Adapter) -> None:
    ada = await db.find_one(USER, {"email": "ada"})
    assert ada is not None
    await db.create(SESSION, {"user_id": ada["id"], "token": "u", "expires_at": LATER})
    assert await db.count(SESSION) == 2


async def create_many(db: Adapter) -> None:
    assert len(await db.create_many(USER, [{"email": str(number)} for number in range(5)])) == 5
    assert await db.count(USER) == 7


async def find_one(db: Adapter) -> None:
    assert await db.find_one(USER, {"email": "ada"})


async def find_joined(db: Adapter) -> None:
    found = await db.find_one(SESSION, {"token": "t"}, join=["user"])
    assert found is not None
    assert found["user"]["email"] == "ada"  # type: ignore[typeddict-item]


async def count(db: Adapter) -> None:
    assert await db.count(USER) == 2


async def iterate(db: Adapter) -> None:
    assert len([user async for user in db.iterate(USER, batch=1)]) == 2


async def update(db: Adapter) -> None:
    updated = await db.update(USER, {"email": "ada"}, {"name": "Ada"})
    assert updated is not None
    assert updated["name"] == "Ada"


async def update_many_of_one(db: Adapter) -> None:
    assert await db.update_many(USER, {"email": "ada"}, {"name": "Ada"}) == 1


async def update_many(db: Adapter) -> None:
    assert await db.update_many(USER, ALL, {"name": "all"}) == 2
    assert await db.count(USER, {"name": "all"}) == 2


async def increment(db: Adapter) -> None:
    counter = await db.increment_one("counter", {"name": "c"}, {"value": 10})
    assert counter is not None
    assert counter["value"] == 11


async def upsert_new(db: Adapter) -> None:
    record, created = await db.upsert("counter", {"name": "new", "value": 5}, on=["name"], changes={"value": 6})
    assert (record["value"], created) == (5, True)
    assert await db.count("counter") == 2


async def upsert_old(db: Adapter) -> None:
    record, created = await db.upsert("counter", {"name": "c", "value": 5}, on=["name"], changes={"value": 6})
    assert (record["value"], created) == (6, False)


async def consume(db: Adapter) -> None:
    consumed = await db.consume_one(VERIFICATION, {"identifier": "i"})
    assert consumed is not None
    assert consumed["value"] == "v"
    assert await db.consume_one(VERIFICATION, {"identifier": "i"}) is None


async def delete(db: Adapter) -> None:
    assert await db.delete(SESSION, {"token": "t"}) is True
    assert await db.count(SESSION) == 0


async def delete_many(db: Adapter) -> None:
    assert await db.delete_many(SESSION, ALL) == 1


async def cascade(db: Adapter) -> None:
    assert await db.delete(USER, {"email": "ada"}) is True
    assert (await db.count(USER), await db.count(SESSION)) == (1, 0)


async def consume_parent(db: Adapter) -> None:
    consumed = await db.consume_one(USER, {"email": "ada"})
    assert consumed is not None
    assert (await db.count(USER), await db.count(SESSION)) == (1, 0)


async def purge(db: Adapter) -> None:
    assert (await db.purge_expired(now=LATER + timedelta(days=1)))["verification"] == 1


async def transaction(db: Adapter) -> None:
    """In a transaction of the user's, tried again by `run_transaction`."""

    async def work(tx: Adapter) -> None:
        user = await tx.create(USER, {"email": "eve"})
        await tx.create(SESSION, {"user_id": user["id"], "token": "u", "expires_at": LATER})
        assert await tx.increment_one("counter", {"name": "c"}, {"value": 10})
        assert await tx.consume_one(VERIFICATION, {"identifier": "i"})

    await db.run_transaction(work)
    counter = await db.find_one("counter", {"name": "c"})
    assert counter is not None
    assert counter["value"] == 11
    assert (await db.count(USER), await db.count(SESSION), await db.count(VERIFICATION)) == (3, 2, 0)


VERBS: list[tuple[str, Callable[[Adapter], Awaitable[None]]]] = [
    ("find", find_one),
    ("find", iterate),
    ("aggregate", count),
    ("aggregate", find_joined),
    ("insert", create),
    ("insert", create_child),
    ("insert", create_many),
    ("insert", upsert_new),
    ("update", create_child),
    ("update", update_many_of_one),
    ("update", update_many),
    ("findAndModify", update),
    ("findAndModify", increment),
    ("findAndModify", upsert_old),
    ("findAndModify", upsert_new),
    ("findAndModify", consume),
    ("find", cascade),
    ("find", consume_parent),
    ("delete", delete),
    ("delete", delete_many),
    ("delete", cascade),
    ("delete", purge),
    ("insert", transaction),
    ("update", transaction),
    ("findAndModify", transaction),
]
each_verb = pytest.mark.parametrize(
    ("command", "verb"), VERBS, ids=[f"{command}-{verb.__name__}" for command, verb in VERBS]
)
TRANSACTIONS: list[tuple[str, Callable[[Adapter], Awaitable[None]]]] = [
    ("insert", create_many),
    ("update", update_many),
    ("delete", cascade),
    ("find", cascade),
    ("delete", consume_parent),
    ("delete", delete_many),
    ("insert", transaction),
    ("update", transaction),
    ("findAndModify", transaction),
]
each_transaction = pytest.mark.parametrize(
    ("command", "verb"), TRANSACTIONS, ids=[f"{command}-{verb.__name__}" for command, verb in TRANSACTIONS]
)
committing = pytest.mark.parametrize("verb", [create_many, update_many, cascade, transaction])


@pytest.mark.asyncio
class TestVerbs:
    """A verb whose command fails the first time is done, and once."""

    @each_verb
    async def test_a_connection_lost_before_the_command(
        self, outside: OutsideMongoDB, command: str, verb: Callable[[Adapter], Awaitable[None]]
    ) -> None:
        async with patience(), outside.connect() as db:
            await furnish(db)
            with outside.failing(command, closeConnection=True) as failing:
                await verb(db)
            assert failing.hits == 1
            await nothing_leaked(db, outside)

    @each_verb
    async def test_a_connection_lost_with_the_answer(
        self, outside: OutsideMongoDB, command: str, verb: Callable[[Adapter], Awaitable[None]]
    ) -> None:
        async with patience(), LossyProxy(outside.server.port) as proxy:
            url = f"mongodb://127.0.0.1:{proxy.port}/{outside.name}?directConnection=true&serverMonitoringMode=poll"
            async with outside.connect(url) as db:
                await furnish(db)
                proxy.lose.append(command)
                await verb(db)
                assert proxy.lost == [command]
                await nothing_leaked(db, outside)

    @each_verb
    async def test_a_primary_that_steps_down(
        self, outside: OutsideMongoDB, command: str, verb: Callable[[Adapter], Awaitable[None]]
    ) -> None:
        async with patience(), outside.connect(**OFTEN) as db:
            await furnish(db)
            with outside.failing(command, errorCode=11602) as failing:
                await verb(db)
            assert failing.hits == 1

    @pytest.mark.parametrize("code", [91, 189, 10107, 11600, 13435, 13436])
    async def test_a_primary_that_is_none_any_more(self, outside: OutsideMongoDB, code: int) -> None:
        async with patience(), outside.connect(**OFTEN) as db:
            await furnish(db)
            for command, verb in (("findAndModify", consume), ("insert", create), ("update", update_many)):
                with outside.failing(command, errorCode=code) as failing:
                    await verb(db)
                assert failing.hits == 1
                if verb is create:
                    assert await db.delete(USER, {"email": "eve"})

    @each_transaction
    async def test_a_write_conflict(
        self, outside: OutsideMongoDB, command: str, verb: Callable[[Adapter], Awaitable[None]]
    ) -> None:
        async with patience(), outside.connect() as db:
            await furnish(db)
            with outside.failing(command, errorCode=112, errorLabels=TRANSACTION) as failing:
                await verb(db)
            assert failing.hits == 1
            await nothing_leaked(db, outside)

    async def test_a_long_answer_that_is_cut_off_is_a_typed_error(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=2) as db:
            await furnish(db)
            await db.create_many(USER, [{"email": str(number)} for number in range(300)])
            with outside.failing("getMore", closeConnection=True) as failing:
                with pytest.raises(ConnectionFailedError):
                    await db.find_many(USER)
            assert failing.hits == 1
            assert len(await db.find_many(USER)) == 302
            await nothing_leaked(db, outside)

    async def test_write_conflicts_without_end_are_a_typed_error_in_the_end(
        self, outside: OutsideMongoDB, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transactions, "RETRY_SECONDS", 1.0)
        async with patience(), outside.connect() as db:
            await furnish(db)
            started = time.monotonic()
            with outside.failing("insert", times=None, errorCode=112, errorLabels=TRANSACTION):
                with pytest.raises(TransientError):
                    await create_many(db)
            assert 1 < time.monotonic() - started < 4
            assert await db.count(USER) == 2
            await nothing_leaked(db, outside)

    async def test_in_the_users_transaction_a_write_conflict_is_transient(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect() as db:
            await furnish(db)
            with outside.failing("insert", errorCode=112, errorLabels=TRANSACTION):
                with pytest.raises(TransientError) as caught:
                    async with db.transaction() as tx:
                        await tx.update(USER, {"email": "ada"}, {"name": "never"})
                        await tx.create(USER, {"email": "eve"})
            assert caught.value.code == 112
            assert (await db.count(USER), await db.count(USER, {"name": "never"})) == (2, 0)
            with outside.failing("insert", errorCode=112, errorLabels=TRANSACTION):
                with pytest.raises(TransientError, match="the transaction was rolled back"):
                    async with db.transaction() as tx:
                        with pytest.raises(TransientError):
                            await tx.create(USER, {"email": "eve"})
                        with pytest.raises(AdapterStateError):
                            await tx.count(USER)
            assert await db.count(USER) == 2
            await nothing_leaked(db, outside)

    async def test_in_the_users_transaction_a_lost_connection_is_transient(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect() as db:
            await furnish(db)
            for command in ("insert", "find", "findAndModify"):
                with outside.failing(command, closeConnection=True):
                    with pytest.raises(TransientError):
                        async with db.transaction() as tx:
                            await tx.update(USER, {"email": "ada"}, {"name": "never"})
                            await tx.find_one(USER, {"email": "ada"})
                            await tx.create(USER, {"email": "eve"})
            assert (await db.count(USER), await db.count(USER, {"name": "never"})) == (2, 0)
            await nothing_leaked(db, outside)


@pytest.mark.asyncio
class TestCommits:
    """A commit whose answer is lost is asked for again, and done once."""

    @committing
    @pytest.mark.parametrize(
        "failure",
        [
            {"closeConnection": True},
            {"errorCode": 91, "errorLabels": RETRYABLE},
            {"errorCode": 11602, "errorLabels": RETRYABLE + UNKNOWN},
            {"errorCode": 189, "errorLabels": UNKNOWN},
            {"errorCode": 10107, "errorLabels": UNKNOWN},
            {"errorCode": 50, "errorLabels": UNKNOWN},
            {"errorCode": 112, "errorLabels": TRANSACTION},
        ],
        ids=["closed", "91", "11602", "189", "10107", "50", "112"],
    )
    async def test_one_that_fails_before_it_is_done(
        self, outside: OutsideMongoDB, verb: Callable[[Adapter], Awaitable[None]], failure: dict[str, Any]
    ) -> None:
        async with patience(), outside.connect(**OFTEN) as db:
            await furnish(db)
            with outside.failing("commitTransaction", **failure) as failing:
                await verb(db)
            assert failing.hits == 1
            await nothing_leaked(db, outside)

    @committing
    async def test_one_that_was_done_and_whose_answer_is_lost(
        self, outside: OutsideMongoDB, verb: Callable[[Adapter], Awaitable[None]]
    ) -> None:
        async with patience(), LossyProxy(outside.server.port) as proxy:
            url = f"mongodb://127.0.0.1:{proxy.port}/{outside.name}?directConnection=true&serverMonitoringMode=poll"
            async with outside.connect(url) as db:
                await furnish(db)
                proxy.lose += ["commitTransaction"] * 3
                await verb(db)
                assert proxy.lose == []
                await nothing_leaked(db, outside)

    @committing
    @pytest.mark.parametrize("code", [91, 189, 11602])
    async def test_one_that_was_done_before_the_primary_stepped_down(
        self, outside: OutsideMongoDB, verb: Callable[[Adapter], Awaitable[None]], code: int
    ) -> None:
        error = {"code": code, "codeName": "x", "errmsg": "replication state changed"}
        async with patience(), outside.connect(**OFTEN) as db:
            await furnish(db)
            with outside.failing("commitTransaction", writeConcernError=error, errorLabels=RETRYABLE) as failing:
                await verb(db)
            assert failing.hits == 1
            await nothing_leaked(db, outside)

    @pytest.mark.parametrize(
        "failure",
        [
            {"closeConnection": True},
            {"errorCode": 91, "errorLabels": RETRYABLE + UNKNOWN},
            {"errorCode": 10107, "errorLabels": RETRYABLE + UNKNOWN},
            {"writeConcernError": {"code": 91, "codeName": "x", "errmsg": "x"}, "errorLabels": RETRYABLE + UNKNOWN},
            {"writeConcernError": {"code": 64, "codeName": "x", "errmsg": "x"}},
        ],
        ids=["closed", "91", "10107", "done-91", "done-64"],
    )
    async def test_one_that_keeps_failing_is_a_typed_error_that_says_not_to_try_again(
        self, outside: OutsideMongoDB, failure: dict[str, Any]
    ) -> None:
        tries = 0

        async def work(tx: Adapter) -> None:
            nonlocal tries
            tries += 1
            await tx.increment_one("counter", {"name": "c"}, {"value": 10})

        async with patience(), outside.connect(statement_timeout=1, **OFTEN) as db:
            await furnish(db)
            started = time.monotonic()
            with outside.failing("commitTransaction", times=None, **failure) as failing:
                with pytest.raises(BackendError) as caught:
                    await db.run_transaction(work)
                with pytest.raises(BackendError) as also:
                    await db.create_many(USER, [{"email": "x"}, {"email": "y"}])
            assert time.monotonic() - started < 5
            assert failing.hits > 2
            for error in (caught.value, also.value):
                assert isinstance(error, ConnectionFailedError | OperationTimeoutError)
            assert tries == 1
            done = "writeConcernError" in failure
            assert [one["value"] for one in outside.stored("counter")] == [11 if done else 1]
            assert await db.count(USER) == (4 if done else 2)
            outside.end_transactions()
            await nothing_leaked(db, outside)

    async def test_one_that_hangs_ends_with_the_statement_timeout(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(statement_timeout=0.3) as db:
            await furnish(db)
            started = time.monotonic()
            with outside.failing("commitTransaction", times=None, blockConnection=True, blockTimeMS=2_000):
                with pytest.raises(OperationTimeoutError):
                    async with db.transaction() as tx:
                        await tx.create(USER, {"email": "eve"})
                assert time.monotonic() - started < 4
                with pytest.raises(OperationTimeoutError):
                    await db.create_many(USER, [{"email": "x"}, {"email": "y"}])
            assert time.monotonic() - started < 8
            outside.end_transactions()
            await nothing_leaked(db, outside)


@pytest.mark.asyncio
class TestTimes:
    """Servers that answer too late, or not with enough members."""

    @pytest.mark.parametrize("command", ["insert", "findAndModify", "delete"])
    async def test_a_write_that_too_few_members_acknowledged(self, outside: OutsideMongoDB, command: str) -> None:
        verb = {"insert": create, "findAndModify": update, "delete": delete}[command]
        error = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}
        async with patience(), outside.connect() as db:
            await furnish(db)
            with outside.failing(command, writeConcernError=error):
                with pytest.raises(OperationTimeoutError) as caught:
                    await verb(db)
            assert caught.value.code == 64
            await nothing_leaked(db, outside)

    @pytest.mark.parametrize(
        ("command", "verb"),
        [("find", find_one), ("aggregate", count), ("insert", create), ("findAndModify", consume), ("delete", delete)],
    )
    async def test_a_statement_that_takes_too_long(
        self, outside: OutsideMongoDB, command: str, verb: Callable[[Adapter], Awaitable[None]]
    ) -> None:
        async with patience(), outside.connect(pool_size=2, statement_timeout=0.3) as db:
            await furnish(db)
            with outside.failing(command, times=None, blockConnection=True, blockTimeMS=900) as failing:
                started = time.monotonic()
                errors = await asyncio.gather(*(verb(db) for _ in range(2)), return_exceptions=True)
                assert time.monotonic() - started < 0.8
            assert [type(error) for error in errors] == [OperationTimeoutError] * 2
            assert failing.hits >= 2
            await nothing_leaked(db, outside)
            assert await db.count("counter") == 1

    async def test_a_statement_of_a_transaction_that_takes_too_long(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=2, statement_timeout=0.3) as db:
            await furnish(db)
            with outside.failing("insert", times=None, blockConnection=True, blockTimeMS=900):
                started = time.monotonic()
                with pytest.raises(OperationTimeoutError):
                    async with db.transaction() as tx:
                        await tx.update(USER, {"email": "ada"}, {"name": "never"})
                        await tx.create(USER, {"email": "eve"})
                assert time.monotonic() - started < 3
            await asyncio.sleep(1)  # until the server has got over it
            assert (await db.count(USER), await db.count(USER, {"name": "never"})) == (2, 0)
            await nothing_leaked(db, outside)
