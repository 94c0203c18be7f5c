"""The timer over statements: it interrupts what takes too long, and nothing else."""

import asyncio
import gc
import weakref

import pytest

from auth_adapters.backends.sql.watch import Watch, Watched

pytestmark = pytest.mark.asyncio


async def statement(watch: Watch, seconds: float) -> str:
    """Something that takes its time."""
    with Watched(watch, object()):
        await asyncio.sleep(seconds)
    return "done"


async def test_what_is_in_time_is_left_alone() -> None:
    watch = Watch(0.05)
    for _ in range(4):
        assert await statement(watch, 0.02) == "done"
    assert not watch.under_way


async def test_what_takes_too_long_is_interrupted() -> None:
    watch = Watch(0.02)
    with pytest.raises(TimeoutError):
        await statement(watch, 1)
    assert not watch.under_way
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_each_has_its_own_time() -> None:
    watch = Watch(0.06)
    first = asyncio.create_task(statement(watch, 1))
    await asyncio.sleep(0.03)
    second = asyncio.create_task(statement(watch, 0.05))
    third = asyncio.create_task(statement(watch, 1))
    outcomes = await asyncio.gather(first, second, third, return_exceptions=True)
    assert [type(one) for one in outcomes] == [TimeoutError, str, TimeoutError]


async def test_without_a_limit_nothing_is_interrupted() -> None:
    assert await statement(Watch(None), 0.05) == "done"


async def test_a_caller_that_is_cancelled_is_cancelled() -> None:
    watch = Watch(1)
    task = asyncio.create_task(statement(watch, 1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not watch.under_way


async def test_a_cancellation_from_outside_is_not_taken_for_the_timer() -> None:
    watch = Watch(1)

    async def caller() -> None:
        watched, task, loop = Watched(watch, object()), asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None
        with watched:
            loop.call_soon(watched.interrupt)
            loop.call_soon(task.cancel)
            await asyncio.sleep(1)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(caller())


async def test_it_knows_which_connections_are_busy() -> None:
    watch, busy, idle = Watch(1), object(), object()
    with Watched(watch, busy):
        assert watch.is_busy(busy)
        assert not watch.is_busy(idle)
    assert not watch.is_busy(busy)


async def test_it_keeps_nobody_that_it_has_watched() -> None:
    watched = Watched(Watch(1), object())

    async def statement() -> None:
        with watched:
            await asyncio.sleep(0)

    task = asyncio.create_task(statement())
    await task
    await asyncio.sleep(0)
    gone = weakref.ref(task)
    del task
    gc.collect()
    assert gone() is None


async def test_another_event_loop_has_a_timer_of_its_own() -> None:
    watch = Watch(0.02)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(asyncio.run, statement(watch, 1))
