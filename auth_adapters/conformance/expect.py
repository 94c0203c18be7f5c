"""What topics expect in the same words: typed refusals, missing capabilities, and an end to every wait."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import pytest

from auth_adapters.conformance.topic import make_user
from auth_adapters.errors import AuthAdapterError, ConstraintError, UnsupportedOperationError
from auth_adapters.protocols import Adapter

__all__ = [
    "PATIENCE",
    "UndoError",
    "expect_nothing_said_of",
    "needs",
    "patiently",
    "refused",
    "refuses_batches",
    "refuses_bind",
    "refuses_savepoints",
    "refuses_serializable",
    "refuses_transactions",
    "together",
]

Test: TypeAlias = Callable[..., Awaitable[None]]

PATIENCE: Final = 60.0
"""Seconds after which a test that waits counts as one that hangs."""


class UndoError(Exception):
    """What tests raise to undo a transaction."""


@contextmanager
def refused(
    kind: type[ConstraintError], model: str, *fields: str, hiding: Sequence[str] = ()
) -> Iterator[pytest.ExceptionInfo[ConstraintError]]:
    """The block raises this error about `fields` of `model`, and says nothing of what it should be `hiding`."""
    with pytest.raises(kind) as caught:
        yield caught
    assert (caught.value.model, caught.value.fields) == (model, fields)
    expect_nothing_said_of(caught.value, *hiding)


def expect_nothing_said_of(error: BaseException, *values: str) -> None:
    """Neither the error nor what a traceback shows beside it tells one of the values; a driver's error is not shown."""
    shown: BaseException | None = error
    while shown is not None:
        assert isinstance(shown, AuthAdapterError)
        told = f"{shown} {shown!r} {vars(shown)}"
        assert not [value for value in values if value in told]
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def patiently() -> asyncio.Timeout:
    """A limit for a block that might wait for ever."""
    return asyncio.timeout(PATIENCE)


async def together(*work: Awaitable[Any]) -> list[Any]:
    """All at once; what each returned or raised, in order."""
    async with patiently():
        return list(await asyncio.gather(*work, return_exceptions=True))


async def refuses_transactions(adapter: Adapter) -> None:
    """`transaction` and `run_transaction` raise, and the work is never begun."""
    begun: list[Adapter] = []

    async def work(tx: Adapter) -> None:
        begun.append(tx)

    with pytest.raises(UnsupportedOperationError):
        async with adapter.transaction() as tx:
            begun.append(tx)
    with pytest.raises(UnsupportedOperationError):
        await adapter.run_transaction(work)
    assert not begun


async def refuses_serializable(adapter: Adapter) -> None:
    """A transaction that is to be serializable raises before it begins; one that is not is another matter."""
    if not adapter.capabilities.transactions:
        await refuses_transactions(adapter)
        return
    with pytest.raises(UnsupportedOperationError, match="serializable"):
        async with adapter.transaction(isolation="serializable"):
            pass
    with pytest.raises(UnsupportedOperationError, match="serializable"):
        await adapter.run_transaction(make_user, isolation="serializable")
    assert await adapter.count("user") == 0
    async with adapter.transaction(isolation="repeatable_read") as tx:
        await make_user(tx)
    assert await adapter.count("user") == 1


async def refuses_savepoints(adapter: Adapter) -> None:
    """A transaction inside a transaction raises, and the outer one goes on."""
    if not adapter.capabilities.transactions:
        await refuses_transactions(adapter)
        return
    async with adapter.transaction() as tx:
        with pytest.raises(UnsupportedOperationError):
            async with tx.transaction():
                pass
        user = await make_user(tx)
    assert await adapter.find_one("user", {"id": user["id"]}) == user


async def refuses_batches(adapter: Adapter) -> None:
    """`create_many` takes one row, and raises for two with nothing stored."""
    with pytest.raises(UnsupportedOperationError):
        await adapter.create_many("user", [{"email": "one@example.com"}, {"email": "two@example.com"}])
    assert await adapter.count("user") == 0
    await adapter.create_many("user", [{"email": "one@example.com"}])
    assert await adapter.count("user") == 1


async def refuses_bind(adapter: Adapter) -> None:
    """`bind` raises, whatever it is given."""
    with pytest.raises(UnsupportedOperationError):
        adapter.bind(object())


REFUSALS: Final[Mapping[str, Callable[[Adapter], Awaitable[None]]]] = {
    "transactions": refuses_transactions,
    "serializable": refuses_serializable,
    "savepoints": refuses_savepoints,
    "atomic_batches": refuses_batches,
    "bind": refuses_bind,
}


def needs(capability: str) -> Callable[[Test], Test]:
    """A test of a promise that only holds with a capability. Without it, the test is that the verbs refuse.

    The test takes the fixture `connect`, or `adapter`, or both.
    """

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        async def run(self: Any, **fixtures: Any) -> None:
            adapter = fixtures.get("adapter") or await fixtures["connect"]()
            if getattr(adapter.capabilities, capability):
                await test(self, **fixtures)
            else:
                await REFUSALS[capability](adapter)

        return run

    return decorate
