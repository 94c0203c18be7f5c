"""The pool of connections: its bounds, its order, and what it does when connections die or callers leave.

The connections are plain objects: the pool knows no database.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_adapters.backends.sql.connections import Lease, PoolOptions
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.errors import AdapterStateError, BackendError, ConnectionFailedError, PoolTimeoutError


class Connection:
    """Something that is open until it is not."""

    def __init__(self) -> None:
        self.open = True
        self.answers = True


class Connector:
    """Makes connections, and remembers them."""

    def __init__(self, *, delay: float = 0.0) -> None:
        self.made: list[Connection] = []
        self.delay = delay
        self.refuses = False
        self.pings = 0

    @property
    def alive(self) -> int:
        """How many are open."""
        return sum(connection.open for connection in self.made)

    async def connect(self) -> Any:
        await asyncio.sleep(self.delay)
        if self.refuses:
            raise ConnectionFailedError("refused")
        self.made.append(Connection())
        return self.made[-1]

    async def ping(self, connection: Any) -> None:
        self.pings += 1
        await asyncio.sleep(0)
        if not connection.answers:
            raise ConnectionFailedError("no answer")

    async def recover(self, connection: Any) -> None:
        await self.ping(connection)

    def is_alive(self, connection: Any) -> bool:
        return bool(connection.open)

    async def close(self, connection: Any) -> None:
        await asyncio.sleep(0)
        connection.open = False

    def terminate(self, connection: Any) -> None:
        connection.open = False


@asynccontextmanager
async def pool_of(connector: Connector, **options: Any) -> AsyncIterator[Pool]:
    """A pool that is closed at the end, when no connection may be open."""
    pool = Pool(connector, PoolOptions(**options))
    try:
        yield pool
    finally:
        async with asyncio.timeout(5):
            await pool.close()
        assert connector.alive == 0


def idle(pool: Pool) -> bool:
    """Whether nobody has or wants anything."""
    return (pool.figures.in_use, pool.figures.waiting) == (0, 0)


@pytest.mark.asyncio
class TestBounds:
    """How many, and for how long."""

    async def test_there_are_never_more_connections_than_its_size(self) -> None:
        connector = Connector(delay=0.001)
        async with pool_of(connector, size=3) as pool:

            async def use() -> None:
                lease = await pool.acquire()
                assert connector.alive <= 3
                await asyncio.sleep(0)
                pool.release(lease)

            await asyncio.gather(*(use() for _ in range(100)))
            assert len(connector.made) == 3
            assert idle(pool)

    async def test_a_caller_waits_no_longer_than_it_was_told(self) -> None:
        async with pool_of(Connector(), size=1, acquire_timeout=0.05) as pool:
            lease = await pool.acquire()
            with pytest.raises(PoolTimeoutError, match="pool_size"):
                await pool.acquire()
            assert pool.figures.timeouts == 1
            pool.release(lease)
            assert await pool.acquire() is lease
            pool.release(lease)

    async def test_a_queue_that_is_full_refuses_at_once(self) -> None:
        async with pool_of(Connector(), size=1, max_waiting=1) as pool:
            lease = await pool.acquire()
            first = asyncio.create_task(pool.acquire())
            await asyncio.sleep(0)
            with pytest.raises(PoolTimeoutError, match="max_waiting"):
                await pool.acquire()
            pool.release(lease)
            pool.release(await first)

    async def test_who_has_left_the_queue_leaves_room_in_it(self) -> None:
        async with pool_of(Connector(), size=1, max_waiting=1) as pool:
            lease = await pool.acquire()
            for _ in range(3):
                waiting = asyncio.create_task(pool.acquire())
                await asyncio.sleep(0)
                assert pool.figures.waiting == 1
                waiting.cancel()
                await asyncio.wait([waiting])
            pool.release(lease)
            assert not pool.crowded

    async def test_a_connection_that_cannot_be_made_in_time_is_an_error_and_leaves_room(self) -> None:
        connector = Connector(delay=10)
        async with pool_of(connector, size=1, connect_timeout=0.02) as pool:
            with pytest.raises(ConnectionFailedError, match="connect_timeout"):
                await pool.acquire()
            connector.delay = 0
            pool.release(await pool.acquire())
            assert pool.figures.failures == 1

    async def test_idle_connections_are_closed_after_a_while(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=4, max_idle=0.05) as pool:
            for lease in [await pool.acquire() for _ in range(4)]:
                pool.release(lease)
            assert connector.alive == 4
            await asyncio.sleep(0.2)
            assert connector.alive == 0
            assert pool.figures.size == 0

    async def test_old_connections_are_replaced(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=1, max_lifetime=0.03) as pool:
            pool.release(await pool.acquire())
            await asyncio.sleep(0.05)
            pool.release(await pool.acquire())
            assert len(connector.made) == 2


@pytest.mark.asyncio
class TestOrder:
    """First come, first served."""

    async def test_who_waits_first_is_served_first_and_nobody_pushes_in(self) -> None:
        served: list[int] = []
        async with pool_of(Connector(), size=1) as pool:
            lease = await pool.acquire()

            async def use(number: int) -> None:
                mine = await pool.acquire()
                served.append(number)
                await asyncio.sleep(0)
                pool.release(mine)

            waiting = [asyncio.create_task(use(number)) for number in range(20)]
            await asyncio.sleep(0)
            pool.release(lease)
            assert pool.take() is None
            late = asyncio.create_task(use(99))
            await asyncio.gather(*waiting, late)
            assert served == [*range(20), 99]

    async def test_a_waiter_that_leaves_makes_way_for_the_next(self) -> None:
        async with pool_of(Connector(), size=1) as pool:
            lease = await pool.acquire()
            leaving, staying = asyncio.create_task(pool.acquire()), asyncio.create_task(pool.acquire())
            await asyncio.sleep(0)
            leaving.cancel()
            await asyncio.sleep(0)
            pool.release(lease)
            assert await staying is lease
            pool.release(lease)
            assert idle(pool)

    async def test_a_waiter_cancelled_as_it_is_served_loses_nothing(self) -> None:
        async with pool_of(Connector(), size=1) as pool:
            lease = await pool.acquire()
            leaving, staying = asyncio.create_task(pool.acquire()), asyncio.create_task(pool.acquire())
            await asyncio.sleep(0)
            pool.release(lease)
            leaving.cancel()
            assert await staying is lease
            pool.release(lease)
            assert idle(pool)


@pytest.mark.asyncio
class TestDeath:
    """Connections that are lost."""

    async def test_a_dead_idle_connection_is_noticed_and_replaced(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=2) as pool:
            pool.release(await pool.acquire())
            connector.made[0].open = False
            lease = await pool.acquire()
            assert lease.connection is connector.made[1]
            assert pool.figures.lost == 1
            pool.release(lease)

    async def test_what_was_dead_when_it_came_back_is_handed_to_nobody(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=1) as pool:
            lease = await pool.acquire()
            connector.made[0].open = False
            pool.release(lease)
            assert pool.take() is None
            lease = await pool.acquire()
            waiting = asyncio.create_task(pool.acquire())
            await asyncio.sleep(0)
            connector.made[1].open = False
            pool.release(lease)
            lease = await waiting
            assert lease.connection is connector.made[2]
            assert pool.figures.lost == 2
            pool.release(lease)

    async def test_what_dies_idle_and_is_not_asked_for_is_cleared_away_in_time(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=2, max_idle=0.05) as pool:
            pool.release(await pool.acquire())
            connector.made[0].open = False
            await asyncio.sleep(0.1)
            assert pool.figures.size == 0
            assert pool.figures.lost == 1

    async def test_one_that_was_idle_for_long_is_tried_first(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=1, ping_after=0.01) as pool:
            pool.release(await pool.acquire())
            pool.release(await pool.acquire())
            assert connector.pings == 0
            await asyncio.sleep(0.02)
            connector.made[0].answers = False
            lease = await pool.acquire()
            assert (connector.pings, lease.connection) == (1, connector.made[1])
            pool.release(lease)

    async def test_when_one_is_lost_the_others_are_tried_before_use(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=2) as pool:
            one, other = await pool.acquire(), await pool.acquire()
            pool.release(other)
            other.connection.answers = False
            pool.discard(one)
            lease = await pool.acquire()
            assert lease.connection is connector.made[2]
            pool.release(lease)

    async def test_a_lost_connection_lets_the_next_in_line_make_a_new_one(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=1) as pool:
            lease = await pool.acquire()
            waiting = asyncio.create_task(pool.acquire())
            await asyncio.sleep(0)
            pool.discard(lease)
            pool.release(await waiting)
            assert len(connector.made) == 2

    async def test_a_failure_to_connect_is_told_to_its_caller_and_the_next_tries(self) -> None:
        connector = Connector(delay=0.001)
        connector.refuses = True
        async with pool_of(connector, size=1) as pool:
            errors = await asyncio.gather(*(pool.acquire() for _ in range(5)), return_exceptions=True)
            assert [type(error) for error in errors] == [ConnectionFailedError] * 5
            connector.refuses = False
            pool.release(await pool.acquire())

    async def test_an_interrupted_connection_recovers_or_is_ended(self) -> None:
        connector = Connector()
        async with pool_of(connector, size=1) as pool:
            lease = await pool.acquire()
            await pool.interrupted(lease)
            assert pool.take() is lease
            lease.connection.answers = False
            await pool.interrupted(lease)
            assert pool.figures.size == 0


@pytest.mark.asyncio
class TestClosing:
    """The end."""

    async def test_it_waits_for_what_is_under_way_and_refuses_who_comes_later(self) -> None:
        connector = Connector()
        pool = Pool(connector, PoolOptions(size=1))
        lease = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0.02)
        assert not closing.done()
        with pytest.raises(AdapterStateError):
            await waiting
        with pytest.raises(AdapterStateError):
            await pool.acquire()
        pool.release(lease)
        await closing
        assert connector.alive == 0

    async def test_it_does_not_wait_for_ever(self) -> None:
        connector = Connector()
        pool = Pool(connector, PoolOptions(size=1, close_timeout=0.02))
        lease = await pool.acquire()
        await pool.close()
        assert connector.alive == 0
        pool.release(lease)
        assert pool.figures.size == 0


def test_the_options_of_a_pool_are_frozen() -> None:
    with pytest.raises(AttributeError):
        PoolOptions().size = 3  # type: ignore[misc]


async def disorder(seed: int, size: int, tasks: int) -> None:  # noqa: C901  (one schedule, every fate)
    """Many callers that use, lose, interrupt and abandon connections, some of them cancelled at any moment."""
    chance = random.Random(seed)
    connector = Connector(delay=0.0001)
    options = {"size": size, "acquire_timeout": 5, "ping_after": chance.choice([0, 30])}
    async with pool_of(connector, **options) as pool:
        held: set[Lease] = set()

        async def use() -> None:
            for _ in range(4):
                connector.refuses = chance.random() < 0.05
                try:
                    lease = pool.take() or await pool.acquire()
                except BackendError:
                    continue
                assert lease not in held
                assert connector.alive <= size
                held.add(lease)
                try:
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                    fate = chance.random()
                except asyncio.CancelledError:
                    held.discard(lease)
                    pool.interrupted(lease)
                    raise
                held.discard(lease)
                if fate < 0.1:
                    pool.discard(lease)
                elif fate < 0.2:
                    lease.connection.answers = chance.random() < 0.5
                    pool.interrupted(lease)
                elif fate < 0.3:
                    lease.connection.open = False
                    pool.release(lease)
                else:
                    pool.release(lease)

        running = [asyncio.create_task(use()) for _ in range(tasks)]
        for task in running:
            if chance.random() < 0.3:
                for _ in range(chance.randrange(6)):
                    await asyncio.sleep(0)
                task.cancel()
        async with asyncio.timeout(20):
            results = await asyncio.gather(*running, return_exceptions=True)
        assert not [one for one in results if isinstance(one, Exception)]
        connector.refuses = False
        for _ in range(50):
            if idle(pool):
                break
            await asyncio.sleep(0.005)
        assert idle(pool)
        leases = [await pool.acquire() for _ in range(size)]
        assert len({id(lease.connection) for lease in leases}) == size
        for lease in leases:
            pool.release(lease)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 5), tasks=st.integers(1, 25))
def test_whatever_befalls_it_no_connection_is_lost_shared_or_one_too_many(seed: int, size: int, tasks: int) -> None:
    asyncio.run(disorder(seed, size, tasks))
