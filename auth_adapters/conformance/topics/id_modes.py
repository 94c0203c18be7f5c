"""What holds for ids in every mode: strings, one canonical spelling, one type with their references."""

from collections.abc import Callable
from typing import Any

import pytest

from auth_adapters.conformance.expect import refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import LATER, NOW, Connect, Topic, make_session, make_user, new_database
from auth_adapters.conformance.topics.ids import MODES, open_in, passing_where_refused
from auth_adapters.errors import (
    ForeignKeyViolationError,
    InvalidQueryError,
    InvalidValueError,
    UniqueViolationError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.query import field
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Extension, Model

__all__ = ["TestIdModes"]

UUID = "0190b6a4-8d5e-7c3a-9f01-23456789abcd"
TEXTS = ["", "x" * 256]
UUIDS = [
    *TEXTS, UUID.upper(), UUID.replace("-", ""), f"{{{UUID}}}", f"urn:uuid:{UUID}", f" {UUID}", UUID[:-1], "abc", "1",
]  # fmt: skip
SERIALS = [
    *TEXTS, "01", "+1", "-1", "1.0", "1e0", " 1", "1 ", "0", "1_0", "0x1", "abc", "\uff11", "²", "1" * 20, str(2**63),
]  # fmt: skip
OBJECT_ID = "65f0c3a1b2c3d4e5f6a7b8c9"
OBJECT_IDS = [*TEXTS, OBJECT_ID.upper(), OBJECT_ID[:-1], OBJECT_ID + "0", f" {OBJECT_ID}", "x" * 24, "x" * 12, "abc"]
MISSPELT = {
    "uuid4": UUIDS,
    "uuid7": UUIDS,
    "objectid": OBJECT_IDS,
    "serial": SERIALS,
    "random": TEXTS,
    "callable": TEXTS,
    "database": TEXTS,
}
"""What is no id of each mode. What the database makes is its own affair."""


async def free_id(adapter: Adapter) -> str:
    """An id of the adapter's mode that no record has: one that was deleted."""
    user = await make_user(adapter, "gone@example.com")
    await adapter.delete("user", {"id": user["id"]})
    return str(user["id"])


def in_every_mode(test: Callable[..., Any]) -> Callable[..., Any]:
    """Run the test in each id mode; where the adapter lacks one, the test is that it refuses to open."""
    marked: Callable[..., Any] = pytest.mark.parametrize("mode", MODES)(passing_where_refused(test))
    return marked


@pytest.mark.asyncio
class TestIdModes(Topic):
    """What holds in every id mode."""

    @in_every_mode
    async def test_ids_are_strings_that_differ(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        users = [await make_user(adapter, f"{number}@example.com") for number in range(12)]
        assert all(type(user["id"]) is str and user["id"] for user in users)
        assert len({user["id"] for user in users}) == 12

    @in_every_mode
    async def test_an_id_finds_its_record(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        ada, bob = await make_user(adapter, "ada@example.com"), await make_user(adapter, "bob@example.com")
        assert await adapter.find_one("user", {"id": ada["id"]}) == ada
        assert await adapter.find_one("user", field("id").eq(bob["id"])) == bob
        assert await adapter.find_many("user", field("id").ne(ada["id"])) == [bob]
        assert await adapter.find_many("user", field("id").in_([bob["id"]])) == [bob]
        assert await adapter.find_many("user", field("id").not_in([bob["id"]])) == [ada]

    @in_every_mode
    async def test_a_reference_is_the_same_string_as_the_id(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        assert session["user_id"] == user["id"]
        assert await adapter.find_many("session", {"user_id": user["id"]}) == [session]
        assert await adapter.find_one("session", {"id": session["id"]}, join=["user"]) == {**session, "user": user}
        assert await adapter.find_one("user", {"id": user["id"]}, join=["session"]) == {**user, "session": [session]}

    @in_every_mode
    async def test_every_verb_takes_the_id(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        user = await make_user(adapter)
        where = {"id": user["id"]}
        updated = await adapter.update("user", where, {"name": "Ada"})
        assert updated == {**user, "name": "Ada", "updated_at": updated["updated_at"] if updated else None}
        assert await adapter.update_many("user", where, {"name": "B"}) == 1
        assert await adapter.count("user", where) == 1
        record, created = await adapter.upsert("user", {"email": user["email"], "name": "C"}, on=["email"])
        assert (record["id"], created) == (user["id"], False)
        record, created = await adapter.upsert("user", {"email": "new@example.com"}, on=["email"])
        assert created
        assert type(record["id"]) is str
        assert await adapter.delete("user", {"id": record["id"]}) is True
        consumed = await adapter.consume_one("user", where)
        assert consumed is not None
        assert consumed["id"] == user["id"]

    @in_every_mode
    async def test_create_many_makes_ids_in_the_given_order(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        count = 40 if adapter.capabilities.atomic_batches else 1
        users = await adapter.create_many("user", [{"email": f"{number}@example.com"} for number in range(count)])
        assert len({user["id"] for user in users}) == count
        for number in (0, count // 2, count - 1):
            assert await adapter.find_one("user", {"id": users[number]["id"]}) == users[number]
            assert users[number]["email"] == f"{number}@example.com"

    @in_every_mode
    async def test_an_id_that_is_no_record_matches_nothing(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        free, user = await free_id(adapter), await make_user(adapter)
        assert await adapter.find_one("user", {"id": free}) is None
        assert await adapter.find_many("user", field("id").ne(free)) == [user]

    @in_every_mode
    async def test_what_no_id_is_written_as_matches_nothing(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        for text in MISSPELT[mode]:
            assert await adapter.find_one("user", {"id": text}) is None, text
            assert await adapter.find_many("session", {"user_id": text}) == [], text
            assert await adapter.count("user", {"id": text, "email": user["email"]}) == 0, text
            assert await adapter.count("user", field("id").gte(text)) == 0, text
            assert await adapter.update("user", {"id": text}, {"name": "x"}) is None, text
            assert await adapter.update_many("session", {"user_id": text}, {"token": "x"}) == 0, text
            assert await adapter.delete("user", {"id": text}) is False, text
            assert await adapter.delete_many("session", {"user_id": text}) == 0, text
            assert await adapter.consume_one("session", {"user_id": text}) is None, text
        assert await adapter.find_many("session") == [session]

    @in_every_mode
    async def test_the_complement_of_what_is_no_id_matches_all(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        user = await make_user(adapter)
        for text in MISSPELT[mode]:
            assert await adapter.find_many("user", field("id").ne(text)) == [user], text
            assert await adapter.find_many("user", ~field("id").eq(text) & field("email").ne("x")) == [user], text
            assert await adapter.find_many("user", field("id").not_in([text])) == [user], text
            either = field("id").eq(text) | field("email").eq(user["email"])
            assert await adapter.find_many("user", either) == [user], text
            assert await adapter.find_many("user", ~either) == [], text

    @in_every_mode
    async def test_a_list_drops_what_is_no_id(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        ada, bob = await make_user(adapter, "ada@example.com"), await make_user(adapter, "bob@example.com")
        listed = [*MISSPELT[mode], ada["id"], *MISSPELT[mode]]
        assert await adapter.find_many("user", field("id").in_(listed)) == [ada]
        assert await adapter.find_many("user", field("id").not_in(listed)) == [bob]
        assert await adapter.find_many("user", field("id").in_(MISSPELT[mode])) == []

    @in_every_mode
    async def test_an_id_in_a_where_is_a_string(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        wrong: Any
        for wrong in (1, 1.5, True, b"1", ["1"], {"$ne": ""}, NOW):
            with pytest.raises(InvalidValueError, match=r"user\.id"):
                await adapter.find_one("user", {"id": wrong})
            with pytest.raises(InvalidValueError, match=r"session\.user_id"):
                await adapter.find_many("session", field("user_id").in_([wrong]))

    @in_every_mode
    async def test_what_is_no_id_is_refused_as_a_reference(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        session = await make_session(adapter, await make_user(adapter))
        wrong: Any
        for wrong in (*MISSPELT[mode], 1, b"1", {"$ne": ""}):
            with pytest.raises(InvalidValueError, match=r"session\.user_id"):
                await make_session(adapter, {"id": wrong}, "other")
            with pytest.raises(InvalidValueError, match=r"session\.user_id"):
                await adapter.update("session", {"token": "token"}, {"user_id": wrong})
            with pytest.raises(InvalidValueError, match=r"session\.user_id"):
                data = {"user_id": wrong, "token": "token", "expires_at": LATER}
                await adapter.upsert("session", data, on=["token"])
        assert await adapter.find_many("session") == [session]

    @in_every_mode
    async def test_a_reference_to_nobody_is_a_foreign_key_violation(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        free = await free_id(adapter)
        with refused(ForeignKeyViolationError, "session", "user_id"):
            await make_session(adapter, {"id": free})
        assert await adapter.count("session") == 0

    @in_every_mode
    async def test_force_id_stores_an_id_of_this_mode(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        forced = await free_id(adapter)
        user = await adapter.create("user", {"id": forced, "email": "ada@example.com"}, force_id=True)
        assert user["id"] == forced
        assert await adapter.find_one("user", {"id": forced}) == user
        with refused(UniqueViolationError, "user", "id"):
            await adapter.create("user", {"id": forced, "email": "bob@example.com"}, force_id=True)

    @in_every_mode
    async def test_force_id_refuses_what_is_no_id(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        for text in MISSPELT[mode]:
            with pytest.raises(InvalidValueError, match=r"user\.id"):
                await adapter.create("user", {"id": text, "email": "ada@example.com"}, force_id=True)
        assert await adapter.count("user") == 0

    @in_every_mode
    async def test_the_primary_key_does_not_change(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        free, user = await free_id(adapter), await make_user(adapter)
        for new in (user["id"], free, None):
            with pytest.raises(InvalidQueryError, match="id"):
                await adapter.update("user", {"id": user["id"]}, {"id": new})
        assert await adapter.find_many("user") == [user]

    @in_every_mode
    async def test_an_optional_reference_may_be_none(self, connect: Connect, mode: str) -> None:
        note = Model(fields={"owner_id": Field("id", required=False, references=Reference(model="user"))})
        adapter = await open_in(connect, mode, Extension(models={"note": note}))
        user = await make_user(adapter)
        free = await adapter.create("note", {})
        owned = await adapter.create("note", {"owner_id": user["id"]})
        assert (free["owner_id"], owned["owner_id"]) == (None, user["id"])
        assert await adapter.find_many("note", {"owner_id": None}) == [free]
        assert await adapter.find_many("note", field("owner_id").ne("not an id" * 60)) == sorted(
            [free, owned], key=lambda one: (len(one["id"]) if mode == "serial" else 0, one["id"])
        )

    @in_every_mode
    async def test_the_id_need_not_be_the_first_field(self, connect: Connect, mode: str) -> None:
        fields = {"name": Field("string"), "id": Field("id"), "body": Field("string")}
        adapter = await open_in(connect, mode, Extension(models={"note": Model(fields=fields)}))
        note = await adapter.create("note", {"name": "n", "body": "b"})
        assert (note["name"], note["body"]) == ("n", "b")
        assert await adapter.find_many("note", {"id": note["id"]}) == [note]

    @in_every_mode
    async def test_a_reference_to_a_reference_takes_what_that_one_takes(self, connect: Connect, mode: str) -> None:
        seat = {"user_id": Field("string", unique=True, references=Reference(model="user"))}
        ticket = {"seat_user": Field("string", references=Reference(model="seat", field="user_id"))}
        models = {"seat": Model(fields=seat), "ticket": Model(fields=ticket)}
        adapter = await open_in(connect, mode, Extension(models=models))
        user = await make_user(adapter)
        await adapter.create("seat", {"user_id": user["id"]})
        one = await adapter.create("ticket", {"seat_user": user["id"]})
        assert await adapter.find_many("ticket", {"seat_user": user["id"]}) == [one]
        for text in MISSPELT[mode]:
            assert await adapter.count("ticket", {"seat_user": text}) == 0, text
            with pytest.raises(InvalidValueError, match=r"ticket\.seat_user"):
                await adapter.create("ticket", {"seat_user": text})

    @in_every_mode
    async def test_ids_page_and_sort(self, connect: Connect, mode: str) -> None:
        adapter = await open_in(connect, mode)
        users = [await make_user(adapter, f"{number}@example.com") for number in range(12)]
        everything = await adapter.find_many("user", sort=["id"])
        assert sorted(user["email"] for user in everything) == sorted(user["email"] for user in users)
        if mode == "serial":
            assert everything == users
        seen = [user async for user in adapter.iterate("user", batch=5)]
        assert seen == everything
        assert await adapter.find_many("user", sort=["-id"], after=everything[3]) == everything[2::-1]
        with pytest.raises(InvalidValueError, match=r"user\.id"):
            await adapter.find_many("user", after=[MISSPELT[mode][-1]])

    @in_every_mode
    async def test_the_id_and_its_references_are_stored_alike(
        self, harness: Harness, connect: Connect, mode: str
    ) -> None:
        database = new_database()
        adapter = await open_in(connect, mode, database=database)
        await make_session(adapter, await make_user(adapter))
        (user,) = await harness.stored(database, "user")
        (session,) = await harness.stored(database, "session")
        key = "id" if "id" in user else "_id"
        assert type(session["user_id"]) is type(user[key])
        assert session["user_id"] == user[key]
