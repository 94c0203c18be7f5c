"""update and update_many: how many records change, what comes back, what is refused."""

from datetime import timedelta
from typing import Any

import pytest

from auth_adapters.conformance.topic import EARLIER, LATER, NOW, Connect, Topic, make_session, make_user
from auth_adapters.errors import (
    InvalidQueryError,
    InvalidValueError,
    UnknownFieldError,
    UnknownModelError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["TestUpdate", "TestUpdateMany", "TestUpdateRefusals"]

VERSIONED = Schema(
    {
        "page": Model(
            fields={
                "title": Field("string"),
                "body": Field("text", required=False),
                "state": Field("string", default="draft"),
                "revised": Field("string", on_update="yes", default="no"),
            }
        ),
        "grant": Model(
            fields={"subject": Field("string"), "scope": Field("string"), "level": Field("integer", default=0)},
            primary_key=("subject", "scope"),
        ),
    }
)


async def three_users(adapter: Adapter) -> list[dict[str, Any]]:
    """Ada, Bob and Cyd, of whom only Ada has a name."""
    names = {"ada": "Ada", "bob": None, "cyd": None}
    return [await make_user(adapter, f"{key}@example.com", name=name) for key, name in names.items()]


@pytest.mark.asyncio
class TestUpdate(Topic):
    """update."""

    async def test_it_returns_the_record_as_it_is_now(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        changed = await adapter.update("user", {"id": user["id"]}, {"name": "Ada"})
        assert changed is not None
        assert changed == {**user, "name": "Ada", "updated_at": changed["updated_at"]}
        assert await adapter.find_one("user", {"id": user["id"]}) == changed

    async def test_fields_that_are_not_named_stay_as_they_are(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada", image="ada.png", email_verified=True)
        changed = await adapter.update("user", {"id": user["id"]}, {"email": "new@example.com"})
        assert changed is not None
        assert changed == {**user, "email": "new@example.com", "updated_at": changed["updated_at"]}
        assert await adapter.find_many("user") == [changed]

    async def test_it_changes_one_record_even_when_several_match(self, adapter: Adapter) -> None:
        await three_users(adapter)
        changed = await adapter.update("user", {"name": None}, {"image": "new"})
        assert changed is not None
        assert changed["name"] is None
        assert await adapter.find_many("user", {"image": "new"}) == [changed]

    async def test_it_leaves_other_records_alone(self, adapter: Adapter) -> None:
        ada, bob, cyd = await three_users(adapter)
        await adapter.update("user", {"email": "bob@example.com"}, {"name": "Bob"})
        assert await adapter.find_many("user", {"id": ada["id"]}) == [ada]
        assert await adapter.find_many("user", {"id": cyd["id"]}) == [cyd]
        assert await adapter.count("user", {"id": bob["id"], "name": "Bob"}) == 1

    async def test_a_miss_is_none_and_changes_nothing(self, adapter: Adapter) -> None:
        users = await three_users(adapter)
        assert await adapter.update("user", {"email": "nobody@example.com"}, {"name": "X"}) is None
        assert await adapter.find_many("user", sort=["email"]) == users

    async def test_what_is_no_id_is_a_miss(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(ids="uuid4"))
        user = await make_user(adapter)
        for wrong in ("", "no uuid", str(user["id"]).upper()):
            assert await adapter.update("user", {"id": wrong}, {"name": "X"}) is None
        assert await adapter.find_one("user", {"id": user["id"]}) == user

    async def test_a_change_to_what_is_there_already_returns_the_record(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        page = await adapter.create("page", {"title": "One", "revised": "yes"})
        assert await adapter.update("page", {"id": page["id"]}, {"title": "One"}) == page

    async def test_on_update_is_refreshed(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        page = await adapter.create("page", {"title": "One"})
        changed = await adapter.update("page", {"id": page["id"]}, {"title": "Two"})
        assert changed == {**page, "title": "Two", "revised": "yes"}

    async def test_on_update_yields_to_a_given_value(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        page = await adapter.create("page", {"title": "One"})
        changed = await adapter.update("page", {"id": page["id"]}, {"title": "Two", "revised": "by hand"})
        assert changed == {**page, "title": "Two", "revised": "by hand"}

    async def test_updated_at_moves_on(self, adapter: Adapter) -> None:
        user = await make_user(adapter, updated_at=EARLIER)
        changed = await adapter.update("user", {"id": user["id"]}, {"name": "Ada"})
        assert changed is not None
        assert changed["updated_at"] > EARLIER
        assert changed["created_at"] == user["created_at"]

    async def test_a_default_is_not_applied_again(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        page = await adapter.create("page", {"title": "One", "state": "live"})
        changed = await adapter.update("page", {"id": page["id"]}, {"title": "Two"})
        assert changed is not None
        assert changed["state"] == "live"

    async def test_an_explicit_none_empties_an_optional_field(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada")
        changed = await adapter.update("user", {"id": user["id"]}, {"name": None})
        assert changed is not None
        assert changed["name"] is None
        assert await adapter.count("user", {"name": None}) == 1

    async def test_the_where_may_be_about_the_field_being_changed(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="old")
        swap = field("id").eq(user["id"]) & field("name").eq("old")
        changed = await adapter.update("user", swap, {"name": "new"})
        assert changed is not None
        assert changed["name"] == "new"
        assert await adapter.update("user", swap, {"name": "newer"}) is None
        assert await adapter.count("user", {"name": "new"}) == 1

    async def test_a_predicate_guards_the_change(self, adapter: Adapter) -> None:
        session = await make_session(adapter, await make_user(adapter), expires_at=NOW)
        guard = field("token").eq("token") & field("expires_at").gt(NOW)
        assert await adapter.update("session", guard, {"expires_at": LATER}) is None
        wider = field("token").eq("token") & field("expires_at").gte(NOW)
        changed = await adapter.update("session", wider, {"expires_at": LATER})
        assert changed is not None
        assert (changed["id"], changed["expires_at"]) == (session["id"], LATER)

    async def test_values_are_converted_as_on_create(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        later = LATER + timedelta(microseconds=999)
        changed = await adapter.update("user", {"id": user["id"]}, {"updated_at": later, "email_verified": True})
        assert changed is not None
        assert (changed["updated_at"], changed["email_verified"]) == (LATER, True)

    async def test_several_fields_change_at_once(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        changes = {"name": "Ada", "image": "a.png", "email": "lovelace@example.com", "updated_at": NOW}
        assert await adapter.update("user", {"email": user["email"]}, changes) == {**user, **changes}

    async def test_a_record_with_a_composite_key_is_found_by_it(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        for subject in ("ada", "bob"):
            await adapter.create("grant", {"subject": subject, "scope": "read"})
        changed = await adapter.update("grant", {"subject": "bob", "scope": "read"}, {"level": 2})
        assert changed == {"subject": "bob", "scope": "read", "level": 2}
        assert await adapter.count("grant", {"level": 0}) == 1

    async def test_the_caller_keeps_what_it_passed(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        where, changes = {"id": user["id"]}, {"name": "Ada"}
        await adapter.update("user", where, changes)
        assert (where, changes) == ({"id": user["id"]}, {"name": "Ada"})


@pytest.mark.asyncio
class TestUpdateMany(Topic):
    """update_many."""

    async def test_it_changes_every_match_and_counts_them(self, adapter: Adapter) -> None:
        await three_users(adapter)
        assert await adapter.update_many("user", {"name": None}, {"image": "new"}) == 2
        found = await adapter.find_many("user", {"image": "new"}, sort=["email"])
        assert [user["email"] for user in found] == ["bob@example.com", "cyd@example.com"]

    async def test_fields_that_are_not_named_stay_as_they_are(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        pages = [await adapter.create("page", {"title": title, "body": title.lower()}) for title in ("One", "Two")]
        assert await adapter.update_many("page", ALL, {"state": "done"}) == 2
        found = await adapter.find_many("page", sort=["title"])
        assert found == [{**page, "state": "done", "revised": "yes"} for page in pages]

    async def test_it_counts_matches_that_hold_the_value_already(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        for number in range(3):
            await adapter.create("page", {"title": f"{number}", "state": "live", "revised": "yes"})
        assert await adapter.update_many("page", {"state": "live"}, {"state": "live"}) == 3

    async def test_no_match_is_zero(self, adapter: Adapter) -> None:
        await three_users(adapter)
        assert await adapter.update_many("user", {"name": "nobody"}, {"image": "new"}) == 0
        assert await adapter.count("user", {"image": None}) == 3

    async def test_all_reaches_the_whole_table(self, adapter: Adapter) -> None:
        await three_users(adapter)
        assert await adapter.update_many("user", ALL, {"image": "new"}) == 3
        assert await adapter.count("user", {"image": "new"}) == 3

    async def test_all_of_an_empty_table_is_zero(self, adapter: Adapter) -> None:
        assert await adapter.update_many("user", ALL, {"image": "new"}) == 0

    async def test_the_where_may_be_about_the_field_being_changed(self, adapter: Adapter) -> None:
        await three_users(adapter)
        assert await adapter.update_many("user", field("name").ne("Eve"), {"name": "Eve"}) == 3
        assert await adapter.update_many("user", field("name").ne("Eve"), {"name": "Eve"}) == 0

    async def test_on_update_is_refreshed_in_every_match(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        for number in range(3):
            await adapter.create("page", {"title": f"{number}"})
        await adapter.update_many("page", field("title").ne("1"), {"state": "live"})
        assert await adapter.count("page", {"revised": "yes"}) == 2

    async def test_more_than_a_thousand_records_change(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        rows = [{"subject": f"{number:04}", "scope": "read"} for number in range(1_200)]
        if adapter.capabilities.atomic_batches:
            await adapter.create_many("grant", rows)
        else:
            for row in rows:
                await adapter.create("grant", row)
        assert await adapter.update_many("grant", {"scope": "read"}, {"level": 1}) == 1_200
        assert await adapter.count("grant", {"level": 1}) == 1_200


@pytest.mark.asyncio
class TestUpdateRefusals(Topic):
    """What update and update_many refuse, with nothing changed."""

    @pytest.mark.parametrize("where", [{}, None, ALL])
    async def test_update_needs_a_where(self, adapter: Adapter, where: Any) -> None:
        user = await make_user(adapter)
        with pytest.raises(InvalidQueryError):
            await adapter.update("user", where, {"name": "X"})
        assert await adapter.find_many("user") == [user]

    @pytest.mark.parametrize("where", [{}, None])
    async def test_update_many_needs_a_where_or_all(self, adapter: Adapter, where: Any) -> None:
        user = await make_user(adapter)
        with pytest.raises(InvalidQueryError, match="ALL"):
            await adapter.update_many("user", where, {"name": "X"})
        assert await adapter.find_many("user") == [user]

    async def test_a_where_of_another_kind_is_refused(self, adapter: Adapter) -> None:
        for wrong in ("id", 1, ["id"], True):
            with pytest.raises(InvalidQueryError):
                await adapter.update("user", wrong, {"name": "X"})  # type: ignore[arg-type]
            with pytest.raises(InvalidQueryError):
                await adapter.update_many("user", wrong, {"name": "X"})  # type: ignore[arg-type]

    async def test_empty_changes_are_refused(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        with pytest.raises(InvalidQueryError):
            await adapter.update("user", {"id": user["id"]}, {})
        with pytest.raises(InvalidQueryError):
            await adapter.update_many("user", ALL, {})
        assert await adapter.find_many("user") == [user]

    async def test_a_change_of_the_primary_key_is_refused(self, connect: Connect) -> None:
        adapter = await connect(VERSIONED)
        page = await adapter.create("page", {"title": "One"})
        grant = await adapter.create("grant", {"subject": "ada", "scope": "read"})
        with pytest.raises(InvalidQueryError, match=r"page\.id"):
            await adapter.update("page", {"title": "One"}, {"id": "other"})
        with pytest.raises(InvalidQueryError, match=r"grant\.scope"):
            await adapter.update("grant", {"subject": "ada"}, {"scope": "write"})
        with pytest.raises(InvalidQueryError, match=r"grant\.scope"):
            await adapter.update_many("grant", ALL, {"scope": "write"})
        assert await adapter.find_many("page") == [page]
        assert await adapter.find_many("grant") == [grant]

    async def test_none_for_a_required_field_is_refused(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        with pytest.raises(InvalidValueError, match=r"user\.email"):
            await adapter.update("user", {"id": user["id"]}, {"email": None})
        with pytest.raises(InvalidValueError, match=r"user\.email_verified"):
            await adapter.update_many("user", ALL, {"email_verified": None})
        assert await adapter.find_many("user") == [user]

    async def test_a_value_of_another_type_is_refused_without_being_told(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        with pytest.raises(InvalidValueError, match=r"user\.email_verified") as caught:
            await adapter.update("user", {"id": user["id"]}, {"email_verified": "s3cret"})
        assert "s3cret" not in f"{caught.value!r}"
        assert await adapter.find_many("user") == [user]

    async def test_an_unknown_field_is_refused(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        with pytest.raises(UnknownFieldError, match="nickname"):
            await adapter.update("user", {"id": user["id"]}, {"nickname": "A"})
        with pytest.raises(UnknownFieldError, match="nickname"):
            await adapter.update_many("user", {"nickname": "A"}, {"name": "A"})
        assert await adapter.find_many("user") == [user]

    async def test_an_unknown_model_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.update("ghost", {"id": "1"}, {"name": "A"})
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.update_many("ghost", ALL, {"name": "A"})
