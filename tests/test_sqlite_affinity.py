"""The thread of a SQLite connection keeps to the CPU of the event loop, where the system lets it."""

import asyncio
import os
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from auth_adapters.backends.sqlite import affinity
from auth_adapters.backends.sqlite.lane import Lane

MOVABLE = affinity.CURRENT_CPU is not None
CPUS = sorted(os.sched_getaffinity(0)) if MOVABLE else [0]
movable = pytest.mark.skipif(not MOVABLE, reason="this system has no way to move a thread")


@pytest.fixture
def place() -> Iterator[None]:
    """The calling thread may run where it might before."""
    yield
    if MOVABLE:
        os.sched_setaffinity(0, CPUS)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Lane]:
    """A lane on a file."""
    lane = Lane(str(path), timeout=1, setup=())
    await lane.open()
    try:
        yield lane
    finally:
        await lane.close()


def thread(connection: sqlite3.Connection) -> int:
    """A job that tells which thread it runs on."""
    return threading.get_native_id()


def test_it_is_possible_on_linux() -> None:
    assert hasattr(os, "sched_setaffinity") == MOVABLE


@movable
@pytest.mark.asyncio
@pytest.mark.usefixtures("place")
async def test_the_thread_follows_the_event_loop_from_cpu_to_cpu(tmp_path: Path) -> None:
    async with opened(tmp_path / "x.db") as lane:
        number = await lane.run(thread)
        for cpu in (*CPUS, *CPUS):
            os.sched_setaffinity(0, {cpu})
            async with asyncio.timeout(10):
                while os.sched_getaffinity(number) != {cpu}:  # it is moved while it sleeps, so not always at once
                    assert await lane.run(thread) == number


@movable
@pytest.mark.asyncio
@pytest.mark.usefixtures("place")
async def test_a_single_write_moves_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path / "x.db") as lane:
        number = await lane.run(thread, shares=True)
        before = os.sched_getaffinity(number)
        for cpu in CPUS:
            os.sched_setaffinity(0, {cpu})
            for _ in range(20):
                await lane.run(thread, shares=True)
            assert os.sched_getaffinity(number) == before


@movable
@pytest.mark.asyncio
@pytest.mark.usefixtures("place")
async def test_only_the_connections_thread_is_moved(tmp_path: Path) -> None:
    async with opened(tmp_path / "x.db") as lane:
        await lane.run(thread)
        assert os.sched_getaffinity(0) == set(CPUS)
    other: list[set[int]] = []
    beside = threading.Thread(target=lambda: other.append(os.sched_getaffinity(0)))
    beside.start()
    beside.join()
    assert other == [set(CPUS)]


@pytest.mark.asyncio
async def test_where_it_is_not_allowed_jobs_run_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def refuse(thread: int, cpus: set[int]) -> None:
        asked.append(thread)
        raise PermissionError

    monkeypatch.setattr(affinity, "CURRENT_CPU", lambda: 0)
    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    async with opened(tmp_path / "x.db") as lane, asyncio.timeout(10):
        number = await lane.run(thread)
        while not asked:  # it is tried while the thread sleeps, so not always at once
            await lane.run(thread)
        assert {await lane.run(thread) for _ in range(100)} == {number}
    assert asked == [number], "asked once, never again"


def policy(connection: sqlite3.Connection) -> int:
    """A job that tells how the kernel schedules its thread."""
    return os.sched_getscheduler(0)


@movable
@pytest.mark.asyncio
async def test_the_thread_waits_its_turn_and_no_other_does(tmp_path: Path) -> None:
    async with opened(tmp_path / "x.db") as lane:
        assert await lane.run(policy) == os.SCHED_BATCH
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@movable
def test_a_way_of_scheduling_that_the_application_chose_is_left_alone(tmp_path: Path) -> None:
    found: list[int] = []

    async def look() -> None:
        async with opened(tmp_path / "x.db") as lane:
            found.append(await lane.run(policy))

    def idle() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        asyncio.run(look())

    beside = threading.Thread(target=idle)
    beside.start()
    beside.join()
    assert found == [os.SCHED_IDLE]


@movable
@pytest.mark.asyncio
async def test_where_it_may_not_choose_its_turn_it_runs_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: int, policy: int, param: os.sched_param) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    async with opened(tmp_path / "x.db") as lane:
        assert await lane.run(policy) == os.SCHED_OTHER


@pytest.fixture
def led(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a leader asks of the system, on a CPU and at a time of our choosing."""
    asked: list[str] = []
    monkeypatch.setattr(affinity, "CURRENT_CPU", lambda: 1)
    monkeypatch.setattr(affinity, "monotonic", lambda: float(len(asked) > GIVEN) * affinity.SETTLING + 100)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, cpus: asked.append("move"), raising=False)
    monkeypatch.setattr(os, "sched_yield", lambda: asked.append("yield"), raising=False)
    return asked


GIVEN = 3


def test_soon_after_a_move_the_event_loop_gives_way_and_later_no_more(led: list[str]) -> None:
    follower = affinity.Follower()
    follower.enlist()
    follower.give_way()
    assert led == [], "nothing was moved yet"
    for _ in range(10):
        follower.follow()
        follower.give_way()
    assert led == ["move"] + ["yield"] * GIVEN


def test_where_nothing_may_be_moved_it_never_gives_way(led: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: int, cpus: set[int]) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", refuse, raising=False)
    follower = affinity.Follower()
    follower.enlist()
    for _ in range(3):
        follower.follow()
        follower.give_way()
    assert led == []


@movable
@pytest.mark.asyncio
@pytest.mark.usefixtures("place")
async def test_the_event_loop_gives_way_to_reads_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yielded: list[int] = []
    monkeypatch.setattr(affinity, "SETTLING", 60.0)
    monkeypatch.setattr(os, "sched_yield", lambda: yielded.append(threading.get_ident()))
    async with opened(tmp_path / "x.db") as lane, asyncio.timeout(10):
        while not yielded:
            await lane.run(thread)
        assert set(yielded) == {threading.get_ident()}
        before = len(yielded)
        for _ in range(20):
            await lane.run(thread, shares=True)
        assert len(yielded) == before


def test_a_python_without_ctypes_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert affinity._current_cpu() is None


@pytest.mark.asyncio
async def test_where_it_is_not_possible_nothing_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(affinity, "CURRENT_CPU", None)
    monkeypatch.setattr(os, "sched_setaffinity", lambda thread, cpus: asked.append(thread), raising=False)
    async with opened(tmp_path / "x.db") as lane:
        assert await lane.run(thread) != threading.get_native_id()
    assert asked == []
