"""Look-ups that wait for a connection together: who gets which rows, and what becomes of each when something fails.

The pool is ours, on plain objects; the database is a function that knows which values there are.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from auth_adapters.backends.sql.coalescing import MAX_TOGETHER, Coalescer
from auth_adapters.backends.sql.compiler import Sql
from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.backends.sql.lookups import shape_of
from auth_adapters.backends.sql.operations import LookUp, Request
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.errors import (
    AuthAdapterError,
    ConnectionFailedError,
    InvalidValueError,
    OperationTimeoutError,
    PoolTimeoutError,
)
from auth_adapters.physical import AllOf, Column, Condition, JoinOne, Select, Table, TableIndex, Test


class Connector:
    """Connections that are numbers, always well. alive: how many are open."""

    def __init__(self) -> None:
        self.made = 0
        self.alive = 0

    async def connect(self) -> Any:
        self.made += 1
        self.alive += 1
        return self.made

    async def ping(self, connection: Any) -> None:
        pass

    async def recover(self, connection: Any) -> None:
        pass

    def is_alive(self, connection: Any) -> bool:
        return True

    async def close(self, connection: Any) -> None:
        self.alive -= 1

    def terminate(self, connection: Any) -> None:
        self.alive -= 1


def column(name: str, kind: Any = "string") -> Column:
    return Column(name=name, field=name, kind=kind, nullable=False)


TABLE = Table(
    name="session",
    model="session",
    schema=None,
    columns={name: column(name) for name in ("id", "token", "agent")} | {"number": column("number", "float")},
    primary_key=("id",),
    indexes=(
        TableIndex(name="one", columns=("token",), unique=True),
        TableIndex(name="two", columns=("agent",), unique=False),
        TableIndex(name="three", columns=("number",), unique=True),
    ),
    foreign_keys=(),
)


def look_up(condition: Condition, **more: Any) -> Select:
    return Select(table=TABLE, **({"columns": ("id", "token", "agent", "number"), "condition": condition} | more))


def compiled(statement: Select) -> Sql:
    return Sql(f"many of {statement.condition}", lambda values: values)


TOKEN = Test("token", "eq", 0)
SHAPE = shape_of(look_up(TOKEN), compiled)
OTHER = shape_of(look_up(Test("id", "eq", 0)), compiled)
assert SHAPE is not None
assert OTHER is not None


def of(value: str, shape: Any = SHAPE) -> LookUp:
    return LookUp("one", (value,), shape, value)


class Database:
    """Has every token but those that begin with "no". stalls: nothing is answered before `go`."""

    def __init__(self, **options: Any) -> None:
        self.connector = Connector()
        self.pool = Pool(self.connector, PoolOptions(**({"size": 1} | options)))
        self.coalescer = Coalescer(self.pool, self.ask, self.alone)
        self.asked: list[list[str]] = []
        self.alones: list[str] = []
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
        return [(f"id of {v}", v.lower() if self.folds else v, 1.0) for v in values if not v.startswith("no")]

    async def alone(self, work: LookUp) -> Any:
        self.alones.append(work.value)
        lease = self.pool.take() or await self.pool.acquire()
        try:
            return await self.ask(lease.connection, work)
        finally:
            self.pool.release(lease)

    async def find(self, value: str, shape: Any = SHAPE) -> Any:
        """As a backend does it."""
        work = of(value, shape)
        return await (self.coalescer.ask(work) if self.coalescer.gathers(work) else self.alone(work))

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
        assert made.pool.figures.in_use == 0
        assert not made.coalescer._gatherings
    finally:
        async with asyncio.timeout(5):
            await made.pool.close()


def rows_of(value: str) -> list[Any]:
    return [] if value.startswith("no") else [(f"id of {value}", value, 1.0)]


async def finds(db: Database, *values: str) -> list[asyncio.Task[Any]]:
    """They have all begun to wait."""
    tasks = [asyncio.create_task(db.find(value)) for value in values]
    await asyncio.sleep(0)
    return tasks


async def outcomes(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    async with asyncio.timeout(5):
        return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.asyncio
async def test_those_who_wait_go_together_and_each_gets_its_own() -> None:
    async with database() as db:
        async with db.occupied():
            tasks = await finds(db, "a", "b", "no", "b", "a")
        assert await outcomes(tasks) == [rows_of(one) for one in ("a", "b", "no", "b", "a")]
        assert db.asked == [["a", "b", "no"]]
        assert not db.alones


@pytest.mark.asyncio
async def test_what_is_handed_out_is_nobody_elses() -> None:
    async with database() as db:
        async with db.occupied():
            tasks = await finds(db, "a", "a", "a")
        found = await outcomes(tasks)
        assert len({id(rows) for rows in found}) == 3


@pytest.mark.asyncio
async def test_who_need_not_wait_goes_alone() -> None:
    async with database(size=2) as db:
        assert await outcomes(await finds(db, "a", "b")) == [rows_of("a"), rows_of("b")]
        assert db.asked == [["a"], ["b"]]
        assert sorted(db.alones) == ["a", "b"]


@pytest.mark.asyncio
async def test_one_that_waits_without_company_sends_its_own_statement() -> None:
    async with database() as db:
        async with db.occupied():
            tasks = await finds(db, "a")
        assert await outcomes(tasks) == [rows_of("a")]
        assert db.asked == [["a"]]


@pytest.mark.asyncio
async def test_without_the_option_each_goes_alone() -> None:
    async with database(coalesce=False) as db:
        async with db.occupied():
            tasks = await finds(db, "a", "b")
        assert await outcomes(tasks) == [rows_of("a"), rows_of("b")]
        assert db.asked == [["a"], ["b"]]


@pytest.mark.asyncio
async def test_other_words_are_another_statement() -> None:
    async with database() as db:
        async with db.occupied():
            tasks = [*await finds(db, "a", "b"), asyncio.create_task(db.find("x", OTHER))]
            await asyncio.sleep(0)
            assert db.pool.figures.waiting == 2
        found = await outcomes(tasks)
        assert found[:2] == [rows_of("a"), rows_of("b")]
        assert db.asked == [["a", "b"], ["x"]]


@pytest.mark.asyncio
async def test_so_many_go_together_at_most() -> None:
    values = [f"token {number}" for number in range(2 * MAX_TOGETHER + 5)]
    async with database() as db:
        async with db.occupied():
            tasks = await finds(db, *values)
        assert await outcomes(tasks) == [rows_of(one) for one in values]
        assert [len(asked) for asked in db.asked] == [MAX_TOGETHER + 1, MAX_TOGETHER + 1, 3]


@pytest.mark.asyncio
async def test_who_comes_when_the_statement_is_under_way_waits_for_the_next() -> None:
    async with database() as db:
        db.go.clear()
        async with db.occupied():
            tasks = await finds(db, "a", "b")
        for _ in range(3):
            await asyncio.sleep(0)
        assert db.asked == [["a", "b"]]
        tasks += await finds(db, "c", "d")
        db.go.set()
        assert await outcomes(tasks) == [rows_of(one) for one in "abcd"]
        assert db.asked == [["a", "b"], ["c", "d"]]


@pytest.mark.asyncio
async def test_a_value_that_is_refused_fails_only_who_asked_for_it() -> None:
    async with database() as db:
        db.failures["bad"] = InvalidValueError("refused")
        async with db.occupied():
            tasks = await finds(db, "a", "bad", "b")
        first, second, third = await outcomes(tasks)
        assert (first, third) == (rows_of("a"), rows_of("b"))
        assert isinstance(second, InvalidValueError)
        assert sorted(db.alones) == ["a", "b", "bad"]


@pytest.mark.asyncio
async def test_a_value_that_is_refused_where_it_stood_in_line_for_all() -> None:
    async with database() as db:
        db.failures["bad"] = InvalidValueError("refused")
        async with db.occupied():
            tasks = await finds(db, "bad", "a", "b")
        first, *others = await outcomes(tasks)
        assert others == [rows_of("a"), rows_of("b")]
        assert isinstance(first, InvalidValueError)


@pytest.mark.parametrize("error", [ConnectionFailedError("gone"), OperationTimeoutError("too long")])
@pytest.mark.asyncio
async def test_of_a_connection_that_fails_everybody_is_told(error: AuthAdapterError) -> None:
    async with database() as db:
        db.failures["b"] = error
        async with db.occupied():
            tasks = await finds(db, "a", "b", "c")
        found = await outcomes(tasks)
        assert [type(one) for one in found] == [type(error)] * 3
        assert len({id(one) for one in found}) == 3
        assert not db.alones
        db.failures.clear()
        assert await db.find("a") == rows_of("a")


@pytest.mark.asyncio
async def test_everybody_is_told_that_it_waited_in_vain() -> None:
    async with database(acquire_timeout=0.05) as db:
        async with db.occupied():
            found = await outcomes(await finds(db, "a", "b"))
        assert [type(one) for one in found] == [PoolTimeoutError] * 2


@pytest.mark.asyncio
async def test_who_comes_much_later_does_not_go_with_the_first() -> None:
    async with database(acquire_timeout=0.2) as db:
        async with db.occupied():
            tasks = await finds(db, "a")
            await asyncio.sleep(0.1)
            tasks += await finds(db, "b", "c")
            await asyncio.sleep(0.15)
            assert tasks[0].done()
        first, *others = await outcomes(tasks)
        assert isinstance(first, PoolTimeoutError)
        assert others == [rows_of("b"), rows_of("c")]


@pytest.mark.asyncio
async def test_the_first_leaves_while_it_stands_in_line() -> None:
    async with database() as db:
        async with db.occupied():
            tasks = await finds(db, "a", "b", "c")
            tasks[0].cancel()
            await asyncio.sleep(0)
        found = await outcomes(tasks)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [rows_of("b"), rows_of("c")]


@pytest.mark.asyncio
async def test_the_first_leaves_while_the_statement_is_under_way() -> None:
    async with database() as db:
        db.go.clear()
        async with db.occupied():
            tasks = await finds(db, "a", "b", "c")
        for _ in range(3):
            await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        db.go.set()
        found = await outcomes(tasks)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [rows_of("b"), rows_of("c")]


@pytest.mark.asyncio
async def test_who_leaves_is_not_asked_for_and_disturbs_nobody() -> None:
    async with database() as db:
        async with db.occupied():
            tasks = await finds(db, "a", "b", "c")
            tasks[1].cancel()
            await asyncio.sleep(0)
        found = await outcomes(tasks)
        assert isinstance(found[1], asyncio.CancelledError)
        assert [found[0], found[2]] == [rows_of("a"), rows_of("c")]
        assert db.asked == [["a", "c"]]


@pytest.mark.asyncio
async def test_a_row_that_nobody_asked_for_is_given_to_nobody() -> None:
    async with database() as db:
        db.folds = True
        async with db.occupied():
            tasks = await finds(db, "A", "b")
        assert await outcomes(tasks) == [[("id of A", "a", 1.0)], [("id of b", "b", 1.0)]]
        assert sorted(db.alones) == ["A", "b"]


@pytest.mark.asyncio
async def test_one_that_waits_without_company_is_told_its_error_at_once() -> None:
    async with database() as db:
        db.failures["bad"] = InvalidValueError("refused")
        async with db.occupied():
            tasks = await finds(db, "bad")
        assert isinstance((await outcomes(tasks))[0], InvalidValueError)
        assert db.asked == [["bad"]]


@pytest.mark.asyncio
async def test_a_later_gathering_goes_on_when_an_earlier_one_has_its_turn() -> None:
    first, later = [f"a{number}" for number in range(MAX_TOGETHER + 1)], ["b", "c"]
    async with database() as db:
        db.go.clear()
        async with db.occupied():
            tasks = await finds(db, *first, *later)
        for _ in range(3):
            await asyncio.sleep(0)
        tasks += await finds(db, "d")
        db.go.set()
        assert await outcomes(tasks) == [rows_of(one) for one in (*first, *later, "d")]
        assert db.asked == [first, [*later, "d"]]


@pytest.mark.asyncio
async def test_the_pool_is_closed_while_they_wait() -> None:
    db = Database(close_timeout=0.02)
    lease = await db.pool.acquire()
    tasks = await finds(db, "a", "b")
    await db.pool.close()
    found = await outcomes(tasks)
    assert all(isinstance(one, AuthAdapterError) for one in found)
    db.pool.release(lease)
    assert db.connector.alive == 0


@pytest.mark.asyncio
async def test_callers_come_and_go_as_they_please() -> None:
    chance = random.Random(7)
    async with database(size=3) as db:

        async def visitor(number: int) -> None:
            for _ in range(30):
                value = f"{chance.choice(['no', 'yes', 'bad'])} {chance.randrange(5)}"
                task = asyncio.create_task(db.find(value))
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                if chance.random() < 0.2:
                    task.cancel()
                with suppress(asyncio.CancelledError, InvalidValueError):
                    assert await task == rows_of(value), number
                    assert not value.startswith("bad")

        db.failures |= {f"bad {number}": InvalidValueError("refused") for number in range(5)}
        async with asyncio.timeout(20):
            await asyncio.gather(*(visitor(number) for number in range(40)))
        assert len(db.asked) < 40 * 30


@pytest.mark.parametrize(
    "statement",
    [
        look_up(Test("agent", "eq", 0)),
        look_up(Test("number", "eq", 0)),
        look_up(Test("token", "eq", 0, insensitive=True)),
        look_up(Test("token", "eq", 0, negated=True)),
        look_up(Test("token", "gt", 0)),
        look_up(Test("token", "in", 0)),
        look_up(Test("token", "is_null")),
        look_up(AllOf((TOKEN, Test("agent", "eq", 1)))),
        look_up(TOKEN, limit=1),
        look_up(TOKEN, offset=1),
        look_up(TOKEN, columns=("id",)),
        look_up(
            TOKEN, joins=(JoinOne(table=TABLE, column="id", target_column="id", columns=("id",), condition=TOKEN),)
        ),
    ],
    ids=lambda statement: str(statement.condition),
)
def test_what_is_more_than_one_value_of_a_unique_column_goes_alone(statement: Select) -> None:
    assert shape_of(statement, compiled) is None


def test_a_join_goes_along() -> None:
    join = JoinOne(table=TABLE, column="id", target_column="id", columns=("id",), condition=AllOf(()))
    shape = shape_of(look_up(TOKEN, joins=(join,)), compiled)
    assert shape is not None
    assert shape.at == 1
