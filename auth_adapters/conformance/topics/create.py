"""create and create_many: what is stored and what comes back."""

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import NOW, Connect, Topic, make_user, new_database
from auth_adapters.errors import InvalidValueError, UnknownFieldError
from auth_adapters.protocols import Adapter

__all__ = ["TestCreate"]


@pytest.mark.asyncio
class TestCreate(Topic):
    """create and create_many."""

    async def test_create_returns_the_record_as_stored(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada")
        assert await adapter.find_one("user", {"id": user["id"]}) == user

    async def test_create_fills_defaults(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        assert user["email_verified"] is False
        assert user["name"] is None
        assert user["created_at"].tzinfo is not None

    async def test_create_drops_microseconds(self, adapter: Adapter) -> None:
        user = await make_user(adapter, created_at=NOW.replace(microsecond=89_999))
        assert user["created_at"] == NOW

    async def test_what_is_stored_is_under_the_physical_names(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        await make_user(adapter, "ada@example.com")
        (row,) = await harness.stored(database, "user")
        assert row["email"] == "ada@example.com"

    async def test_an_unknown_field_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownFieldError, match="nickname"):
            await make_user(adapter, nickname="A")
        assert await adapter.count("user") == 0

    async def test_a_missing_required_field_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(InvalidValueError, match="user.email"):
            await adapter.create("user", {})
