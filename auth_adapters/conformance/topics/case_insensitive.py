"""case_insensitive fields: equal as `str.lower()` says, spelt as they were given."""

from typing import Any, Final

import pytest

from auth_adapters.conformance.expect import needs, refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.samples import create_all
from auth_adapters.conformance.topic import Connect, Topic, make_session, new_database
from auth_adapters.conformance.topics.ids import check_refused, passing_where_refused
from auth_adapters.errors import InvalidValueError, UniqueViolationError
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, Where, field
from auth_adapters.schema import presets
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Naming

__all__ = ["TestCaseInsensitive"]

EMAIL: Final = Field("string", length=320, unique=True, case_insensitive=True)
USERS: Final = auth_schema(Extension(fields={"user": {"email": EMAIL}}))
TAGS: Final = Schema(
    {
        "tag": Model(
            fields={
                "name": Field("string", required=False, case_insensitive=True, index=True),
                "scope": Field("string", default="Default", case_insensitive=True),
                "number": Field("integer", default=0),
            },
            indexes=[Index("scope", "number", unique=True)],
        )
    }
)
PAIRS: Final = [
    ("ada@example.com", "ADA@Example.COM"),
    ("é", "É"),
    ("straße", "STRAßE"),
    ("ß", "ẞ"),
    ("σας", "ΣΑς"),
    ("ⅷ", "Ⅷ"),
    ("жук", "ЖУК"),
    ("ǆ", "ǅ"),
    ("i\u0307", "İ"),
    ("k", "\u212a"),
    ("å", "\u212b"),
    ("𐐨", "𐐀"),
    ("ꭰ", "Ꭰ"),
]
"""Texts that `str.lower()` makes equal."""
UNEQUAL: Final = [("ss", "ß"), ("ı", "I"), ("\ufb01", "fi"), ("e\u0301", "é"), ("ς", "σ"), ("a", "a "), ("ſ", "s")]
"""Texts that some databases take for equal and `str.lower()` does not."""


async def numbers(adapter: Adapter, where: Where) -> list[int]:
    """The numbers of the tags that match."""
    return sorted(tag["number"] for tag in await adapter.find_many("tag", where))


async def make_tags(connect: Connect, *names: str | None) -> Adapter:
    """Open an adapter with a tag for each name, numbered."""
    adapter = await connect(schema=TAGS)
    await create_all(adapter, "tag", [{"name": name, "number": number} for number, name in enumerate(names)])
    return adapter


