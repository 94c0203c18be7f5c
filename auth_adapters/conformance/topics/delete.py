"""delete and delete_many: how many records go, and what is refused."""

from typing import Any

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import InvalidQueryError, UnknownFieldError, UnknownModelError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["TestDelete", "TestDeleteMany"]

GRANTS = Schema(
    {"grant": Model(fields={"subject": Field("string"), "scope": Field("string")}, primary_key=("subject", "scope"))}
)


async def emails(adapter: Adapter) -> list[str]:
    """The e-mail addresses that are left."""
    return [user["email"] for user in await adapter.find_many("user", sort=["email"])]


async def users(adapter: Adapter, *names: str) -> list[dict[str, Any]]:
    """Users with these names for addresses."""
    return [await make_user(adapter, name, image="same") for name in names]


@pytest.mark.asyncio
class TestDelete(Topic):
    """delete."""

    async def test_it_removes_the_record_and_says_so(self, adapter: Adapter) -> None:
        ada, _ = await users(adapter, "ada", "bob")
        assert await adapter.delete("user", {"id": ada["id"]}) is True
        assert await emails(adapter) == ["bob"]

    async def test_a_miss_is_false(self, adapter: Adapter) -> None:
        await users(adapter, "ada")
        assert await adapter.delete("user", {"email": "nobody"}) is False
        assert await emails(adapter) == ["ada"]

    async def test_it_removes_one_record_even_when_several_match(self, adapter: Adapter) -> None:
        await users(adapter, "ada", "bob", "cyd")
        assert await adapter.delete("user", {"image": "same"}) is True
        assert await adapter.count("user") == 2

    async def test_it_can_be_repeated(self, adapter: Adapter) -> None:
        (ada,) = await users(adapter, "ada")
        assert [await adapter.delete("user", {"id": ada["id"]}) for _ in range(3)] == [True, False, False]

    async def test_a_predicate_guards_it(self, adapter: Adapter) -> None:
        (ada,) = await users(adapter, "ada")
        assert await adapter.delete("user", field("id").eq(ada["id"]) & field("image").ne("same")) is False
        assert await adapter.delete("user", field("id").eq(ada["id"]) & field("image").eq("same")) is True

    async def test_what_is_no_id_is_a_miss(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(ids="uuid4"))
        (ada,) = await users(adapter, "ada")
        for wrong in ("", "no uuid", str(ada["id"]).upper()):
            assert await adapter.delete("user", {"id": wrong}) is False
        assert await emails(adapter) == ["ada"]

    async def test_a_record_with_a_composite_key_is_found_by_it(self, connect: Connect) -> None:
        adapter = await connect(GRANTS)
        for scope in ("read", "write"):
            await adapter.create("grant", {"subject": "ada", "scope": scope})
        assert await adapter.delete("grant", {"subject": "ada", "scope": "read"}) is True
        assert await adapter.find_many("grant") == [{"subject": "ada", "scope": "write"}]

    async def test_at_most_one_goes_by_half_a_composite_key(self, connect: Connect) -> None:
        adapter = await connect(GRANTS)
        for scope in ("read", "write", "admin"):
            await adapter.create("grant", {"subject": "ada", "scope": scope})
        assert await adapter.delete("grant", {"subject": "ada"}) is True
        assert await adapter.count("grant") == 2

    async def test_nothing_of_the_record_is_left(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        await users(adapter, "ada", "bob")
        await adapter.delete("user", {"email": "ada"})
        assert [row["email"] for row in await harness.stored(database, "user")] == ["bob"]

    async def test_a_unique_value_is_free_again(self, adapter: Adapter) -> None:
        (before,) = await users(adapter, "ada")
        await adapter.delete("user", {"email": "ada"})
        (after,) = await users(adapter, "ada")
        assert after["id"] != before["id"]

    @pytest.mark.parametrize("where", [{}, None, ALL, "id", ["id"]])
    async def test_it_needs_a_where(self, adapter: Adapter, where: Any) -> None:
        await users(adapter, "ada")
        with pytest.raises(InvalidQueryError):
            await adapter.delete("user", where)
        assert await emails(adapter) == ["ada"]

    async def test_unknown_names_are_refused(self, adapter: Adapter) -> None:
        await users(adapter, "ada")
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.delete("ghost", {"id": "1"})
        with pytest.raises(UnknownFieldError, match="nickname"):
            await adapter.delete("user", {"nickname": "A"})
        assert await emails(adapter) == ["ada"]


@pytest.mark.asyncio
class TestDeleteMany(Topic):
    """delete_many."""

    async def test_it_removes_every_match_and_counts_them(self, adapter: Adapter) -> None:
        await users(adapter, "ada", "bob", "cyd")
        assert await adapter.delete_many("user", field("email").in_(["ada", "cyd", "nobody"])) == 2
        assert await emails(adapter) == ["bob"]

    async def test_it_counts_only_the_model_asked_for(self, adapter: Adapter) -> None:
        (ada,) = await users(adapter, "ada")
        for number in range(3):
            await make_session(adapter, ada, f"token{number}")
        assert await adapter.delete_many("user", {"email": "ada"}) == 1
        assert await adapter.count("session") == 0

    async def test_no_match_is_zero(self, adapter: Adapter) -> None:
        await users(adapter, "ada")
        assert await adapter.delete_many("user", {"email": "nobody"}) == 0
        assert await emails(adapter) == ["ada"]

    async def test_all_empties_the_table(self, adapter: Adapter) -> None:
        await users(adapter, "ada", "bob")
        assert await adapter.delete_many("user", ALL) == 2
        assert await adapter.delete_many("user", ALL) == 0
        assert await emails(adapter) == []

    async def test_what_is_no_id_matches_nothing(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(ids="uuid4"))
        ada, bob = await users(adapter, "ada", "bob")
        assert await adapter.delete_many("user", {"id": "no uuid"}) == 0
        assert await adapter.delete_many("user", field("id").in_(["no uuid", ada["id"], "?"])) == 1
        assert await adapter.find_many("user") == [bob]

    @pytest.mark.parametrize("where", [{}, None])
    async def test_it_needs_a_where_or_all(self, adapter: Adapter, where: Any) -> None:
        await users(adapter, "ada")
        with pytest.raises(InvalidQueryError, match="ALL"):
            await adapter.delete_many("user", where)
        assert await emails(adapter) == ["ada"]

    async def test_more_than_a_thousand_records_go(self, connect: Connect) -> None:
        adapter = await connect(GRANTS)
        rows = [{"subject": f"{number:04}", "scope": "read"} for number in range(1_200)]
        if adapter.capabilities.atomic_batches:
            await adapter.create_many("grant", rows)
        else:
            for row in rows:
                await adapter.create("grant", row)
        assert await adapter.delete_many("grant", field("subject").gte("0100")) == 1_100
        assert await adapter.count("grant") == 100
