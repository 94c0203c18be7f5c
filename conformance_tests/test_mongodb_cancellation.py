"""A client that goes away at any moment, on a real replica set and on a server that stands alone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from auth_adapters import (
    ALL,
    SESSION,
    USER,
    VERIFICATION,
    Adapter,
    BackendAdapter,
    OperationTimeoutError,
    UnsupportedOperationError,
    connect,
)
from conformance_tests.mongodb_outside import TOKENS, OutsideMongoDB, nothing_leaked, orphans
from conformance_tests.resilience.outside import patience, until

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""PyMongo leaves it to the interpreter to close a socket where connecting is cancelled."""
LATER = datetime.now(UTC) + timedelta(days=1)
STEPS = 36
TURNS = 6
"""Of the event loop, between two cancellations: what waits in PyMongo has come to its end by then."""
STEPS_TO_A_COUNT = ("hello", "isMaster", "aggregate")


@pytest.fixture
def outside(either_mongodb: OutsideMongoDB) -> Iterator[OutsideMongoDB]:
    yield either_mongodb
    either_mongodb.empty()


async def cancelled(work: Callable[[], Awaitable[Any]], step: int) -> Any:
    """Begin something, and cancel it after some turns of the loop or a short while. What it gave, if it was quicker."""
    task = asyncio.ensure_future(work())
    for _ in range(step // 2):
        await asyncio.sleep(0 if step % 2 else 0.0004)
    task.cancel()
    result: Any = (await asyncio.gather(task, return_exceptions=True))[0]
    if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
        raise result
    return None if isinstance(result, asyncio.CancelledError) else result


async def lacks(db: BackendAdapter, capability: str) -> bool:
    """Whether a server that stands alone has no such thing; then it refuses, and that is the test."""
    if getattr(db.capabilities, capability):
        return False
    with pytest.raises(UnsupportedOperationError, match=capability):
        if capability == "atomic_batches":
            await db.create_many(USER, [{"email": "one"}, {"email": "two"}])
        else:
            async with db.transaction():
                pass
    return True


async def make_user(db: Adapter, email: str) -> str:
    return (await db.create(USER, {"email": email}))["id"]


async def make_session(db: Adapter, user: str, token: str) -> None:
    await db.create(SESSION, {"user_id": user, "token": token, "expires_at": LATER})


@pytest.mark.asyncio
class TestCancellation:
    """All or nothing, and nothing is left behind."""

    async def test_create_with_a_parent(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            for step in range(STEPS):
                user = await make_user(db, f"{step}")
                made = await cancelled(lambda user=user, step=step: make_session(db, user, f"{step}"), step)  # type: ignore[misc]
                assert made is None
                assert await db.count(SESSION, {"token": f"{step}"}) in (0, 1)
                assert await db.delete(USER, {"id": user})
            await asyncio.sleep(0.05)
            assert outside.stored("session") == []
            await nothing_leaked(db, outside)

    async def test_create_whose_parent_is_deleted_meanwhile(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db, outside.connect() as other:
            await db.create_tables()
            for step in range(STEPS):
                user = await make_user(db, f"{step}")
                work = [cancelled(lambda n=n: make_session(db, user, f"{step}.{n}"), step) for n in range(3)]  # type: ignore[misc]  # noqa: B023
                await asyncio.gather(*work, other.delete(USER, {"id": user}), return_exceptions=True)
            await asyncio.sleep(0.05)
            assert orphans(outside) == []
            await nothing_leaked(db, outside)

    async def test_create_on_a_slow_server_whose_parent_is_deleted_before_it_is_done(
        self, outside: OutsideMongoDB
    ) -> None:
        async with patience(), outside.connect() as db, outside.connect() as other:
            await db.create_tables()
            user = await make_user(db, "ada")
            with outside.failing("insert", blockConnection=True, blockTimeMS=500):
                task = asyncio.create_task(make_session(db, user, "late"))
                await asyncio.sleep(0.15)
                task.cancel()
                assert await other.delete(USER, {"id": user})
                await asyncio.gather(task, return_exceptions=True)
                await asyncio.sleep(0.6)
            assert outside.stored("session") == []
            await nothing_leaked(db, outside)

    async def test_create_that_takes_too_long_and_whose_parent_is_deleted_before_it_is_done(
        self, outside: OutsideMongoDB
    ) -> None:
        async with patience(), outside.connect(statement_timeout=0.2) as db, outside.connect() as other:
            await db.create_tables()
            user = await make_user(db, "ada")
            with outside.failing("insert", times=None, blockConnection=True, blockTimeMS=600):
                with pytest.raises(OperationTimeoutError):
                    await make_session(db, user, "late")
                assert await other.delete(USER, {"id": user})
                await asyncio.sleep(0.9)
            assert outside.stored("session") == []
            await nothing_leaked(db, outside)

    async def test_update_of_a_reference_whose_new_parent_is_deleted_meanwhile(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db, outside.connect() as other:
            await db.create_tables()
            for step in range(STEPS):
                users = [await make_user(db, f"{step}.{n}") for n in range(2)]
                await make_session(db, users[0], f"{step}")
                moved = cancelled(lambda: db.update(SESSION, {"token": f"{step}"}, {"user_id": users[1]}), step)  # noqa: B023
                await asyncio.gather(moved, other.delete(USER, {"id": users[1]}), return_exceptions=True)
            await asyncio.sleep(0.05)
            assert orphans(outside) == []
            await nothing_leaked(db, outside)

    async def test_update_of_a_reference_on_a_slow_server_whose_new_parent_is_deleted_before_it_is_done(
        self, outside: OutsideMongoDB
    ) -> None:
        async with patience(), outside.connect() as db, outside.connect() as other:
            await db.create_tables()
            users = [await make_user(db, f"{n}") for n in range(2)]
            await make_session(db, users[0], "t")
            with outside.failing("findAndModify", blockConnection=True, blockTimeMS=500):
                task = asyncio.create_task(db.update(SESSION, {"token": "t"}, {"user_id": users[1]}))
                await asyncio.sleep(0.2)
                task.cancel()
                assert await other.delete(USER, {"id": users[1]})
                await asyncio.gather(task, return_exceptions=True)
                await asyncio.sleep(0.5)
            assert orphans(outside) == []
            await nothing_leaked(db, outside)

    async def test_create_many(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            if await lacks(db, "atomic_batches"):
                return
            user = await make_user(db, "ada")
            for step in range(STEPS):
                rows = [{"user_id": user, "token": f"{step}.{n}", "expires_at": LATER} for n in range(5)]
                made = await cancelled(lambda rows=rows: db.create_many(SESSION, rows), step)  # type: ignore[misc]
                stored = len([one for one in outside.stored("session") if one["token"].startswith(f"{step}.")])
                assert stored in ((0, 5) if made is None else (5,))
            assert orphans(outside) == []
            await nothing_leaked(db, outside)

    async def test_a_transaction(self, outside: OutsideMongoDB) -> None:
        async def sign_up(db: Adapter, email: str) -> bool:
            async with db.transaction() as tx:
                user = await make_user(tx, email)
                await tx.update(USER, {"email": "everybody"}, {"name": email})
                await make_session(tx, user, email)
            return True

        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            if await lacks(db, "transactions"):
                return
            await make_user(db, "everybody")
            for step in range(STEPS):
                made = await cancelled(lambda step=step: sign_up(db, f"{step}"), step)  # type: ignore[misc]
                async with asyncio.timeout(2):
                    assert await db.update(USER, {"email": "everybody"}, {"name": "free"})
                both = (await db.count(USER, {"email": f"{step}"}), await db.count(SESSION, {"token": f"{step}"}))
                assert both in (((0, 0), (1, 1)) if made is None else ((1, 1),))
            await nothing_leaked(db, outside)

    async def test_a_cascade(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            for step in range(STEPS):
                user = await make_user(db, f"{step}")
                for number in range(3):
                    await make_session(db, user, f"{step}.{number}")
                gone = await cancelled(lambda user=user: db.delete(USER, {"id": user}), step)  # type: ignore[misc]
                both = (await db.count(USER), await db.count(SESSION))
                assert both in (((0, 0), (1, 3)) if gone is None else ((0, 0),))
                await db.delete_many(USER, ALL)
            await nothing_leaked(db, outside)

    async def test_update_many(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            partly = () if db.capabilities.atomic_bulk else (1, 2, 3, 4)
            for number in range(5):
                await make_user(db, f"{number}")
            for step in range(STEPS):
                changed = await cancelled(lambda step=step: db.update_many(USER, ALL, {"name": f"{step}"}), step)  # type: ignore[misc]
                assert await db.count(USER, {"name": f"{step}"}) in ((0, *partly, 5) if changed is None else (5,))
            await nothing_leaked(db, outside)

    async def test_consume_one(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            for step in range(STEPS):
                await db.create(VERIFICATION, {"identifier": f"{step}", "value": "v", "expires_at": LATER})
                work = [
                    cancelled(lambda step=step: db.consume_one(VERIFICATION, {"identifier": f"{step}"}), step),  # type: ignore[misc]
                    db.consume_one(VERIFICATION, {"identifier": f"{step}"}),
                ]
                results = await asyncio.gather(*work)
                assert len([one for one in results if one is not None]) <= 1
                assert await db.count(VERIFICATION) == 0
            await nothing_leaked(db, outside)

    async def test_upsert(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            for step in range(STEPS):
                data = {"name": f"{step % 12}", "value": step}
                done = await cancelled(
                    lambda data=data: db.upsert("counter", data, on=["name"], changes={"value": data["value"]}),  # type: ignore[misc]
                    step,
                )
                stored = [one["value"] for one in outside.stored("counter") if one["name"] == data["name"]]
                assert len(stored) <= 1
                if done is not None:
                    assert stored == [step]
            await nothing_leaked(db, outside)

    async def test_connections(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            for step in range(STEPS):
                await asyncio.gather(*(cancelled(lambda: db.count(USER), step) for _ in range(8)))
                await db.create("counter", {"name": f"{step}", "value": step})
            await nothing_leaked(db, outside)
            await until(lambda: 1 < outside.connections() <= 3 + 2)

    async def test_create_tables(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            for step in range(0, STEPS, 5):
                outside.sync.drop_database(outside.name)
                await cancelled(db.create_tables, step)
            await db.create_tables()
            await db.create(USER, {"email": "a"})
            await nothing_leaked(db, outside)


@asynccontextmanager
async def on_its_own_client(outside: OutsideMongoDB) -> AsyncIterator[BackendAdapter]:
    """Where verbs wait while PyMongo makes a connection."""
    async with outside.connect(maxConnecting=1) as db:
        yield db


@asynccontextmanager
async def on_the_applications_client(outside: OutsideMongoDB) -> AsyncIterator[BackendAdapter]:
    """Where verbs wait for the only connection."""
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(outside.url, appname=outside.name, maxPoolSize=1, timeoutMS=20_000) as client:
        adapter = connect(client, database=outside.name, schema=TOKENS)
        assert isinstance(adapter, BackendAdapter)
        async with adapter as db:
            yield db


async def ended(db: BackendAdapter, tasks: list[asyncio.Task[int]]) -> bool:
    """Whether tasks end soon. If not, they are helped to, so that the test fails and does not hang."""
    _, waiting = await asyncio.wait(tasks, timeout=2)
    on_time = not waiting
    while waiting:
        for server in db.backend._scope().collections.client._topology._servers.values():  # type: ignore[attr-defined]
            if server.pool.lock.locked():
                server.pool.lock.release()
        _, waiting = await asyncio.wait(tasks, timeout=0.01)
    await asyncio.gather(*tasks, return_exceptions=True)
    return on_time


@pytest.mark.asyncio
class TestCancelledTwice:
    """Who is told twice to go away, while others wait for a connection too, leaves them one."""

    @pytest.mark.parametrize("connected", [on_its_own_client, on_the_applications_client])
    async def test_the_pool_serves_everybody_as_before(self, outside: OutsideMongoDB, connected: Any) -> None:
        async with patience(), connected(outside) as db:
            await db.create_tables()
            for turns in range(TURNS):
                await db.count(USER)
                with outside.failing(*STEPS_TO_A_COUNT, times=None, blockConnection=True, blockTimeMS=200):
                    tasks = [asyncio.create_task(db.count(USER)) for _ in range(10)]
                    await asyncio.sleep(0.03)
                    for task in tasks:
                        task.cancel()
                    for _ in range(turns):
                        await asyncio.sleep(0)
                    for task in tasks:
                        task.cancel()
                    assert await ended(db, tasks), f"{turns} turns later"
                assert all(task.cancelled() for task in tasks)
                assert await ended(db, [asyncio.create_task(db.count(USER)) for _ in range(5)]), f"{turns} turns later"
            await nothing_leaked(db, outside)
