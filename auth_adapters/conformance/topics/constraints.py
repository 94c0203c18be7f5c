"""Unique keys: the database keeps them, and says which one refused."""

from typing import Any

import pytest

from auth_adapters.conformance.expect import needs, refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import InvalidValueError, NotNullViolationError, UniqueViolationError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Index, Model
from auth_adapters.schema.naming import Naming

__all__ = ["TestNotNull", "TestUnique"]

SEATS = Schema(
    {
        "seat": Model(
            fields={
                "code": Field("string", required=False, unique=True),
                "row": Field("string", required=False),
                "number": Field("integer", required=False),
                "holder": Field("string", required=False, unique=True, case_insensitive=True),
                "note": Field("string", default="plain"),
            },
            indexes=[Index("row", "number", unique=True)],
        ),
        "grant": Model(
            fields={"subject": Field("string"), "scope": Field("string"), "level": Field("integer", default=0)},
            primary_key=("subject", "scope"),
        ),
    }
)


CREDENTIALS = Schema(
    {
        "credential": Model(
            fields={
                "handle": Field("bytes"),
                "key": Field("bytes", unique=True),
                "model": Field("bytes", required=False, index=True),
            },
            primary_key=("handle",),
        )
    }
)


async def seats(connect: Connect, *rows: dict[str, Any]) -> Adapter:
    """An adapter over seats, with these."""
    adapter = await connect(SEATS)
    for row in rows:
        await adapter.create("seat", row)
    return adapter


