"""Look-ups that wait for a connection together: who gets which rows, and what becomes of each when something fails.

The pool is ours, on plain objects; the database is a function that knows which values there are.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from auth_adapters.backends.sql.coalescing import Coalescer
from auth_adapters.backends.sql.compiler import Sql
from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.backends.sql.lookups import Shape, shape_of
from auth_adapters.backends.sql.operations import LookUp, Request
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.errors import (
    AdapterStateError,
    AuthAdapterError,
    ConnectionFailedError,
    InvalidValueError,
    OperationTimeoutError,
    PoolTimeoutError,
)
from auth_adapters.physical import Column, Select, Table, TableIndex, Test


class Connector:
    """Connections that are numbers. failures: of the next. go, well: none is made, none recovered before it is set."""

    def __init__(self) -> None:
        self.made = 0
        self._open: set[int] = set()
        self.recovered = 0
        self.failures: list[Exception] = []
        self.well = asyncio.Event()
        self.well.set()
        self.go = asyncio.Event()
        self.go.set()

    @property
    def alive(self) -> int:
        """How many are open."""
        return len(self._open)

    async def connect(self) -> Any:
        await self.go.wait()
        if self.failures:
            raise self.failures.pop()
        self.made += 1
        self._open.add(self.made)
        return self.made

    async def ping(self, connection: Any) -> None:
        pass

    async def recover(self, connection: Any) -> None:
        await self.well.wait()
        self.recovered += 1

    def is_alive(self, connection: Any) -> bool:
        return True

    async def close(self, connection: Any) -> None:
        self._open.discard(connection)

    def terminate(self, connection: Any) -> None:
        self._open.discard(connection)


def column(name: str) -> Column:
    return Column(name=name, field=name, kind="string", nullable=False)


TABLE = Table(
    name="session",
    model="session",
    schema=None,
    columns={name: column(name) for name in ("id", "token")},
    primary_key=("id",),
    indexes=(TableIndex(name="one", columns=("token",), unique=True),),
    foreign_keys=(),
)


def shape(column: str) -> Shape:
    """The look-ups by one column, in words that no database reads."""
    statement = Select(table=TABLE, columns=("id", "token"), condition=Test(column, "eq", 0))
    found = shape_of(statement, lambda _: Sql(f"many of {column}", lambda values: values))
    assert found is not None
    return found


SHAPE = shape("token")
OTHER = shape("id")


def of(value: str, shape: Any = SHAPE) -> LookUp:
    return LookUp("one", (value,), shape, value)


class Database:
    """Has every token but those that begin with "no". go: nothing is answered before it is set."""

    def __init__(self, **options: Any) -> None:
        self.connector = Connector()
        self.pool = Pool(self.connector, PoolOptions(**({"size": 1} | options)))
        self.coalescer = Coalescer(self.pool, self.ask)
        self.asked: list[list[str]] = []
        self.failures: dict[str, BaseException] = {}
        self.folds = False
        self.go = asyncio.Event()
        self.go.set()

    async def ask(self, connection: Any, request: Request) -> Any:
        values: Any = request.parameters if isinstance(request, LookUp) else request.parameters[0]
        self.asked.append(list(values))
        await asyncio.sleep(0)
        await self.go.wait()
        for value in values:
            if value in self.failures:
                raise self.failures[value]
        return [(f"id of {v}", v.lower() if self.folds else v) for v in values if not v.startswith("no")]

    async def find(self, value: str, shape: Any = SHAPE) -> Any:
        """As a backend does it."""
        work = of(value, shape)
        if self.coalescer.gathers:
            return await self.coalescer.ask(work)
        lease = self.pool.take() or await self.pool.acquire()
        try:
            return await self.ask(lease.connection, work)
        finally:
            self.pool.release(lease)

    @asynccontextmanager
    async def occupied(self) -> AsyncIterator[None]:
        """The one connection is in use."""
        lease = await self.pool.acquire()
        try:
            yield
        finally:
            self.pool.release(lease)


@asynccontextmanager
async def database(**options: Any) -> AsyncIterator[Database]:
    made = Database(**options)
    try:
        yield made
        assert (made.pool.figures.in_use, made.pool.figures.waiting) == (0, 0)
        assert not made.coalescer._waiting
        assert not made.pool._line
    finally:
        async with asyncio.timeout(5):
            await made.pool.close()
        assert made.connector.alive == 0


def rows_of(value: str) -> list[Any]:
    return [] if value.startswith("no") else [(f"id of {value}", value)]


async def turns(number: int = 4) -> None:
    """Let others run."""
    for _ in range(number):
        await asyncio.sleep(0)


async def finds(db: Database, *values: str) -> list[asyncio.Task[Any]]:
    """They have all begun to wait."""
    tasks = [asyncio.create_task(db.find(value)) for value in values]
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.asyncio
class TestTogether:
    """Nothing goes wrong."""

    async def test_those_who_wait_go_together_and_each_gets_its_own(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c", "b", "a")
            assert await outcomes(tasks) == [rows_of(one) for one in "abcba"]
            assert db.asked == [["a", "b", "c"]]

    async def test_what_is_handed_out_is_nobody_elses(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "a", "a", "a")
            assert len({id(rows) for rows in await outcomes(tasks)}) == 3

    async def test_who_need_not_wait_goes_alone(self) -> None:
        async with database(size=2) as db:
            assert await outcomes(await finds(db, "a", "b")) == [rows_of("a"), rows_of("b")]
            assert db.asked == [["a"], ["b"]]

    async def test_one_that_waits_without_company_sends_its_own_statement(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "a")
            assert await outcomes(tasks) == [rows_of("a")]
            assert db.asked == [["a"]]

    async def test_other_words_are_another_statement(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = [*await finds(db, "a", "b"), asyncio.create_task(db.find("x", OTHER))]
                await asyncio.sleep(0)
                assert db.pool.figures.waiting == 3
            assert (await outcomes(tasks))[:2] == [rows_of("a"), rows_of("b")]
            assert db.asked == [["a", "b"], ["x"]]

    @pytest.mark.parametrize("alike", [False, True])
    async def test_so_many_go_together_at_most(self, alike: bool) -> None:
        values = ["a" if alike else f"token {number}" for number in range(2 * 65 + 3)]
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, *values)
            assert await outcomes(tasks) == [rows_of(one) for one in values]
            assert [len(asked) for asked in db.asked] == ([1, 1, 1] if alike else [65, 65, 3])

    async def test_who_comes_when_the_statement_is_under_way_goes_with_the_next(self) -> None:
        async with database() as db:
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "a", "b")
            await turns()
            assert db.asked == [["a", "b"]]
            tasks += await finds(db, "c", "d")
            db.go.set()
            assert await outcomes(tasks) == [rows_of(one) for one in "abcd"]
            assert db.asked == [["a", "b"], ["c", "d"]]

    async def test_who_comes_meanwhile_does_not_wait_where_a_connection_is_idle(self) -> None:
        async with database(size=2) as db:
            async with db.occupied():
                async with db.occupied():
                    db.go.clear()
                    tasks = await finds(db, "a", "b")
                await turns()
            tasks += await finds(db, "c")
            assert db.asked == [["a", "b"], ["c"]]
            db.go.set()
            assert await outcomes(tasks) == [rows_of(one) for one in "abc"]


@pytest.mark.asyncio
class TestLeftOver:
    """Who is not answered by another asks for itself."""

    async def test_what_was_not_found_is_asked_for_alone(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "a", "no", "b", "no more")
            assert await outcomes(tasks) == [rows_of("a"), [], rows_of("b"), []]
            assert db.asked == [["a", "no", "b", "no more"], ["no"], ["no more"]]

    async def test_what_the_first_did_not_find_is_asked_for_alone(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "no", "a")
            assert await outcomes(tasks) == [[], rows_of("a")]
            assert db.asked == [["no", "a"], ["no"]]

    async def test_a_row_with_another_value_is_given_to_nobody_by_mistake(self) -> None:
        async with database() as db:
            db.folds = True
            async with db.occupied():
                tasks = await finds(db, "A", "a", "B")
            found = await outcomes(tasks)
            assert found[0] == [("id of A", "a")]
            assert found[2] == [("id of B", "b")]
            assert [row[1] for row in found[1]] == ["a", "a"]
            assert db.asked == [["A", "a", "B"], ["A"], ["B"]]

    @pytest.mark.parametrize("values", [("bad", "a", "b"), ("a", "bad", "b")])
    async def test_a_value_that_is_refused_fails_only_who_asked_for_it(self, values: tuple[str, ...]) -> None:
        async with database() as db:
            db.failures["bad"] = InvalidValueError("refused")
            async with db.occupied():
                tasks = await finds(db, *values)
            for value, found in zip(values, await outcomes(tasks), strict=True):
                if value == "bad":
                    assert found is db.failures["bad"]
                else:
                    assert found == rows_of(value)
            assert sorted(db.asked) == sorted([list(values), ["a"], ["b"], ["bad"]])

    async def test_who_was_taken_along_once_goes_alone_from_then_on(self) -> None:
        async with database() as db:
            db.failures["bad"] = InvalidValueError("refused")
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "a", "bad")
            await turns()
            tasks += await finds(db, "c", "d")
            db.go.set()
            assert await outcomes(tasks) == [rows_of("a"), db.failures["bad"], rows_of("c"), rows_of("d")]
            assert db.asked == [["a", "bad"], ["a"], ["bad"], ["c", "d"]]

    async def test_the_first_fails_when_the_others_have_been_answered(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "no", "a", "b")
            await turns(2)
            db.failures["no"] = ConnectionFailedError("gone")
            assert await outcomes(tasks) == [db.failures["no"], rows_of("a"), rows_of("b")]
            assert db.asked == [["no", "a", "b"], ["no"]]

    async def test_who_waited_alone_is_told_its_error_at_once(self) -> None:
        async with database() as db:
            db.failures["bad"] = InvalidValueError("refused")
            async with db.occupied():
                tasks = await finds(db, "bad")
            assert await outcomes(tasks) == [db.failures["bad"]]
            assert db.asked == [["bad"]]

    @pytest.mark.parametrize("error", [ConnectionFailedError("gone"), OperationTimeoutError("too long")])
    async def test_a_connection_that_fails_is_the_error_of_the_one_whose_turn_it_was(
        self, error: AuthAdapterError
    ) -> None:
        async with database() as db:
            db.failures["b"] = error
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c")
            await turns(3)
            db.failures.clear()
            assert await outcomes(tasks) == [error, rows_of("b"), rows_of("c")]
            assert db.asked == [["a", "b", "c"], ["b"], ["c"]]
            assert (db.connector.made, db.connector.recovered) == ((2, 0) if "gone" in str(error) else (1, 1))

    async def test_a_connection_that_cannot_be_made_is_the_error_of_one(self) -> None:
        async with database() as db:
            lease = await db.pool.acquire()
            tasks = await finds(db, "a", "b", "c")
            db.connector.failures = [ConnectionFailedError("refused")]
            db.pool.discard(lease)
            found = await outcomes(tasks)
            assert [type(one) for one in found] == [ConnectionFailedError, list, list]
            assert db.asked == [["b", "c"]]

    async def test_who_waits_is_not_held_up_by_a_connection_that_is_being_made(self) -> None:
        async with database(size=2) as db:
            first, second = await db.pool.acquire(), await db.pool.acquire()
            tasks = await finds(db, "a", "b", "c")
            db.connector.go.clear()
            db.pool.discard(first)
            await turns(2)
            db.pool.release(second)
            assert (await outcomes(tasks[1:])) == [rows_of("b"), rows_of("c")]
            tasks += await finds(db, "d")
            assert await outcomes(tasks[3:]) == [rows_of("d")]
            assert not tasks[0].done()
            db.connector.go.set()
            assert await outcomes(tasks[:1]) == [rows_of("a")]
            assert db.asked == [["b", "c"], ["d"], ["a"]]


@pytest.mark.asyncio
class TestWaits:
    """Everybody has its own time and its own place."""

    async def test_each_waits_no_longer_than_it_was_told(self) -> None:
        async with database(acquire_timeout=0.2) as db:
            async with db.occupied():
                tasks = await finds(db, "a")
                await asyncio.sleep(0.1)
                tasks += await finds(db, "b")
                await asyncio.sleep(0.15)
                assert [task.done() for task in tasks] == [True, False]
            found = await outcomes(tasks)
            assert isinstance(found[0], PoolTimeoutError)
            assert found[1] == rows_of("b")

    async def test_who_is_put_back_waits_no_longer_either(self) -> None:
        loop = asyncio.get_running_loop()
        async with database(acquire_timeout=0.2) as db:
            db.go.clear()
            async with db.occupied():
                start = loop.time()
                tasks = await finds(db, "a", "b", "c")
                await asyncio.sleep(0.05)
            await turns()
            assert db.asked == [["a", "b", "c"]]
            await asyncio.sleep(0.1)
            db.connector.well.clear()  # the connection is not recovered
            tasks[0].cancel()
            found = await outcomes(tasks)
            assert [type(one) for one in found[1:]] == [PoolTimeoutError] * 2
            assert 0.2 <= loop.time() - start < 0.3
            db.connector.well.set()
            db.go.set()
            assert await db.find("a") == rows_of("a")

    async def test_everybody_counts_among_those_who_wait(self) -> None:
        async with database(max_waiting=3) as db:
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c", "d")
                assert db.pool.figures.waiting == 3
                tasks[0].cancel()
                await asyncio.sleep(0)
            found = await outcomes(tasks)
            assert isinstance(found[3], PoolTimeoutError)
            assert found[1:3] == [rows_of("b"), rows_of("c")]

    async def test_who_is_put_back_comes_before_who_came_later(self) -> None:
        async with database() as db:
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "a", "no")
            await turns()
            tasks += [asyncio.create_task(db.find("x", OTHER))]
            await turns()
            db.go.set()
            await outcomes(tasks)
            assert db.asked == [["a", "no"], ["no"], ["x"]]

    async def test_who_is_put_back_too_late_is_told_at_once(self) -> None:
        loop = asyncio.get_running_loop()
        async with database(acquire_timeout=0.2) as db:
            db.go.clear()
            async with db.occupied():
                start = loop.time()
                tasks = await finds(db, "a", "b")
                await asyncio.sleep(0.05)
            await asyncio.sleep(0.1)
            later = asyncio.create_task(db.find("x", OTHER))
            await asyncio.sleep(0.1)
            db.connector.well.clear()
            tasks[0].cancel()
            found = await outcomes(tasks)
            assert isinstance(found[1], PoolTimeoutError)
            assert 0.25 <= loop.time() - start < 0.3
            db.connector.well.set()
            db.go.set()
            assert await outcomes([later]) == [rows_of("x")]

    @pytest.mark.parametrize("lost", [False, True])
    async def test_who_is_put_back_takes_what_came_free_meanwhile(self, lost: bool) -> None:
        async with database(size=2) as db:
            other = await db.pool.acquire()
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c")
            await turns()
            if lost:
                db.pool.discard(other)
            else:
                db.pool.release(other)
            db.connector.well.clear()  # the connection of the first does not come back
            tasks[0].cancel()
            await turns()
            assert db.asked == [["a", "b", "c"], ["b", "c"]]
            assert db.connector.made == (3 if lost else 2)
            db.connector.well.set()
            db.go.set()
            assert (await outcomes(tasks))[1:] == [rows_of("b"), rows_of("c")]


@pytest.mark.asyncio
class TestCancellation:
    """Callers that leave."""

    async def test_the_first_leaves_while_it_stands_in_line(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c")
                tasks[0].cancel()
                await asyncio.sleep(0)
            found = await outcomes(tasks)
            assert isinstance(found[0], asyncio.CancelledError)
            assert found[1:] == [rows_of("b"), rows_of("c")]
            assert db.asked == [["b", "c"]]

    async def test_the_first_leaves_while_the_statement_is_under_way(self) -> None:
        async with database() as db:
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c")
            await turns()
            tasks[0].cancel()
            await asyncio.sleep(0)
            db.go.set()
            found = await outcomes(tasks)
            assert isinstance(found[0], asyncio.CancelledError)
            assert found[1:] == [rows_of("b"), rows_of("c")]
            assert db.asked == [["a", "b", "c"], ["b", "c"]]
            assert db.connector.recovered == 1

    async def test_the_first_leaves_when_the_others_have_been_answered(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "no", "a", "b")
            await turns(2)
            db.go.clear()
            await turns()
            assert db.asked == [["no", "a", "b"], ["no"]]
            tasks[0].cancel()
            await turns()
            db.go.set()
            found = await outcomes(tasks)
            assert isinstance(found[0], asyncio.CancelledError)
            assert found[1:] == [rows_of("a"), rows_of("b")]

    async def test_the_first_leaves_when_another_is_back_in_line(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "no", "a", "no b")
            await turns(2)
            db.go.clear()
            await turns()
            assert db.asked == [["no", "a", "no b"], ["no"]]
            db.connector.well.clear()
            tasks[0].cancel()
            await turns()
            assert db.pool.figures.waiting == 1
            db.connector.well.set()
            db.go.set()
            assert (await outcomes(tasks))[1:] == [rows_of("a"), []]

    async def test_who_leaves_is_not_asked_for_and_disturbs_nobody(self) -> None:
        async with database() as db:
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c")
                tasks[1].cancel()
                await asyncio.sleep(0)
            found = await outcomes(tasks)
            assert isinstance(found[1], asyncio.CancelledError)
            assert [found[0], found[2]] == [rows_of("a"), rows_of("c")]
            assert db.asked == [["a", "c"]]

    @pytest.mark.parametrize("number", [0, 1])
    async def test_who_leaves_while_the_statement_is_under_way_disturbs_nobody(self, number: int) -> None:
        values = ["a", "no"][:: 1 if number else -1]
        async with database() as db:
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "x", *values)
            await turns()
            tasks[1].cancel()
            await asyncio.sleep(0)
            db.go.set()
            found = await outcomes(tasks)
            assert isinstance(found[1], asyncio.CancelledError)
            assert [found[0], found[2]] == [rows_of("x"), rows_of(values[1])]

    async def test_who_leaves_just_as_it_is_answered_leaves_nothing_behind(self) -> None:
        async with database() as db:
            db.go.clear()
            async with db.occupied():
                tasks = await finds(db, "a", "b", "c")
            await turns()
            tasks[0].add_done_callback(lambda _: tasks[1].cancel())
            db.go.set()
            found = await outcomes(tasks)
            assert [found[0], found[2]] == [rows_of("a"), rows_of("c")]

    async def test_the_pool_is_closed_while_they_wait(self) -> None:
        db = Database(close_timeout=0.02)
        lease = await db.pool.acquire()
        tasks = await finds(db, "a", "b")
        await db.pool.close()
        assert [type(one) for one in await outcomes(tasks)] == [AdapterStateError] * 2
        db.pool.release(lease)
        assert db.connector.alive == 0

    async def test_the_pool_is_closed_while_the_statement_is_under_way(self) -> None:
        db = Database(close_timeout=0.02)
        db.go.clear()
        async with db.occupied():
            tasks = await finds(db, "a", "b")
        await turns()
        db.failures["a"] = ConnectionFailedError("closed")
        await db.pool.close()
        db.go.set()
        assert [type(one) for one in await outcomes(tasks)] == [ConnectionFailedError, AdapterStateError]
        assert db.connector.alive == 0
        assert not db.coalescer._waiting

    async def test_callers_come_and_go_as_they_please(self) -> None:
        chance = random.Random(7)
        async with database(size=3) as db:

            async def visitor(number: int) -> None:
                for _ in range(30):
                    value = f"{chance.choice(['no', 'yes', 'yes', 'yes', 'bad'])} {chance.randrange(5)}"
                    task = asyncio.create_task(db.find(value))
                    await turns(chance.randrange(4))
                    if chance.random() < 0.2:
                        task.cancel()
                    with suppress(asyncio.CancelledError, InvalidValueError, ConnectionFailedError):
                        assert await task == rows_of(value), number
                        assert not value.startswith("bad")

            db.failures |= {f"bad {number}": InvalidValueError("refused") for number in range(4)}
            db.failures["bad 4"] = ConnectionFailedError("gone")
            async with asyncio.timeout(20):
                await asyncio.gather(*(visitor(number) for number in range(40)))
            assert len(db.asked) < 40 * 30
