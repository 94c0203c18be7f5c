"""A primary that is killed, on a real replica set of three; and a set of one that is killed and started again."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

import servers
from auth_adapters import (
    SESSION,
    USER,
    VERIFICATION,
    Adapter,
    BackendAdapter,
    BackendError,
    ConnectionFailedError,
    OperationTimeoutError,
    TransientError,
)
from conformance_tests.mongodb_outside import OutsideMongoDB, nothing_leaked
from conformance_tests.resilience.lost import works_again
from conformance_tests.resilience.outside import patience, until

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""PyMongo leaves it to the interpreter to close a socket where connecting is cut short."""
LATER = datetime.now(UTC) + timedelta(days=1)
MEANWHILE = ConnectionFailedError | OperationTimeoutError | TransientError
RECOVERY = 15.0
"""Seconds within which the adapter has to work again; an election takes about two."""


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MongoDB]:
    with servers.mongodb(members=3) as server:
        yield server


@pytest.fixture(autouse=True)
def swept() -> Iterator[None]:
    """What PyMongo leaves to the interpreter is closed while it may be."""
    yield
    gc.collect()


@pytest.fixture
def outside(server: servers.MongoDB) -> Iterator[OutsideMongoDB]:
    """A database of its own for each test; afterwards every member runs again."""
    outside = OutsideMongoDB(server)
    yield outside
    for member in server.members:
        if not member.running():
            member.start()
    server.whole()
    outside.close()


class Load:
    """Tasks that write, and what they were told. doubtful: what was tried and not acknowledged."""

    def __init__(self, db: BackendAdapter, user: str) -> None:
        self.db = db
        self.user = user
        self.stopping = False
        self.failures: list[BaseException] = []
        self.acknowledged: list[float] = []
        self.sessions: list[str] = []
        self.consumed: list[str] = []
        self.unsure: set[str] = set()
        self.upserted: list[str] = []
        self.pairs: list[str] = []
        self.sums: Counter[bool] = Counter()

    async def run(self) -> None:
        """Until `stopping`."""
        kinds = (self._create, self._consume, self._upsert, self._increment, self._pair)
        async with asyncio.TaskGroup() as group:
            for worker in range(15):
                group.create_task(self._repeat(kinds[worker % len(kinds)], worker))

    async def _repeat(self, kind: object, worker: int) -> None:
        number = 0
        while not self.stopping:
            number += 1
            try:
                await kind(f"{worker}.{number}")  # type: ignore[operator]
                self.acknowledged.append(time.monotonic())
            except BackendError as error:
                self.failures.append(error)
                await asyncio.sleep(0.02)

    async def _create(self, name: str) -> None:
        await self.db.create(SESSION, {"user_id": self.user, "token": name, "expires_at": LATER})
        self.sessions.append(name)

    async def _consume(self, name: str) -> None:
        """A token is made, and three race for it."""
        await self.db.create(VERIFICATION, {"identifier": name, "value": "v", "expires_at": LATER})
        self.unsure.add(name)
        races = [self.db.consume_one(VERIFICATION, {"identifier": name}) for _ in range(3)]
        results = await asyncio.gather(*races, return_exceptions=True)
        self.consumed += [name for result in results if isinstance(result, dict)]
        for result in results:
            if isinstance(result, BaseException):
                raise result
        self.unsure.discard(name)

    async def _upsert(self, name: str) -> None:
        await self.db.upsert("counter", {"name": name, "value": 1}, on=["name"], changes={"value": 1})
        self.upserted.append(name)

    async def _increment(self, name: str) -> None:
        self.sums[False] += 1
        await self.db.increment_one("counter", {"name": "sum"}, {"value": 1})
        self.sums[False] -= 1
        self.sums[True] += 1

    async def _pair(self, name: str) -> None:
        async def work(tx: Adapter) -> None:
            user = await tx.create(USER, {"email": name})
            await tx.create(SESSION, {"user_id": user["id"], "token": name, "expires_at": LATER})

        await self.db.run_transaction(work)
        self.pairs.append(name)