@pytest.mark.asyncio
class TestUnique(Topic):
    """Unique keys on every verb that writes."""

    async def test_create_refuses_a_taken_value(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        user = await make_user(adapter, "ada@example.com")
        with refused(UniqueViolationError, "user", "email", hiding=["ada@", "example.com"]):
            await make_user(adapter, "ada@example.com", name="Another")
        assert await adapter.find_many("user") == [user]
        assert len(await harness.stored(database, "user")) == 1

    async def test_create_refuses_a_taken_compound_key(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        data = {"user_id": user["id"], "provider_id": "github", "account_id": "12345"}
        await adapter.create("account", data)
        await adapter.create("account", {**data, "account_id": "other"})
        await adapter.create("account", {**data, "provider_id": "other"})
        with refused(UniqueViolationError, "account", "provider_id", "account_id", hiding=["github", "12345"]):
            await adapter.create("account", data)
        assert await adapter.count("account") == 3

    async def test_create_refuses_a_taken_primary_key(self, connect: Connect) -> None:
        adapter = await seats(connect)
        await adapter.create("grant", {"subject": "ada", "scope": "read"})
        with refused(UniqueViolationError, "grant", "subject", "scope", hiding=["ada", "read"]):
            await adapter.create("grant", {"subject": "ada", "scope": "read", "level": 1})
        assert await adapter.find_many("grant") == [{"subject": "ada", "scope": "read", "level": 0}]

    async def test_create_refuses_a_taken_id(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        with refused(UniqueViolationError, "user", "id", hiding=[user["id"]]):
            await adapter.create("user", {"id": user["id"], "email": "bob@example.com"}, force_id=True)
        assert await adapter.find_many("user") == [user]

    async def test_the_fields_are_logical_names(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(naming=Naming(case="camel", plural=True, prefix="x_")))
        user = await make_user(adapter)
        data = {"user_id": user["id"], "provider_id": "github", "account_id": "12345"}
        await adapter.create("account", data)
        with refused(UniqueViolationError, "account", "provider_id", "account_id") as caught:
            await adapter.create("account", data)
        assert not [name for name in ("x_", "providerId") if name in str(caught.value)]

    async def test_none_is_never_taken(self, connect: Connect) -> None:
        adapter = await seats(connect, {}, {}, {})
        assert await adapter.count("seat", {"code": None, "holder": None}) == 3

    async def test_a_compound_key_that_holds_none_is_never_taken(self, connect: Connect) -> None:
        adapter = await seats(connect, *[{"row": "a"}] * 2, *[{"number": 1}] * 2, {"row": "a", "number": 1})
        assert await adapter.count("seat") == 5
        with refused(UniqueViolationError, "seat", "row", "number"):
            await adapter.create("seat", {"row": "a", "number": 1})

    async def test_filling_in_the_last_none_may_conflict(self, connect: Connect) -> None:
        adapter = await seats(connect, {"row": "a", "number": 1}, {"row": "a", "code": "half"})
        with refused(UniqueViolationError, "seat", "row", "number"):
            await adapter.update("seat", {"code": "half"}, {"number": 1})
        assert await adapter.count("seat", {"row": "a", "number": None}) == 1

    async def test_an_empty_text_is_a_value(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": ""})
        with refused(UniqueViolationError, "seat", "code"):
            await adapter.create("seat", {"code": ""})

    async def test_case_and_trailing_spaces_make_another_value(self, connect: Connect) -> None:
        codes = ["a", "A", "a ", " a", "\u00e4", "a\u0308", "a\t"]
        adapter = await seats(connect, *({"code": code} for code in codes))
        assert {seat["code"] for seat in await adapter.find_many("seat")} == set(codes)

    async def test_a_case_insensitive_value_is_taken_in_any_spelling(self, connect: Connect) -> None:
        adapter = await seats(connect, {"holder": "Ada L\u00d6velace"})
        with refused(UniqueViolationError, "seat", "holder", hiding=["elace"]):
            await adapter.create("seat", {"holder": "aDA l\u00f6vELACE"})
        assert [seat["holder"] for seat in await adapter.find_many("seat")] == ["Ada L\u00d6velace"]

    async def test_a_unique_field_with_an_index_of_its_own_stays_unique(self, connect: Connect) -> None:
        model = Model(fields={"code": Field("string", unique=True)}, indexes=[Index("code")])
        adapter = await connect(Schema({"ticket": model}))
        ticket = await adapter.create("ticket", {"code": "taken"})
        with refused(UniqueViolationError, "ticket", "code", hiding=["taken"]):
            await adapter.create("ticket", {"code": "taken"})
        assert await adapter.find_many("ticket") == [ticket]

    async def test_update_refuses_a_taken_value(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "first"}, {"code": "second"})
        with refused(UniqueViolationError, "seat", "code", hiding=["first", "second"]):
            await adapter.update("seat", {"code": "second"}, {"code": "first", "note": "moved"})
        assert await adapter.count("seat", {"code": "second", "note": "plain"}) == 1

    async def test_a_record_may_keep_its_own_value(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one", "row": "a", "number": 1, "holder": "Ada"})
        changes = {"code": "one", "row": "a", "number": 1, "holder": "ADA", "note": "kept"}
        assert await adapter.update("seat", {"code": "one"}, changes) is not None
        assert await adapter.count("seat", changes) == 1

    async def test_update_refuses_a_taken_compound_key(self, connect: Connect) -> None:
        adapter = await seats(connect, {"row": "a", "number": 1}, {"row": "b", "number": 1})
        with refused(UniqueViolationError, "seat", "row", "number"):
            await adapter.update("seat", {"row": "b"}, {"row": "a"})
        assert await adapter.count("seat", {"row": "b"}) == 1

    async def test_update_refuses_a_taken_case_insensitive_value(self, connect: Connect) -> None:
        adapter = await seats(connect, {"holder": "Ada"}, {"holder": "Bob"})
        with refused(UniqueViolationError, "seat", "holder", hiding=["ADA", "ada", "Bob"]):
            await adapter.update("seat", {"holder": "bob"}, {"holder": "ADA"})
        assert [one["holder"] for one in await adapter.find_many("seat", sort=["holder"])] == ["Ada", "Bob"]

    async def test_update_many_refuses_to_make_two_alike_and_changes_none(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one"}, {"code": "two"}, {"code": "three"})
        with refused(UniqueViolationError, "seat", "code", hiding=["identical"]):
            await adapter.update_many("seat", ALL, {"code": "identical", "note": "changed"})
        assert await adapter.count("seat", {"note": "plain"}) == 3
        assert await adapter.count("seat", {"code": "identical"}) == 0

    async def test_update_many_of_one_record_may_set_a_free_value(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one"}, {"code": "two"})
        assert await adapter.update_many("seat", {"code": "one"}, {"code": "three"}) == 1
        assert await adapter.update_many("seat", field("code").in_(["two", "three"]), {"code": None}) == 2

    async def test_increment_refuses_a_taken_value(self, connect: Connect) -> None:
        adapter = await seats(connect, {"row": "a", "number": 1}, {"row": "a", "number": 2, "code": "next"})
        with refused(UniqueViolationError, "seat", "row", "number"):
            await adapter.increment_one("seat", {"code": "next"}, {"number": -1}, {"note": "moved"})
        assert await adapter.count("seat", {"code": "next", "number": 2, "note": "plain"}) == 1

    async def test_a_deleted_value_is_free_again(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one"})
        await adapter.delete("seat", {"code": "one"})
        await adapter.create("seat", {"code": "one"})
        await adapter.consume_one("seat", {"code": "one"})
        await adapter.create("seat", {"code": "one"})
        assert await adapter.count("seat") == 1

    async def test_a_changed_value_is_free_again(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one"})
        await adapter.update("seat", {"code": "one"}, {"code": "two"})
        await adapter.create("seat", {"code": "one"})
        assert await adapter.count("seat") == 2

    async def test_two_records_swap_values_by_way_of_none(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one", "note": "a"}, {"code": "two", "note": "b"})
        for note, code in (("a", None), ("b", "one"), ("a", "two")):
            await adapter.update("seat", {"note": note}, {"code": code})
        found = await adapter.find_many("seat", sort=["note"])
        assert [seat["code"] for seat in found] == ["two", "one"]

    @needs("atomic_batches")
    async def test_a_batch_with_a_taken_value_stores_nothing(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "taken"})
        rows = [{"code": "one"}, {"code": "two"}, {"code": "taken"}, {"code": "three"}]
        with refused(UniqueViolationError, "seat", "code", hiding=["taken"]):
            await adapter.create_many("seat", rows)
        assert [seat["code"] for seat in await adapter.find_many("seat")] == ["taken"]

    @needs("atomic_batches")
    async def test_a_batch_that_conflicts_within_itself_stores_nothing(self, connect: Connect) -> None:
        adapter = await seats(connect)
        with refused(UniqueViolationError, "seat", "code", hiding=["twice"]):
            await adapter.create_many("seat", [{"code": "one"}, {"code": "twice"}, {"code": "twice"}])
        assert await adapter.count("seat") == 0

    async def test_a_record_is_never_half_written_over_a_conflict(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        first = await make_session(adapter, user, "first")
        for _ in range(3):
            with refused(UniqueViolationError, "session", "token", hiding=["first"]):
                await make_session(adapter, user, "first")
        assert await adapter.find_many("session") == [first]

    async def test_bytes_are_keys(self, connect: Connect) -> None:
        adapter = await connect(CREDENTIALS)
        rows: list[dict[str, Any]] = [
            {"handle": b"\x00", "key": b"", "model": None},
            {"handle": b"\x00\x00", "key": b"k" * 999 + b"\xff", "model": b"m"},
            {"handle": b"\xff%'", "key": b"k" * 999 + b"\xfe", "model": b"m"},
        ]
        for row in rows:
            assert await adapter.create("credential", row) == row
        for row in rows:
            for name in ("handle", "key"):
                assert await adapter.find_one("credential", {name: row[name]}) == row
                other = {"handle": b"other", "key": b"other", name: row[name]}
                with refused(UniqueViolationError, "credential", name):
                    await adapter.create("credential", other)
            assert await adapter.upsert("credential", row, on=["key"], changes={}) == (row, False)
        assert await adapter.find_many("credential", {"model": b"m"}) == rows[1:]
        keys = field("key").in_([row["key"] for row in rows[:2]])
        assert await adapter.delete_many("credential", keys) == 2
        assert await adapter.find_many("credential") == rows[2:]

    async def test_a_model_may_have_many_strings(self, connect: Connect) -> None:
        names = [f"part{number}" for number in range(80)]
        model = Model(fields={name: Field("string", unique=name == names[0]) for name in names})
        adapter = await connect(Schema({"wide": model}))
        made = await adapter.create("wide", {name: name + "😀" * 240 for name in names})
        assert await adapter.find_one("wide", {names[0]: made[names[0]], names[79]: made[names[79]]}) == made


@pytest.mark.asyncio
class TestNotNull(Topic):
    """Required fields."""

    async def test_every_verb_refuses_none_before_any_io(self, connect: Connect) -> None:
        adapter = await seats(connect, {"code": "one"})
        with pytest.raises(InvalidValueError, match=r"seat\.note"):
            await adapter.create("seat", {"note": None})
        with pytest.raises(InvalidValueError, match=r"seat\.note"):
            await adapter.update("seat", {"code": "one"}, {"note": None})
        with pytest.raises(InvalidValueError, match=r"seat\.note"):
            await adapter.update_many("seat", ALL, {"note": None})
        with pytest.raises(InvalidValueError, match=r"seat\.note"):
            await adapter.increment_one("seat", {"code": "one"}, {"number": 1}, {"note": None})
        with pytest.raises(InvalidValueError, match=r"seat\.note"):
            await adapter.upsert("seat", {"code": "one", "note": None}, on=["code"])
        assert await adapter.count("seat", {"code": "one", "note": "plain", "number": None}) == 1

    @pytest.mark.parametrize("naming", [Naming(), Naming(case="camel", plural=True)], ids=["plain", "camel"])
    async def test_a_stricter_table_refuses_with_a_typed_error(self, connect: Connect, naming: Naming) -> None:
        database = new_database()
        strict = Schema({"memo": Model(fields={"body_text": Field("text")})}, naming=naming)
        lax = Schema({"memo": Model(fields={"body_text": Field("text", required=False)})}, naming=naming)
        await connect(strict, database=database)
        adapter = await connect(lax, database=database)
        try:
            memo = await adapter.create("memo", {})
        except NotNullViolationError as error:
            assert (error.model, error.fields) == ("memo", ("body_text",))
            assert await adapter.count("memo") == 0
        else:
            assert await adapter.find_many("memo") == [memo]
