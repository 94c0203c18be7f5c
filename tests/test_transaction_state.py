"""A transaction that has failed says why, and one that is in use when it ends is undone."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from auth_adapters import Adapter, AdapterStateError, TransientError, UniqueViolationError, connect
from auth_adapters.backends.memory.backend import MemoryBackend
from auth_adapters.backends.memory.store import MemoryStore
from auth_adapters.backends.memory.transactions import MemoryTransaction
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction, Isolation


@pytest.mark.asyncio
async def test_the_first_error_is_told_again() -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        await db.create("user", {"email": "secret@example.com"})
        with pytest.raises(AdapterStateError, match=r"rolled back: it failed with UniqueViolationError: .*same email"):
            async with db.transaction() as tx:
                with pytest.raises(UniqueViolationError):
                    await tx.create("user", {"email": "secret@example.com"})
                with pytest.raises(AdapterStateError, match="UniqueViolationError: another user has the same") as again:
                    await tx.count("user")
                assert "secret" not in str(again.value)


@pytest.mark.asyncio
async def test_one_that_is_in_use_by_another_task_when_it_ends_is_undone(tmp_path: Path) -> None:
    async with connect(tmp_path / "x.db") as db:
        await db.create_tables()
        with pytest.raises(AdapterStateError, match="still in use"):
            async with db.transaction() as tx:
                await tx.create("user", {"email": "ada@example.com"})
                late = asyncio.create_task(tx.create("user", {"email": "late@example.com"}))
                await asyncio.sleep(0)
        await asyncio.gather(late, return_exceptions=True)
        assert await db.count("user") == 0


class GivesUp(MemoryTransaction):
    """As on a server: what is under way when it is undone fails for that reason, before the undoing returns."""

    def __init__(self, store: MemoryStore, layout: Layout) -> None:
        super().__init__(store, layout)
        self.undoing = asyncio.Event()

    async def _write(self, work: Callable[[], Any]) -> Any:
        await self.undoing.wait()
        raise TransientError("the transaction is gone; safe to retry")

    async def rollback(self) -> None:
        self.undoing.set()
        for _ in range(5):
            await asyncio.sleep(0)
        await super().rollback()


class OnGivingUp(MemoryBackend):
    """The memory backend, whose transactions give up."""

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        await super().begin(isolation)
        assert self._layout is not None
        return GivesUp(self._store, self._layout)


@pytest.mark.asyncio
async def test_what_fails_because_it_is_undone_is_not_why_and_not_tried_again() -> None:
    tries: list[asyncio.Task[Any]] = []

    async def leave_one_behind(tx: Adapter) -> None:
        tries.append(asyncio.create_task(tx.create("user", {"email": "late@example.com"})))
        await asyncio.sleep(0)

    async with connect(OnGivingUp()) as db:
        await db.create_tables()
        with pytest.raises(AdapterStateError, match="still in use"):
            await db.run_transaction(leave_one_behind)
        (outcome,) = await asyncio.gather(*tries, return_exceptions=True)
        assert isinstance(outcome, TransientError)
        assert await db.count("user") == 0
