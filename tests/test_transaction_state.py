"""A transaction that has failed says why, and one that is in use when it ends is undone."""

import asyncio
from pathlib import Path

import pytest

from auth_adapters import AdapterStateError, UniqueViolationError, connect


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
