"""What must not be left half done when its caller is cancelled."""

import asyncio

import pytest

from auth_adapters.cancellation import uninterrupted

pytestmark = pytest.mark.asyncio


async def test_the_result_comes_back() -> None:
    assert await uninterrupted(asyncio.sleep(0, "done")) == "done"


async def test_an_error_comes_back() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await uninterrupted(fail())


@pytest.mark.parametrize("ticks", range(8))
async def test_a_cancelled_caller_waits_for_the_end_and_is_cancelled_then(ticks: int) -> None:
    ended = False

    async def work() -> None:
        nonlocal ended
        for _ in range(4):
            await asyncio.sleep(0)
        ended = True

    async def caller() -> None:
        await uninterrupted(work())
        await asyncio.sleep(1)

    task = asyncio.create_task(caller())
    for _ in range(ticks):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), timeout=0.5)
    assert ended or ticks == 0
