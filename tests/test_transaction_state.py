"""A transaction that has failed says why."""

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