@pytest.mark.asyncio
class TestCaseInsensitive(Topic):
    """Equality and uniqueness by lower case, the spelling kept."""

    async def test_the_spelling_is_kept(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        user = await adapter.create("user", {"email": "Ada@Example.com"})
        assert user["email"] == "Ada@Example.com"
        assert await adapter.find_one("user", {"id": user["id"]}) == user

    @passing_where_refused
    async def test_every_spelling_finds_a_record_whose_id_the_database_makes(self, connect: Connect) -> None:
        await check_refused(connect, "serial")
        adapter = await connect(schema=Schema(TAGS.models, ids="serial"))
        tag = await adapter.create("tag", {"name": "Ada", "scope": "Own"})
        assert await adapter.find_many("tag", {"name": "aDA"}) == [tag]
        assert await adapter.find_many("tag", {"scope": "oWN"}) == [tag]

    @pytest.mark.parametrize(("low", "up"), PAIRS, ids=ascii)
    async def test_every_spelling_finds_the_record(self, connect: Connect, low: str, up: str) -> None:
        assert low.lower() == up.lower()
        adapter = await make_tags(connect, low, up, "other", None)
        for spelling in (low, up):
            assert await numbers(adapter, {"name": spelling}) == [0, 1]
            assert await numbers(adapter, field("name").ne(spelling)) == [2, 3]
            assert await numbers(adapter, field("name").in_([spelling, "x"])) == [0, 1]
            assert await numbers(adapter, field("name").not_in([spelling, "OTHER"])) == [3]

    @pytest.mark.parametrize(("low", "up"), PAIRS, ids=ascii)
    async def test_every_spelling_is_the_same_key(self, connect: Connect, low: str, up: str) -> None:
        adapter = await connect(schema=USERS)
        await adapter.create("user", {"email": low})
        with refused(UniqueViolationError, "user", "email"):
            await adapter.create("user", {"email": up})
        assert await adapter.count("user") == 1

    @pytest.mark.parametrize(("one", "other"), UNEQUAL, ids=ascii)
    async def test_what_lower_case_tells_apart_stays_apart(self, connect: Connect, one: str, other: str) -> None:
        adapter = await connect(schema=USERS)
        first = await adapter.create("user", {"email": one})
        second = await adapter.create("user", {"email": other})
        assert await adapter.find_many("user", {"email": one}) == [first]
        assert await adapter.find_many("user", {"email": other}) == [second]

    async def test_none_is_none(self, connect: Connect) -> None:
        adapter = await make_tags(connect, None, "none", "NONE", "")
        assert await numbers(adapter, {"name": None}) == [0]
        assert await numbers(adapter, field("name").ne(None)) == [1, 2, 3]
        assert await numbers(adapter, field("name").in_([None, "None"])) == [0, 1, 2]
        assert await numbers(adapter, {"name": ""}) == [3]

    async def test_an_empty_list_matches_nothing(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "a", None)
        assert await numbers(adapter, field("name").in_([])) == []
        assert await numbers(adapter, field("name").not_in([])) == [0, 1]

    async def test_a_long_list_finds_every_spelling(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "NAME7", "name20000", "Name9999")
        assert await numbers(adapter, field("name").in_([f"nAmE{number}" for number in range(10_000)])) == [0, 2]

    async def test_the_insensitive_mode_changes_nothing_for_equality(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "Ä", "ä", "b")
        assert await numbers(adapter, field("name").eq("ä", mode="insensitive")) == [0, 1]
        assert await numbers(adapter, field("name").in_(["Ä"], mode="insensitive")) == [0, 1]
        assert await numbers(adapter, field("name").ne("Ä", mode="insensitive")) == [2]

    async def test_searching_goes_by_the_spelling_unless_the_mode_is_insensitive(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "Ada", "ada", "ADAM")
        assert await numbers(adapter, field("name").starts_with("ada")) == [1]
        assert await numbers(adapter, field("name").starts_with("ada", mode="insensitive")) == [0, 1, 2]
        assert await numbers(adapter, field("name").contains("DA")) == [2]
        assert await numbers(adapter, field("name").ends_with("A", mode="insensitive")) == [0, 1]

    async def test_sorting_goes_by_the_spelling(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "b", "A", "a", "B", None)
        found = await adapter.find_many("tag", sort=["name"])
        assert [tag["name"] for tag in found] == [None, "A", "B", "a", "b"]
        assert await adapter.find_many("tag", sort=["name"], after=found[1]) == found[2:]
        assert await numbers(adapter, field("name").lt("a")) == [1, 3]

    async def test_update_changes_the_spelling_and_what_it_equals(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        user = await adapter.create("user", {"email": "Ada@Example.com"})
        updated = await adapter.update("user", {"email": "ADA@EXAMPLE.COM"}, {"email": "EVE@example.com"})
        assert updated is not None
        assert updated["email"] == "EVE@example.com"
        assert await adapter.find_one("user", {"email": "ada@example.com"}) is None
        found = await adapter.find_one("user", {"email": "eve@Example.com"})
        assert found is not None
        assert found["id"] == user["id"]
        assert (await adapter.create("user", {"email": "ada@example.com"}))["id"] != user["id"]

    async def test_only_the_spelling_may_change(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        await adapter.create("user", {"email": "ada@example.com"})
        updated = await adapter.update("user", {"email": "ada@example.com"}, {"email": "ADA@example.com"})
        assert updated is not None
        assert updated["email"] == "ADA@example.com"
        assert await adapter.count("user", {"email": "ada@EXAMPLE.com"}) == 1

    async def test_update_into_another_spelling_of_a_taken_key_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        await adapter.create("user", {"email": "ada@example.com"})
        eve = await adapter.create("user", {"email": "eve@example.com"})
        with refused(UniqueViolationError, "user", "email", hiding=["ada@", "ADA@"]):
            await adapter.update("user", {"id": eve["id"]}, {"email": "ADA@example.com"})
        assert await adapter.find_one("user", {"email": "EVE@example.com"}) == eve

    async def test_update_many_and_increment_change_what_it_equals(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "a", "b")
        assert await adapter.update_many("tag", field("name").in_(["A", "B"]), {"name": "New"}) == 2
        assert await numbers(adapter, {"name": "nEW"}) == [0, 1]
        changed = await adapter.increment_one("tag", {"name": "new", "number": 0}, {"number": 5}, {"name": "Other"})
        assert changed is not None
        assert await numbers(adapter, {"name": "OTHER"}) == [5]

    async def test_a_value_may_be_emptied(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "a")
        await adapter.update("tag", {"name": "A"}, {"name": None})
        assert await numbers(adapter, {"name": "a"}) == []
        assert await numbers(adapter, {"name": None}) == [0]

    async def test_upsert_goes_by_every_spelling(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        first, created = await adapter.upsert("user", {"email": "Ada@Example.com"}, on=["email"])
        assert created
        data = {"email": "ADA@EXAMPLE.COM", "name": "Ada"}
        second, created = await adapter.upsert("user", data, on=["email"])
        assert not created
        assert (second["id"], second["email"], second["name"]) == (first["id"], "Ada@Example.com", "Ada")
        third, created = await adapter.upsert("user", data, on=["email"], changes={"email": "ada@example.COM"})
        assert (third["id"], third["email"], created) == (first["id"], "ada@example.COM", False)
        assert await adapter.count("user") == 1

    async def test_delete_and_consume_go_by_every_spelling(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "Ä", "b", "B")
        assert await adapter.delete("tag", {"name": "ä"}) is True
        assert await adapter.consume_one("tag", {"name": "B"}) is not None
        assert await adapter.delete_many("tag", {"name": "b"}) == 1
        assert await adapter.count("tag") == 0

    async def test_joins_narrow_by_every_spelling(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        user = await adapter.create("user", {"email": "Ada@Example.com"})
        session = await make_session(adapter, user)
        found = await adapter.find_one("user", {"email": "ADA@example.com"}, join=["session"])
        assert found == {**user, "session": [session]}
        join = {"owner": Join(model="user", where={"email": "aDa@eXample.com"}, select=["email"])}
        found = await adapter.find_one("session", {"token": "token"}, join=join)
        assert found == {**session, "owner": {"email": "Ada@Example.com"}}
        join = {"owner": Join(model="user", where=field("email").ne("ADA@example.com"))}
        assert await adapter.find_one("session", {"token": "token"}, join=join) == {**session, "owner": None}

    async def test_the_records_do_not_show_how_it_is_done(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        user = await adapter.create("user", {"email": "Ada@Example.com"})
        assert set(user) == set(adapter.schema.models["user"].fields)
        assert await adapter.find_many("user", select=["email"]) == [{"email": "Ada@Example.com"}]
        assert await adapter.consume_one("user", {"id": user["id"]}) == user

    async def test_a_key_of_several_fields_goes_by_every_spelling(self, connect: Connect) -> None:
        adapter = await connect(schema=TAGS)
        await adapter.create("tag", {"scope": "One", "number": 1})
        with refused(UniqueViolationError, "tag", "scope", "number"):
            await adapter.create("tag", {"scope": "ONE", "number": 1})
        _, created = await adapter.upsert("tag", {"scope": "oNE", "number": 1, "name": "x"}, on=["scope", "number"])
        assert not created
        await adapter.create("tag", {"scope": "ONE", "number": 2})

    async def test_a_default_goes_by_every_spelling(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "a")
        assert await numbers(adapter, {"scope": "dEFAULT"}) == [0]

    @needs("atomic_batches")
    async def test_a_batch_with_two_spellings_of_a_key_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        with refused(UniqueViolationError, "user", "email"):
            await adapter.create_many("user", [{"email": "ada@example.com"}, {"email": "Ada@example.com"}])
        assert await adapter.count("user") == 0

    @pytest.mark.parametrize("naming", [Naming(), Naming(case="camel", plural=True, columns={"user.email": "E-Mail"})])
    async def test_the_spelling_is_what_is_stored_under_the_fields_name(
        self, harness: Harness, connect: Connect, naming: Naming
    ) -> None:
        database = new_database()
        schema = auth_schema(Extension(fields={"user": {"email": EMAIL}}), naming=naming)
        adapter = await connect(schema=schema, database=database)
        user = await adapter.create("user", {"email": "Ada@Example.com"})
        (row,) = await harness.stored(database, naming.table("user", None))
        assert row[naming.column("user", "email", None)] == "Ada@Example.com"
        assert await adapter.find_one("user", {"email": "ada@example.com"}) == user

    async def test_a_text_that_grows_in_lower_case_still_fits(self, connect: Connect) -> None:
        adapter = await make_tags(connect, "İ" * 255, "x" * 255)
        assert await numbers(adapter, {"name": "i\u0307" * 255}) == [0]
        with pytest.raises(InvalidValueError, match=r"tag\.name"):
            await adapter.create("tag", {"name": "İ" * 256})

    async def test_other_fields_stay_sensitive(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        user = await adapter.create("user", {"email": "a@example.com", "name": "Ada"})
        assert await adapter.find_one("user", {"name": "ada"}) is None
        await make_session(adapter, user, "Token")
        await make_session(adapter, user, "token")
        assert await adapter.count("session", {"token": "token"}) == 1

    @pytest.mark.parametrize("wrong", [1, b"a", {"$ne": ""}, "a\0", ["a"]])
    async def test_a_wrong_value_is_refused(self, connect: Connect, wrong: Any) -> None:
        adapter = await connect(schema=USERS)
        with pytest.raises(InvalidValueError, match=r"user\.email"):
            await adapter.find_one("user", {"email": wrong})
        with pytest.raises(InvalidValueError, match=r"user\.email"):
            await adapter.create("user", {"email": wrong})

    async def test_a_schema_shared_with_better_auth_compares_as_it_is_written(self, connect: Connect) -> None:
        adapter = await connect(schema=presets.better_auth(version="1.4"))
        await adapter.create("user", {"email": "ada@example.com"})
        assert await adapter.find_one("user", {"email": "Ada@example.com"}) is None
