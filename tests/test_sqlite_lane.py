"""One connection's thread, and who may write: batches, turns, cancellation, locks of other processes."""

import asyncio
import gc
import os
import random
import sqlite3
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from auth_adapters import (
    SESSION,
    USER,
    AdapterStateError,
    BackendAdapter,
    BackendError,
    ForeignKeyViolationError,
    InvalidValueError,
    TransientError,
    UniqueViolationError,
    connect,
    field,
)
from auth_adapters.backends.sqlite import SQLiteBackend
from auth_adapters.backends.sqlite.lane import Gate, Lane
from auth_adapters.backends.sqlite.service import Bell
from auth_adapters.schema import Extension, Field, Model, auth_schema


def give(number: int, connection: sqlite3.Connection) -> int:
    """A job that answers with its number."""
    return number


def pragma(name: str, connection: sqlite3.Connection) -> Any:
    """A job that asks for a setting."""
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def open_files() -> set[Path]:
    """Of this process, by number."""
    return set(Path("/proc/self/fd").iterdir())


def drop(holder: list[Any]) -> None:
    """Let go of what it holds, cycles and all."""
    holder.clear()
    gc.collect()


async def opened(path: Path) -> Lane:
    """A lane on a file."""
    lane = Lane(str(path), timeout=1, setup=())
    await lane.open()
    return lane


@pytest.mark.asyncio
async def test_jobs_run_in_the_order_they_came(tmp_path: Path) -> None:
    lane = await opened(tmp_path / "x.db")
    ran: list[int] = []

    def note(number: int, connection: sqlite3.Connection) -> None:
        ran.append(number)

    await asyncio.gather(*(lane.run(partial(note, number)) for number in range(300)))
    await lane.close()
    assert ran == list(range(300))


@pytest.mark.asyncio
async def test_each_caller_gets_its_own_answer_or_error(tmp_path: Path) -> None:
    lane = await opened(tmp_path / "x.db")

    def job(number: int) -> Any:
        def run(connection: sqlite3.Connection) -> int:
            if number % 7 == 0:
                raise ValueError(number)
            return int(connection.execute("SELECT ?", (number,)).fetchone()[0])

        return run

    answers = await asyncio.gather(*(lane.run(job(number)) for number in range(200)), return_exceptions=True)
    await lane.close()
    for number, answer in enumerate(answers):
        assert answer.args == (number,) if isinstance(answer, ValueError) else answer == number
    assert sum(isinstance(answer, ValueError) for answer in answers) == 29


@pytest.mark.asyncio
async def test_jobs_that_wait_are_answered_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lane, held, trips = await opened(tmp_path / "x.db"), threading.Event(), 0
    ring = Bell.ring

    def counted(bell: Bell) -> None:
        nonlocal trips
        trips += 1
        ring(bell)

    monkeypatch.setattr(Bell, "ring", counted)
    first = asyncio.create_task(lane.run(lambda _: held.wait(10)))
    others = [asyncio.create_task(lane.run(partial(give, number))) for number in range(64)]
    await asyncio.sleep(0.05)
    held.set()
    assert await asyncio.gather(first, *others) == [True, *range(64)]
    await lane.close()
    assert trips == 2


@pytest.mark.asyncio
async def test_it_does_without_eventfd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "eventfd", raising=False)
    lane = await opened(tmp_path / "x.db")
    assert await asyncio.gather(*(lane.run(partial(give, number)) for number in range(200))) == list(range(200))
    await lane.close()


@pytest.mark.parametrize("descriptors", [True, False])
@pytest.mark.asyncio
async def test_one_that_nobody_closes_is_told_of_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, descriptors: bool
) -> None:
    if not descriptors:
        monkeypatch.delattr(os, "eventfd", raising=False)
    files = open_files()
    lane: Lane | None = await opened(tmp_path / "x.db")
    closed: list[Any] = []
    assert lane is not None
    weakref.finalize(await lane.run(lambda connection: connection), closed.append, True)
    holder = [lane]
    lane = None
    with pytest.warns(ResourceWarning, match=r"x\.db was not closed"):
        drop(holder)
    for _ in range(100):
        if closed and open_files() <= files:
            break
        await asyncio.sleep(0.01)
        gc.collect()
    assert closed
    assert open_files() <= files


