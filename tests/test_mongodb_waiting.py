"""How PyMongo waits on Python 3.11, once an adapter was opened. Cancelled twice: test_mongodb_cancellation.py."""

import asyncio
import sys

import pymongo.lock
import pytest

from auth_adapters.backends.mongodb.waiting import mend_waiting, wait_for


def replaced(monkeypatch: pytest.MonkeyPatch, by: object) -> object:
    """What PyMongo waits by after mending, if it waited by this before."""
    monkeypatch.setattr(pymongo.lock, "wait_for", by)
    mend_waiting()
    return vars(pymongo.lock)["wait_for"]


def test_pymongo_waits_in_the_callers_own_task_on_every_python(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = wait_for if sys.version_info < (3, 12) else asyncio.wait_for
    assert replaced(monkeypatch, asyncio.wait_for) is expected


def test_what_others_have_replaced_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def of_others() -> None:
        pass

    assert replaced(monkeypatch, of_others) is of_others


def test_a_pymongo_that_waits_in_another_way_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pymongo.lock, "wait_for")
    mend_waiting()
    assert "wait_for" not in vars(pymongo.lock)


@pytest.mark.asyncio
@pytest.mark.parametrize("seconds", [None, 5.0, 0.01, 0, -1])
async def test_a_condition_is_met_or_not_and_its_lock_is_held_in_either_case(
    monkeypatch: pytest.MonkeyPatch, seconds: float | None
) -> None:
    monkeypatch.setattr(pymongo.lock, "wait_for", wait_for)
    lock = pymongo.lock._async_create_lock()
    condition = pymongo.lock._async_create_condition(lock)

    async def notify() -> None:
        async with condition:
            condition.notify()

    async with condition:
        patient = seconds is None or seconds > 1
        notifier = asyncio.create_task(notify()) if patient else None
        assert await pymongo.lock._async_cond_wait(condition, seconds) is patient
        assert lock.locked()
    if notifier is not None:
        await notifier
    assert not lock.locked()