def check(load: Load, outside: OutsideMongoDB) -> None:
    """Nothing that was acknowledged is lost or done twice, and errors are typed."""
    assert [repr(error) for error in load.failures if not isinstance(error, MEANWHILE)] == []
    tokens = [one["token"] for one in outside.stored("session")]
    assert len(tokens) == len(set(tokens))
    assert set(load.sessions) <= set(tokens)
    emails = {one["email"] for one in outside.stored("user")}
    assert set(load.pairs) <= emails
    assert {token for token in tokens if token in emails} == emails - {"owner"}
    assert [name for name, times in Counter(load.consumed).items() if times > 1] == []
    left = {one["identifier"] for one in outside.stored("verification")}
    assert not left & set(load.consumed)
    counters = {one["name"]: one["value"] for one in outside.stored("counter")}
    assert set(load.upserted) <= set(counters)
    assert load.sums[True] <= counters["sum"] <= load.sums[True] + load.sums[False]


async def begun(db: BackendAdapter) -> Load:
    await db.create_tables()
    owner = await db.create(USER, {"email": "owner"})
    await db.create("counter", {"name": "sum", "value": 0})
    return Load(db, owner["id"])


@pytest.mark.asyncio
class TestFailover:
    """SIGKILL to the primary."""

    async def test_under_load_nothing_acknowledged_is_lost_and_no_token_is_consumed_twice(
        self, outside: OutsideMongoDB
    ) -> None:
        server = outside.server
        async with asyncio.timeout(60), outside.connect() as db:
            load = await begun(db)
            running = asyncio.create_task(load.run())
            await until(lambda: len(load.acknowledged) > 100)
            killed = await asyncio.to_thread(server.primary)
            await asyncio.to_thread(killed.kill)
            at, before = time.monotonic(), len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 100)
            assert next(one for one in load.acknowledged[before + 30 :]) - at < RECOVERY
            await asyncio.to_thread(killed.start)
            before = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 100)
            load.stopping = True
            await running
            check(load, outside)
            await nothing_leaked(db, outside)

    async def test_a_primary_that_steps_down_under_load_loses_nothing(self, outside: OutsideMongoDB) -> None:
        async with asyncio.timeout(60), outside.connect() as db:
            load = await begun(db)
            running = asyncio.create_task(load.run())
            await until(lambda: len(load.acknowledged) > 50)
            old = outside.server.primary()
            await asyncio.to_thread(outside.server.run_command, {"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 5})
            at, before = time.monotonic(), len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 50)
            assert load.acknowledged[before + 30] - at < RECOVERY
            assert await asyncio.to_thread(outside.server.primary) is not old
            load.stopping = True
            await running
            check(load, outside)
            await nothing_leaked(db, outside)

    async def test_a_transaction_under_way_is_undone_and_run_transaction_does_it_on_the_next_primary(
        self, outside: OutsideMongoDB
    ) -> None:
        tries = 0

        async def work(tx: Adapter) -> None:
            nonlocal tries
            tries += 1
            await tx.increment_one("counter", {"name": "sum"}, {"value": 1})
            if tries == 1:
                await asyncio.to_thread(outside.server.primary().kill)
            await tx.increment_one("counter", {"name": "sum"}, {"value": 1})

        async with asyncio.timeout(60), outside.connect() as db:
            await begun(db)
            started = time.monotonic()
            await db.run_transaction(work)
            assert time.monotonic() - started < RECOVERY
            assert tries == 2
            assert [one["value"] for one in outside.stored("counter")] == [2]
            await nothing_leaked(db, outside)

    async def test_verbs_with_transactions_of_their_own_get_over_it(self, outside: OutsideMongoDB) -> None:
        async with asyncio.timeout(60), outside.connect() as db:
            await begun(db)
            await db.create(USER, {"email": "doomed"})
            killed = await asyncio.to_thread(outside.server.primary)
            await asyncio.to_thread(killed.kill)
            started = time.monotonic()
            batch = [{"email": str(number)} for number in range(20)]
            users, gone = await asyncio.gather(db.create_many(USER, batch), db.delete(USER, {"email": "doomed"}))
            assert time.monotonic() - started < RECOVERY
            assert (len(users), gone, await db.count(USER)) == (20, True, 21)
            await nothing_leaked(db, outside)


@pytest.fixture(scope="module")
def lonely() -> Iterator[servers.MongoDB]:
    """A set of one."""
    with servers.mongodb() as server:
        yield server


@pytest.mark.asyncio
class TestRestart:
    """A server that is killed and started again."""

    async def test_the_same_adapter_works_again(self, lonely: servers.MongoDB) -> None:
        outside = OutsideMongoDB(lonely)
        async with patience(), outside.connect(statement_timeout=2) as db:
            load = await begun(db)
            running = asyncio.create_task(load.run())
            await until(lambda: len(load.acknowledged) > 50)
            await asyncio.to_thread(lonely.kill)
            await asyncio.to_thread(lonely.restart)
            before = len(load.acknowledged)
            await until(lambda: len(load.acknowledged) > before + 50)
            load.stopping = True
            await running
            check(load, outside)
            await nothing_leaked(db, outside)
        await asyncio.to_thread(outside.close)

    async def test_a_server_that_is_down_is_a_typed_error_in_time(self, lonely: servers.MongoDB) -> None:
        outside = OutsideMongoDB(lonely)
        async with patience(), outside.connect(statement_timeout=1) as db:
            await db.create_tables()
            await asyncio.to_thread(lonely.kill)
            try:
                started = time.monotonic()
                with pytest.raises(ConnectionFailedError):
                    await db.count(USER)
                with pytest.raises((ConnectionFailedError, TransientError)):
                    async with db.transaction() as tx:
                        await tx.count(USER)
                with pytest.raises(ConnectionFailedError):
                    await outside.connect(connect_timeout=0.5).open()
                assert time.monotonic() - started < 6
            finally:
                await asyncio.to_thread(lonely.restart)
            await works_again(db)
        await asyncio.to_thread(outside.close)

    async def test_a_transaction_that_the_server_did_not_survive_left_nothing(self, lonely: servers.MongoDB) -> None:
        outside = OutsideMongoDB(lonely)
        async with patience(), outside.connect(statement_timeout=2) as db:
            await db.create_tables()
            with pytest.raises(BackendError) as caught:
                async with db.transaction() as tx:
                    await tx.create(USER, {"email": "lost"})
                    await asyncio.to_thread(lonely.kill)
                    await tx.create(USER, {"email": "never"})
            assert isinstance(caught.value, MEANWHILE)
            await asyncio.to_thread(lonely.restart)
            await works_again(db)
            assert await db.count(USER) == 0
            await nothing_leaked(db, outside)
        await asyncio.to_thread(outside.close)

    async def test_a_server_that_stalls_is_waited_for_no_longer_than_the_limit(self, lonely: servers.MongoDB) -> None:
        outside = OutsideMongoDB(lonely)
        async with patience(), outside.connect(pool_size=2, statement_timeout=0.5) as db:
            await db.create_tables()
            await asyncio.to_thread(lonely.pause)
            try:
                started = time.monotonic()
                errors = await asyncio.gather(*(db.count(USER) for _ in range(8)), return_exceptions=True)
                assert time.monotonic() - started < 3
                assert [repr(error) for error in errors if not isinstance(error, BackendError)] == []
                with pytest.raises(BackendError):
                    async with db.transaction() as tx:
                        await tx.create(USER, {"email": "lost"})
                assert time.monotonic() - started < 6
            finally:
                await asyncio.to_thread(lonely.resume)
            await works_again(db)
            await nothing_leaked(db, outside)
            assert await db.count(USER) == 0
        await asyncio.to_thread(outside.close)