def test_one_whose_event_loop_is_closed_is_told_of_and_closed(tmp_path: Path) -> None:
    lane = asyncio.run(opened(tmp_path / "x.db"))
    asyncio.run(asyncio.sleep(0))
    path = (tmp_path / "x.db").resolve()
    holder = [lane]
    del lane
    with pytest.warns(ResourceWarning, match=r"x\.db was not closed"):
        drop(holder)
    for _ in range(200):
        if path not in {one.resolve() for one in open_files()}:
            return
        time.sleep(0.01)
    raise AssertionError("the file is open still")


@pytest.mark.asyncio
async def test_no_task_is_left_running(tmp_path: Path) -> None:
    async with connect(tmp_path / "x.db") as db:
        await db.create_tables()
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.asyncio
async def test_a_close_answers_who_asked_before(tmp_path: Path) -> None:
    lane = await opened(tmp_path / "x.db")
    asked = [asyncio.create_task(lane.run(partial(give, number))) for number in range(300)]
    await asyncio.sleep(0)
    await lane.close()
    assert await asyncio.gather(*asked) == list(range(300))
    with pytest.raises(AdapterStateError):
        await lane.run(partial(give, 1))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.asyncio
async def test_cancelled_callers_disturb_nobody(tmp_path: Path, seed: int) -> None:
    lane = await opened(tmp_path / "x.db")
    chance = random.Random(seed)
    tasks = []
    for number in range(100):
        tasks.append(asyncio.create_task(lane.run(partial(give, number))))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
        if chance.random() < 0.3:
            chance.choice(tasks).cancel()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    for number, answer in enumerate(answers):
        assert answer == number or isinstance(answer, asyncio.CancelledError)
    assert await lane.run(lambda _: "still there") == "still there"
    await lane.close()


@pytest.mark.asyncio
async def test_a_gate_lets_one_transaction_in_at_a_time_in_order() -> None:
    gate, inside, order = Gate(5), 0, []

    async def enter(number: int, *, alone: bool) -> None:
        nonlocal inside
        await gate.enter(alone=alone)
        order.append(number)
        if alone:
            inside += 1
            assert inside == 1
            await asyncio.sleep(0.001)
            inside -= 1
            gate.leave()

    await asyncio.gather(*(enter(number, alone=number % 3 == 0) for number in range(60)))
    assert order == list(range(60))


@pytest.mark.asyncio
async def test_a_gate_gives_up_after_its_timeout() -> None:
    gate = Gate(0.05)
    await gate.enter(alone=True)
    with pytest.raises(TransientError):
        await gate.enter(alone=False)
    gate.leave()
    await gate.enter(alone=True)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.asyncio
async def test_cancelled_waiters_do_not_keep_the_gate(seed: int) -> None:
    gate, chance = Gate(5), random.Random(seed)

    async def turn(*, alone: bool) -> None:
        await gate.enter(alone=alone)
        try:
            await asyncio.sleep(0)
        finally:
            if alone:
                gate.leave()

    tasks = [asyncio.create_task(turn(alone=chance.random() < 0.5)) for _ in range(50)]
    while not all(task.done() for task in tasks):
        if chance.random() < 0.5:
            chance.choice(tasks).cancel()
        await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await gate.enter(alone=True)


