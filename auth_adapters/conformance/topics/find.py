"""find_one, find_many, count and iterate: what is found and what comes back."""

from datetime import timedelta
from typing import Any, TypedDict

import pytest

from auth_adapters.conformance.samples import create_all
from auth_adapters.conformance.topic import LATER, NOW, Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import UniqueViolationError, UnknownFieldError, UnknownModelError
from auth_adapters.observation import Observation
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, All, ModelRef, Where, field
from auth_adapters.schema.core import SESSION, USER, auth_schema
from auth_adapters.schema.naming import Naming

__all__ = ["TestFind", "TestObservation"]

MANY = 1_203


class Named(TypedDict):
    """A record of an application's own type."""

    id: str
    name: str | None


async def make_many(adapter: Adapter, count: int = MANY) -> list[dict[str, Any]]:
    """Verifications with the values 0, 1, ..."""
    rows = [{"identifier": f"i{n % 2}", "value": str(n), "expires_at": LATER} for n in range(count)]
    return await create_all(adapter, "verification", rows)


@pytest.mark.asyncio
class TestFind(Topic):
    """find_one, find_many, count and iterate."""

    async def test_find_one_returns_the_record_that_matches(self, adapter: Adapter) -> None:
        ada, bob = await make_user(adapter, "ada@example.com"), await make_user(adapter, "bob@example.com")
        assert await adapter.find_one("user", {"email": "bob@example.com"}) == bob
        assert await adapter.find_one("user", {"id": ada["id"]}) == ada

    async def test_find_one_returns_none_for_a_miss(self, adapter: Adapter) -> None:
        await make_user(adapter)
        assert await adapter.find_one("user", {"email": "nobody@example.com"}) is None

    async def test_find_one_on_an_empty_table_returns_none(self, adapter: Adapter) -> None:
        assert await adapter.find_one("user", {"email": "ada@example.com"}) is None

    async def test_a_question_sees_every_write_that_has_returned(self, connect: Connect) -> None:
        database = new_database()
        adapters = [await connect(database=database), await connect(database=database)]
        for number in range(3):
            user = await make_user(adapters[0], f"{number}@example.com")
            assert [await adapter.find_one("user", {"id": user["id"]}) for adapter in adapters] == [user, user]
            changed = await adapters[0].update("user", {"id": user["id"]}, {"name": "Ada"})
            assert [await adapter.find_one("user", {"id": user["id"]}) for adapter in adapters] == [changed, changed]
            assert [await adapter.count("user") for adapter in adapters] == [number + 1, number + 1]

    async def test_find_one_of_several_returns_one_that_matches(self, adapter: Adapter) -> None:
        users = [await make_user(adapter, f"{n}@example.com", name="same") for n in range(3)]
        await make_user(adapter, "other@example.com", name="other")
        assert await adapter.find_one("user", {"name": "same"}) in users

    async def test_find_one_with_sort_returns_the_first(self, adapter: Adapter) -> None:
        for name in ("b", "c", "a"):
            await make_user(adapter, f"{name}@example.com", name=name)
        first = await adapter.find_one("user", field("name").ne(None), sort=["name"])
        last = await adapter.find_one("user", field("name").ne(None), sort=["-name"])
        assert first is not None
        assert last is not None
        assert (first["name"], last["name"]) == ("a", "c")

    async def test_every_entry_of_a_mapping_must_match(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada")
        assert await adapter.find_one("user", {"email": "ada@example.com", "name": "Ada"}) == user
        assert await adapter.find_one("user", {"email": "ada@example.com", "name": "Bob"}) is None

    async def test_find_many_returns_every_record_without_a_where(self, adapter: Adapter) -> None:
        users = [await make_user(adapter, f"{n}@example.com") for n in range(3)]
        everything: list[Where | All | None] = [None, {}, ALL]
        for where in everything:
            found = await adapter.find_many("user", where)
            assert sorted(user["id"] for user in found) == sorted(user["id"] for user in users)

    async def test_find_many_returns_only_what_matches(self, adapter: Adapter) -> None:
        ada = await make_user(adapter, "ada@example.com", name="Ada")
        await make_user(adapter, "bob@example.com")
        assert await adapter.find_many("user", {"name": "Ada"}) == [ada]

    async def test_find_many_returns_an_empty_list_for_a_miss(self, adapter: Adapter) -> None:
        assert await adapter.find_many("user", {"name": "Ada"}) == []

    async def test_find_many_has_no_hidden_limit(self, adapter: Adapter) -> None:
        await make_many(adapter)
        found = await adapter.find_many("verification", {"identifier": "i1"})
        assert sorted(int(one["value"]) for one in found) == list(range(1, MANY, 2))
        assert len(await adapter.find_many("verification")) == MANY

    async def test_records_found_are_apart_from_each_other(self, adapter: Adapter) -> None:
        await make_user(adapter, name="Ada")
        (first,) = await adapter.find_many("user")
        first["name"] = "changed"
        (second,) = await adapter.find_many("user")
        assert second["name"] == "Ada"

    async def test_select_leaves_out_what_is_not_asked_for_the_id_too(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada")
        assert await adapter.find_one("user", {"id": user["id"]}, select=["name"]) == {"name": "Ada"}
        assert await adapter.find_many("user", select=("email", "id")) == [{"email": user["email"], "id": user["id"]}]

    async def test_select_does_not_need_the_fields_of_where_and_sort(self, adapter: Adapter) -> None:
        for name in ("b", "a"):
            await make_user(adapter, f"{name}@example.com", name=name)
        found = await adapter.find_many("user", field("name").in_(["a", "b"]), sort=["-name"], select=["email"])
        assert found == [{"email": "b@example.com"}, {"email": "a@example.com"}]

    async def test_a_field_selected_twice_comes_once(self, adapter: Adapter) -> None:
        await make_user(adapter, name="Ada")
        assert await adapter.find_many("user", select=["name", "name"]) == [{"name": "Ada"}]

    async def test_an_empty_select_gives_empty_records(self, adapter: Adapter) -> None:
        await make_user(adapter)
        assert await adapter.find_many("user", select=[]) == [{}]

    async def test_count_counts_what_matches(self, adapter: Adapter) -> None:
        for name in ("a", "b", None):
            await make_user(adapter, f"{name}@example.com", name=name)
        assert await adapter.count("user") == 3
        assert await adapter.count("user", ALL) == 3
        assert await adapter.count("user", {"name": None}) == 1
        assert await adapter.count("user", field("name").ne("a")) == 2
        assert await adapter.count("user", {"name": "nobody"}) == 0

    async def test_iterate_yields_every_record_once_in_order(self, adapter: Adapter) -> None:
        await make_many(adapter, 53)
        seen = [one["value"] async for one in adapter.iterate("verification", sort=["-identifier"], batch=10)]
        expected = [one["value"] for one in await adapter.find_many("verification", sort=["-identifier"])]
        assert seen == expected
        assert len(set(seen)) == 53

    @pytest.mark.parametrize("batch", [1, 4, 7, 8, 9, 500])
    async def test_iterate_does_not_depend_on_the_batch(self, adapter: Adapter, batch: int) -> None:
        await make_many(adapter, 8)
        seen = [one["value"] async for one in adapter.iterate("verification", batch=batch)]
        assert sorted(seen, key=int) == [str(number) for number in range(8)]

    async def test_iterate_fetches_only_what_matches(self, adapter: Adapter) -> None:
        await make_many(adapter, 9)
        seen = [one["value"] async for one in adapter.iterate("verification", {"identifier": "i0"}, batch=2)]
        assert sorted(seen, key=int) == ["0", "2", "4", "6", "8"]

    async def test_iterate_gives_the_selected_fields_only(self, adapter: Adapter) -> None:
        await make_many(adapter, 5)
        stream = adapter.iterate("verification", select=["value"], sort=["expires_at"], batch=2)
        seen = [one async for one in stream]
        assert sorted(seen, key=lambda one: int(one["value"])) == [{"value": str(number)} for number in range(5)]

    async def test_iterate_gives_the_selected_fields_in_the_order_asked_for(self, adapter: Adapter) -> None:
        await make_user(adapter)
        for select in (["name", "email", "id"], ["id", "image", "email", "name"], ["email", "created_at", "id"]):
            assert [list(user) async for user in adapter.iterate("user", select=select)] == [select]

    async def test_iterate_joins(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        for token in ("a", "b", "c"):
            await make_session(adapter, user, token)
        seen = [one async for one in adapter.iterate("session", join=["user"], batch=2)]
        assert sorted(one["token"] for one in seen) == ["a", "b", "c"]
        assert [one["user"] for one in seen] == [user] * 3

    async def test_iterate_allows_other_verbs_between_its_records(self, adapter: Adapter) -> None:
        await make_many(adapter, 7)
        removed = 0
        async for one in adapter.iterate("verification", batch=2):
            removed += await adapter.delete("verification", {"id": one["id"]})
        assert removed == 7
        assert await adapter.count("verification") == 0

    async def test_iterate_may_be_left_early(self, adapter: Adapter) -> None:
        await make_many(adapter, 5)
        async for _ in adapter.iterate("verification", batch=2):
            break
        assert await adapter.count("verification") == 5

    async def test_a_typed_reference_stands_for_the_name(self, adapter: Adapter) -> None:
        user = await adapter.create(USER, {"email": "ada@example.com"})
        await make_session(adapter, dict(user))
        found = await adapter.find_one(SESSION, {"user_id": user["id"]})
        assert found is not None
        assert found["token"] == "token"
        assert await adapter.count(USER) == 1

    async def test_an_application_types_models_its_own_way(self, adapter: Adapter) -> None:
        await make_user(adapter, name="Ada")
        found = await adapter.find_one(ModelRef[Named]("user"), {"name": "Ada"})
        assert found is not None
        assert found["name"] == "Ada"

    async def test_an_unknown_model_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownModelError, match="users"):
            await adapter.find_one("users", {"id": "1"})
        with pytest.raises(UnknownModelError, match="users"):
            await adapter.find_many(ModelRef("users"))

    async def test_a_physical_name_is_not_a_logical_name(self, connect: Connect) -> None:

        adapter = await connect(schema=auth_schema(naming=Naming(case="camel", plural=True)))
        with pytest.raises(UnknownModelError, match="users"):
            await adapter.find_many("users")
        with pytest.raises(UnknownFieldError, match="createdAt"):
            await adapter.find_many("user", {"createdAt": NOW})


@pytest.mark.asyncio
class TestObservation(Topic):
    """The one hook: told what happened, never with which values."""

    async def test_every_verb_is_told_with_its_model_and_rows(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        user = await make_user(adapter, name="Ada")
        del seen[:]
        await adapter.find_many("user")
        await adapter.count("user")
        await adapter.find_one("user", {"name": "nobody"})
        await adapter.update("user", {"id": user["id"]}, {"name": "B"})
        await adapter.delete_many("session", ALL)
        assert [(one.verb, one.model, one.rows, one.error) for one in seen] == [
            ("find_many", "user", 1, None),
            ("count", "user", 1, None),
            ("find_one", "user", 0, None),
            ("update", "user", 1, None),
            ("delete_many", "session", 0, None),
        ]

    async def test_a_miss_is_told_with_no_rows(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        del seen[:]
        await adapter.find_one("user", {"id": "x"})
        await adapter.update("user", {"id": "x"}, {"name": "x"})
        await adapter.delete("user", {"id": "x"})
        await adapter.consume_one("user", {"id": "x"})
        missed = ["find_one", "update", "delete", "consume_one"]
        assert [(one.verb, one.rows, one.error) for one in seen] == [(verb, 0, None) for verb in missed]

    async def test_a_further_statement_of_a_join_is_told_with_the_joined_model(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        user = await make_user(adapter)
        for token in ("a", "b"):
            await make_session(adapter, user, token)
        del seen[:]
        await adapter.find_one("user", {"id": user["id"]}, join=["session"])
        find, *further = [(one.verb, one.model, one.rows) for one in seen]
        assert find == ("find_one", "user", 1)
        assert further in ([], [("join", "session", 2)])

    async def test_durations_are_in_seconds(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        await make_user(adapter)
        assert seen
        assert all(0 <= one.duration < 60 for one in seen)

    async def test_an_error_of_the_database_is_told_by_its_class(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        await make_user(adapter)
        del seen[:]
        with pytest.raises(UniqueViolationError):
            await make_user(adapter)
        assert [(one.verb, one.error) for one in seen] == [("create", UniqueViolationError)]

    async def test_no_value_reaches_the_hook(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        user = await make_user(adapter, "secret-address@example.com", name="secret-name")
        await make_session(adapter, user, "secret-token", expires_at=NOW + timedelta(days=3))
        await adapter.find_many("session", field("token").starts_with("secret-"), join=["user"])
        await adapter.update("user", {"name": "secret-name"}, {"image": "secret-image"})
        await adapter.upsert("user", {"email": "secret-address@example.com", "name": "secret-x"}, on=["email"])
        await adapter.consume_one("session", {"token": "secret-token"})
        with pytest.raises(UniqueViolationError):
            await make_user(adapter, "secret-address@example.com")
        told = repr(seen)
        assert len(seen) >= 7
        assert "secret" not in told
        assert user["id"] not in told

    async def test_a_transaction_is_observed_too(self, connect: Connect) -> None:
        seen: list[Observation] = []
        adapter = await connect(observe=seen.append)
        if not adapter.capabilities.transactions:
            await make_user(adapter)
            assert "create" in [one.verb for one in seen]
            return
        async with adapter.transaction() as tx:
            await make_user(tx)
        assert ("create", "user") in [(one.verb, one.model) for one in seen]