@pytest.mark.asyncio
async def test_a_lock_of_another_process_is_a_transient_error(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"
    async with connect(path, busy_timeout=0.1) as db:
        await db.create_tables()
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(TransientError):
                await db.create(USER, {"email": "a"})
            with pytest.raises(TransientError):
                async with db.transaction() as tx:
                    await tx.count(USER)
            assert await db.count(USER) == 0
            other.rollback()
        await db.create(USER, {"email": "a"})
        assert await db.count(USER) == 1


@pytest.mark.asyncio
async def test_two_processes_worth_of_adapters_share_a_file(tmp_path: Path) -> None:
    async with connect(tmp_path / "x.db") as one, connect(tmp_path / "x.db") as two:
        await one.create_tables()
        await asyncio.gather(*([one, two][number % 2].create(USER, {"email": str(number)}) for number in range(40)))
        assert await one.count(USER) == await two.count(USER) == 40


@pytest.mark.parametrize("waits", range(6))
@pytest.mark.asyncio
async def test_a_transaction_cancelled_anywhere_frees_the_writer(tmp_path: Path, waits: int) -> None:
    async with connect(tmp_path / "x.db", busy_timeout=1) as db:
        await db.create_tables()

        async def work() -> None:
            async with db.transaction() as tx:
                await tx.create(USER, {"email": "a"})
                await tx.create(USER, {"email": "b"})

        task = asyncio.create_task(work())
        for _ in range(waits * 2):
            await asyncio.sleep(0.0002)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await db.count(USER) in (0, 2)
        await db.create(USER, {"email": "c"})


@pytest.mark.asyncio
async def test_a_file_is_in_wal_mode_with_foreign_keys_and_full_synchronous(tmp_path: Path) -> None:
    backend = SQLiteBackend(str(tmp_path / "x.db"))
    async with BackendAdapter(backend):
        asked = ("journal_mode", "foreign_keys", "synchronous")
        found = [await backend._writer.run(partial(pragma, name)) for name in asked]
        assert found == ["wal", 1, 2]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await backend._reader.run(lambda connection: connection.execute("CREATE TABLE t (x)"))


@pytest.mark.asyncio
async def test_a_transaction_the_database_has_undone_is_not_committed(tmp_path: Path) -> None:
    backend = SQLiteBackend(str(tmp_path / "x.db"))
    async with BackendAdapter(backend) as db:
        await db.create_tables()
        with pytest.raises(TransientError, match="undone"):
            async with db.transaction() as tx:
                await tx.create(USER, {"email": "a"})
                await backend._writer.run(lambda connection: connection.execute("ROLLBACK"))
        assert await db.count(USER) == 0
        await db.create(USER, {"email": "b"})


@pytest.mark.asyncio
async def test_floats_in_a_list_match_to_the_last_bit(tmp_path: Path) -> None:
    schema = auth_schema(Extension(models={"reading": Model(fields={"value": Field("float")})}))
    chance = random.Random(7)
    values = [chance.uniform(-1, 1) * 10.0 ** chance.randint(-300, 300) for _ in range(2_000)]
    values += [5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1 / 3, 123456789.123456789]
    async with connect(tmp_path / "x.db", schema=schema) as db:
        await db.create_tables()
        await db.create_many("reading", [{"value": value} for value in values])
        assert await db.count("reading", field("value").in_(values)) == len(values)
        assert await db.count("reading", field("value").not_in(values)) == 0


@pytest.mark.asyncio
async def test_an_overflow_outside_a_transaction_changes_nothing(tmp_path: Path) -> None:
    schema = auth_schema(Extension(models={"counter": Model(fields={"value": Field("integer")})}))
    async with connect(tmp_path / "x.db", schema=schema) as db:
        await db.create_tables()
        row = await db.create("counter", {"value": 2**63 - 1})
        with pytest.raises(InvalidValueError):
            await db.increment_one("counter", {"id": row["id"]}, {"value": 1})
        assert await db.find_one("counter", {"id": row["id"]}) == row


@pytest.mark.asyncio
async def test_an_adapter_that_nobody_closes_does_not_keep_the_process_from_ending() -> None:
    code = "import asyncio; from auth_adapters import connect; db = connect(':memory:'); asyncio.run(db.open())"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await asyncio.wait_for(process.wait(), timeout=20) == 0


@asynccontextmanager
async def held(backend: SQLiteBackend) -> AsyncIterator[None]:
    """The thread of the writer is kept busy: what is asked inside waits together."""
    go_on = threading.Event()
    busy = asyncio.create_task(backend._writer.run(lambda _: go_on.wait(10)))
    await asyncio.sleep(0.05)
    try:
        yield
        await asyncio.sleep(0.05)
    finally:
        go_on.set()
    assert await busy


async def commits(backend: SQLiteBackend) -> list[str]:
    """Every statement that the writer is sent from now on."""
    said: list[str] = []
    await backend._writer.run(lambda connection: connection.set_trace_callback(said.append))
    return said


@pytest.mark.asyncio
async def test_writes_of_several_callers_share_a_commit(tmp_path: Path) -> None:
    backend = SQLiteBackend(str(tmp_path / "x.db"))
    async with BackendAdapter(backend) as db:
        await db.create_tables()
        said = await commits(backend)
        async with held(backend):
            writes = [asyncio.create_task(db.create(USER, {"email": str(number)})) for number in range(40)]
        await asyncio.gather(*writes)
        assert said.count("COMMIT") == 1
        assert await db.count(USER) == 40


@pytest.mark.asyncio
async def test_a_write_that_fails_takes_no_other_along(tmp_path: Path) -> None:
    async with connect(tmp_path / "x.db") as db:
        await db.create_tables()
        kept = await db.create(USER, {"email": "0"})
        writes: list[Any] = [db.create(USER, {"email": str(number % 20)}) for number in range(40)]
        lost = {"user_id": "nobody", "token": "t", "expires_at": kept["created_at"]}
        writes += [db.create(SESSION, lost), db.update(USER, {"id": kept["id"]}, {"name": "Ada"})]
        answers = await asyncio.gather(*writes, return_exceptions=True)
        assert sum(isinstance(answer, UniqueViolationError) for answer in answers) == 21
        failure = answers[40]
        assert isinstance(failure, ForeignKeyViolationError)
        assert failure.fields == ("user_id",)
        assert {user["email"] for user in await db.find_many(USER)} == {str(number) for number in range(20)}
        assert await db.count(USER, {"name": "Ada"}) == 1


@pytest.mark.asyncio
async def test_what_cannot_be_committed_together_is_stored_for_nobody_and_said_to_all(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    backend = SQLiteBackend(str(path))
    async with BackendAdapter(backend) as db:
        await db.create_tables()
        with closing(sqlite3.connect(path)) as other:
            other.execute(
                """CREATE TRIGGER refused BEFORE INSERT ON "user" WHEN NEW.email = '5'
                BEGIN SELECT RAISE(ROLLBACK, 'no'); END"""
            )

        async def sign_up() -> list[Any]:
            async with held(backend):
                sign_ups = [asyncio.create_task(db.create(USER, {"email": str(number)})) for number in range(10)]
            return await asyncio.gather(*sign_ups, return_exceptions=True)

        # They travel together; from then on each commits by itself.
        answers = await sign_up()
        assert isinstance(answers[5], BackendError)
        assert not isinstance(answers[5], TransientError)
        assert all(isinstance(answer, TransientError) for answer in answers[:5] + answers[6:])
        assert await db.find_many(USER) == []
        answers = await sign_up()
        assert [type(answer).__name__ for answer in answers].count("dict") == 9
        assert {user["email"] for user in await db.find_many(USER)} == {*"0123456789"} - {"5"}


@pytest.mark.asyncio
async def test_writes_that_travel_together_meet_a_lock_of_another_process_once(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    async with connect(path, busy_timeout=0.2) as db:
        await db.create_tables()
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(2):
                writes = [db.create(USER, {"email": str(number)}) for number in range(32)]
                answers = await asyncio.gather(*writes, return_exceptions=True)
            assert all(isinstance(answer, TransientError) for answer in answers)
            other.rollback()
        await asyncio.gather(*(db.create(USER, {"email": str(number)}) for number in range(32)))
        assert await db.count(USER) == 32


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.asyncio
async def test_a_cancelled_write_takes_no_other_along(tmp_path: Path, seed: int) -> None:
    async with connect(tmp_path / "x.db") as db:
        await db.create_tables()
        chance = random.Random(seed)
        tasks = [asyncio.create_task(db.create(USER, {"email": str(number)})) for number in range(60)]
        cancelled = chance.sample(tasks, 20)
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        for task in cancelled:
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        stored = {user["email"] for user in await db.find_many(USER)}
        for task, answer in zip(tasks, answers, strict=True):
            assert answer["email"] in stored if isinstance(answer, dict) else task in cancelled


@pytest.mark.asyncio
async def test_an_update_that_fails_halfway_beside_other_writes_changes_nothing(tmp_path: Path) -> None:
    schema = auth_schema(Extension(models={"counter": Model(fields={"value": Field("integer")})}))
    async with connect(tmp_path / "x.db", schema=schema) as db:
        await db.create_tables()
        rows = await db.create_many("counter", [{"value": 2**63 - 1 - number % 2} for number in range(20)])
        adding = [db.increment_one("counter", {"id": row["id"]}, {"value": 1}) for row in rows]
        answers = await asyncio.gather(*adding, return_exceptions=True)
        assert sum(isinstance(answer, InvalidValueError) for answer in answers) == 10
        assert await db.count("counter", {"value": 2**63 - 1}) == 20
