"""create and create_many: what is stored and what comes back."""

from datetime import timedelta
from typing import Any

import pytest

from auth_adapters.conformance.expect import needs, refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import (
    EARLIER,
    NOW,
    Connect,
    Topic,
    make_session,
    make_user,
    new_database,
)
from auth_adapters.errors import (
    ForeignKeyViolationError,
    InvalidQueryError,
    InvalidValueError,
    UniqueViolationError,
    UnknownFieldError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.query import field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Transforms, utc_now
from auth_adapters.schema.models import Model

__all__ = ["TestCreate"]

NOTE = Model(
    fields={
        "title": Field("string"),
        "state": Field("string", required=False, default="new"),
        "weight": Field("integer", default=7),
        "marked": Field("boolean", default=True),
        "labels": Field("json", default={"a": [1]}),
        "made_by": Field("string", required=False, default=lambda: "factory"),
        "seen_at": Field("datetime", required=False, on_update=lambda: NOW),
        "started_at": Field("datetime", required=False, default=EARLIER, on_update=lambda: NOW),
    }
)
NOTES = Schema({"note": NOTE})


def numbered(prefix: str, count: int) -> list[dict[str, Any]]:
    """Make the data of users with e-mail addresses of their own."""
    return [{"email": f"{prefix}{number}@example.com", "name": f"{number}"} for number in range(count)]


@pytest.mark.asyncio
class TestCreate(Topic):
    """create and create_many."""

    async def test_create_returns_the_record_as_stored(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada")
        assert await adapter.find_one("user", {"id": user["id"]}) == user

    async def test_create_returns_every_field_of_the_model(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        assert set(user) == set(adapter.schema.models["user"].fields)

    async def test_create_fills_defaults(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        assert user["email_verified"] is False
        assert user["name"] is None
        assert user["created_at"].tzinfo is not None

    async def test_a_default_time_is_the_time_of_the_call(self, adapter: Adapter) -> None:
        before = utc_now() - timedelta(milliseconds=1)
        user = await make_user(adapter)
        assert before <= user["created_at"] <= utc_now()

    async def test_a_constant_default_fills_a_missing_key(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        note = await adapter.create("note", {"title": "t"})
        assert (note["state"], note["weight"], note["marked"]) == ("new", 7, True)
        assert note["labels"] == {"a": [1]}

    async def test_a_default_that_is_a_container_is_not_shared_between_records(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        first = await adapter.create("note", {"title": "1"})
        first["labels"]["a"].append(2)
        second = await adapter.create("note", {"title": "2"})
        assert second["labels"] == {"a": [1]}

    async def test_a_factory_is_called_for_a_missing_key(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        assert (await adapter.create("note", {"title": "t"}))["made_by"] == "factory"

    async def test_a_factory_is_called_once_for_each_record(self, connect: Connect) -> None:
        made = iter(range(100))
        model = Model(fields={"title": Field("string"), "number": Field("integer", default=lambda: next(made))})
        adapter = await connect(schema=Schema({"note": model}))
        notes = [await adapter.create("note", {"title": "t"}) for _ in range(3)]
        assert [note["number"] for note in notes] == [0, 1, 2]

    async def test_a_value_that_is_given_beats_the_default(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        note = await adapter.create("note", {"title": "t", "state": "old", "weight": 0, "marked": False})
        assert (note["state"], note["weight"], note["marked"]) == ("old", 0, False)

    async def test_an_explicit_none_does_not_take_the_default(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        note = await adapter.create("note", {"title": "t", "state": None, "made_by": None})
        assert (note["state"], note["made_by"]) == (None, None)
        assert await adapter.find_one("note", {"state": None, "made_by": None}) == note

    async def test_an_explicit_none_for_a_required_field_with_a_default_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        with pytest.raises(InvalidValueError, match=r"note\.weight"):
            await adapter.create("note", {"title": "t", "weight": None})
        assert await adapter.count("note") == 0

    async def test_on_update_fills_on_create_where_there_is_no_default(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        assert (await adapter.create("note", {"title": "t"}))["seen_at"] == NOW

    async def test_a_default_beats_on_update_on_create(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        assert (await adapter.create("note", {"title": "t"}))["started_at"] == EARLIER

    async def test_the_value_given_beats_on_update_on_create(self, connect: Connect) -> None:
        adapter = await connect(schema=NOTES)
        note = await adapter.create("note", {"title": "t", "seen_at": EARLIER})
        assert note["seen_at"] == EARLIER
        assert (await adapter.create("note", {"title": "u", "seen_at": None}))["seen_at"] is None

    async def test_a_constant_default_is_what_is_stored(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(schema=NOTES, database=database)
        await adapter.create("note", {"title": "t"})
        (row,) = await harness.stored(database, "note")
        assert (row["state"], row["weight"]) == ("new", 7)

    async def test_create_drops_microseconds(self, adapter: Adapter) -> None:
        user = await make_user(adapter, created_at=NOW.replace(microsecond=89_999))
        assert user["created_at"] == NOW

    async def test_what_is_stored_is_under_the_physical_names(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        await make_user(adapter, "ada@example.com")
        (row,) = await harness.stored(database, "user")
        assert row["email"] == "ada@example.com"

    async def test_create_leaves_the_callers_data_as_it_was(self, adapter: Adapter) -> None:
        data = {"email": "ada@example.com"}
        await adapter.create("user", data)
        assert data == {"email": "ada@example.com"}

    async def test_the_record_belongs_to_the_caller(self, adapter: Adapter) -> None:
        user = await make_user(adapter, name="Ada")
        user["name"] = "changed"
        found = await adapter.find_one("user", {"id": user["id"]})
        assert found is not None
        assert found["name"] == "Ada"

    async def test_select_names_the_fields_that_come_back(self, adapter: Adapter) -> None:
        record = await adapter.create("user", {"email": "ada@example.com"}, select=["email", "name"])
        assert record == {"email": "ada@example.com", "name": None}

    async def test_select_with_an_unknown_field_stores_nothing(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownFieldError, match="nickname"):
            await adapter.create("user", {"email": "ada@example.com"}, select=["nickname"])
        assert await adapter.count("user") == 0

    async def test_an_id_of_the_callers_needs_force_id(self, adapter: Adapter) -> None:
        with pytest.raises(InvalidValueError, match=r"user\.id"):
            await adapter.create("user", {"id": "mine", "email": "ada@example.com"})
        assert await adapter.count("user") == 0

    async def test_force_id_stores_the_callers_id(self, adapter: Adapter) -> None:
        user = await adapter.create("user", {"id": "mine", "email": "ada@example.com"}, force_id=True)
        assert user["id"] == "mine"
        assert await adapter.find_one("user", {"id": "mine"}) == user

    async def test_force_id_without_an_id_makes_one(self, adapter: Adapter) -> None:
        user = await adapter.create("user", {"email": "ada@example.com"}, force_id=True)
        assert user["id"]

    async def test_an_id_that_is_taken_is_a_unique_violation(self, adapter: Adapter) -> None:
        await adapter.create("user", {"id": "mine", "email": "ada@example.com"}, force_id=True)
        with refused(UniqueViolationError, "user", "id", hiding=["mine"]):
            await adapter.create("user", {"id": "mine", "email": "bob@example.com"}, force_id=True)
        assert await adapter.count("user") == 1

    async def test_a_unique_value_that_is_taken_is_a_unique_violation(self, adapter: Adapter) -> None:
        await make_user(adapter, "ada@example.com")
        with refused(UniqueViolationError, "user", "email", hiding=["ada@example.com"]):
            await make_user(adapter, "ada@example.com")
        assert await adapter.count("user") == 1

    async def test_a_child_without_its_parent_is_refused(self, adapter: Adapter) -> None:
        with refused(ForeignKeyViolationError, "session", "user_id", hiding=["nobody"]):
            await make_session(adapter, {"id": "nobody"})
        assert await adapter.count("session") == 0

    async def test_an_unknown_field_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownFieldError, match="nickname"):
            await make_user(adapter, nickname="A")
        assert await adapter.count("user") == 0

    async def test_a_missing_required_field_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(InvalidValueError, match=r"user\.email"):
            await adapter.create("user", {})


@pytest.mark.asyncio
class TestCreateMany(Topic):
    """create_many: many records, or none."""

    @needs("atomic_batches")
    async def test_create_many_returns_the_records_in_the_given_order(self, adapter: Adapter) -> None:
        rows = numbered("user", 50)
        users = await adapter.create_many("user", rows)
        assert [user["email"] for user in users] == [row["email"] for row in rows]
        for user in users[::10]:
            assert await adapter.find_one("user", {"email": user["email"]}) == user

    @needs("atomic_batches")
    async def test_create_many_gives_every_record_an_id_of_its_own(self, adapter: Adapter) -> None:
        users = await adapter.create_many("user", numbered("user", 50))
        assert len({user["id"] for user in users}) == 50

    @needs("atomic_batches")
    async def test_create_many_stores_more_rows_than_one_statement_takes(self, adapter: Adapter) -> None:
        rows = numbered("user", 6_000)
        users = await adapter.create_many("user", rows)
        assert [user["name"] for user in users] == [row["name"] for row in rows]
        assert await adapter.count("user") == 6_000

    @needs("atomic_batches")
    async def test_create_many_stores_nothing_if_the_last_row_breaks_a_rule(self, adapter: Adapter) -> None:
        rows = [*numbered("user", 3_000), {"email": "user0@example.com"}]
        with refused(UniqueViolationError, "user", "email", hiding=["user0@"]):
            await adapter.create_many("user", rows)
        assert await adapter.count("user") == 0

    @needs("atomic_batches")
    async def test_create_many_stores_nothing_if_one_value_does_not_fit(self, adapter: Adapter) -> None:
        rows: list[dict[str, Any]] = [*numbered("user", 3), {"email": 4}]
        with pytest.raises(InvalidValueError, match=r"user\.email"):
            await adapter.create_many("user", rows)
        assert await adapter.count("user") == 0

    @needs("atomic_batches")
    async def test_rows_of_create_many_may_have_different_keys(self, adapter: Adapter) -> None:
        full: dict[str, Any] = {"email": "b@example.com", "name": "B", "email_verified": True}
        first, second = await adapter.create_many("user", [{"email": "a@example.com"}, full])
        assert (first["name"], first["email_verified"]) == (None, False)
        assert (second["name"], second["email_verified"]) == ("B", True)

    async def test_create_many_of_one_row_works_everywhere(self, adapter: Adapter) -> None:
        (user,) = await adapter.create_many("user", [{"email": "ada@example.com"}])
        assert await adapter.find_one("user", {"email": "ada@example.com"}) == user

    async def test_create_many_of_no_rows_is_an_empty_list(self, adapter: Adapter) -> None:
        assert await adapter.create_many("user", []) == []

    @needs("atomic_batches")
    async def test_create_many_takes_ids_with_force_id(self, adapter: Adapter) -> None:
        rows: list[dict[str, Any]] = [{"id": f"id{number}", **row} for number, row in enumerate(numbered("user", 2))]
        users = await adapter.create_many("user", rows, force_id=True)
        assert [user["id"] for user in users] == ["id0", "id1"]

    async def test_create_many_refuses_one_record_in_place_of_a_list(self, adapter: Adapter) -> None:
        one: Any = {"email": "ada@example.com"}
        with pytest.raises(InvalidQueryError):
            await adapter.create_many("user", one)
        assert await adapter.count("user") == 0


@pytest.mark.asyncio
class TestTransforms(Topic):
    """Functions at the adapter's edge: what is written and read goes through them."""

    SCHEMA = Schema(
        {
            "note": Model(
                fields={
                    "name": Field("string", transforms=Transforms(input=str.strip)),
                    "code": Field(
                        "string",
                        required=False,
                        unique=True,
                        transforms=Transforms(input=lambda text: text[::-1], output=lambda text: text[::-1]),
                    ),
                    "loud": Field("string", required=False, transforms=Transforms(output=str.upper)),
                }
            )
        }
    )

    async def test_input_is_applied_to_what_is_written(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        assert (await adapter.create("note", {"name": "  Ada "}))["name"] == "Ada"

    async def test_output_is_applied_to_what_is_read(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        note = await adapter.create("note", {"name": "n", "loud": "quiet"})
        assert note["loud"] == "QUIET"
        assert await adapter.find_one("note", {"name": "n"}, select=["loud"]) == {"loud": "QUIET"}

    async def test_what_is_stored_is_what_input_made(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(schema=self.SCHEMA, database=database)
        note = await adapter.create("note", {"name": "n", "code": "abc"})
        assert note["code"] == "abc"
        (row,) = await harness.stored(database, "note")
        assert row["code"] == "cba"

    async def test_input_is_applied_to_what_is_compared_with(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        note = await adapter.create("note", {"name": "n", "code": "abc"})
        assert await adapter.find_one("note", {"code": "abc"}) == note
        assert await adapter.find_one("note", {"code": "cba"}) is None

    async def test_uniqueness_goes_by_what_is_stored(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        await adapter.create("note", {"name": "n", "code": "abc"})
        with pytest.raises(UniqueViolationError):
            await adapter.create("note", {"name": "m", "code": "abc"})

    async def test_update_and_upsert_apply_input_and_output(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        await adapter.create("note", {"name": "n", "code": "abc"})
        updated = await adapter.update("note", {"code": "abc"}, {"name": " m ", "loud": "x"})
        assert updated is not None
        assert (updated["name"], updated["loud"]) == ("m", "X")
        record, created = await adapter.upsert("note", {"name": " o ", "code": "abc"}, on=["code"])
        assert (record["name"], record["code"], created) == ("o", "abc", False)

    async def test_a_value_that_a_transform_cannot_take_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        wrong: Any
        for wrong in (5, {"$ne": ""}, ["n"], b"n"):
            with pytest.raises(InvalidValueError, match=r"note\.name"):
                await adapter.create("note", {"name": wrong})
            with pytest.raises(InvalidValueError, match=r"note\.name"):
                await adapter.find_many("note", {"name": wrong})
        assert await adapter.count("note") == 0

    async def test_a_transformed_field_is_compared_for_equality_only(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        for question in (field("code").lt("a"), field("code").contains("a"), field("code").eq("a", mode="insensitive")):
            with pytest.raises(InvalidQueryError, match=r"note\.code"):
                await adapter.find_many("note", question)
        with pytest.raises(InvalidQueryError, match=r"note\.code"):
            await adapter.find_many("note", sort=["code"])

    async def test_a_list_of_values_is_transformed_one_by_one(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        for code in ("abc", "cba", "xyz"):
            await adapter.create("note", {"name": code, "code": code})
        found = await adapter.find_many("note", field("code").in_(["abc", "xyz"]))
        assert sorted(note["code"] for note in found) == ["abc", "xyz"]
        (rest,) = await adapter.find_many("note", field("code").not_in(["abc", "xyz", None]))
        assert rest["code"] == "cba"

    async def test_a_default_reads_as_it_is_declared(self, connect: Connect) -> None:
        both = Transforms(input=lambda text: text[::-1], output=lambda text: text[::-1])
        fields = {"code": Field("string", default="abc", transforms=both), "name": Field("string")}
        adapter = await connect(schema=Schema({"note": Model(fields=fields)}))
        assert (await adapter.create("note", {"name": "n"}))["code"] == "abc"
        assert await adapter.count("note", {"code": "abc"}) == 1

    async def test_none_never_reaches_a_transform(self, connect: Connect) -> None:
        adapter = await connect(schema=self.SCHEMA)
        note = await adapter.create("note", {"name": "n", "code": None, "loud": None})
        assert (note["code"], note["loud"]) == (None, None)
        assert await adapter.find_one("note", {"code": None}) == note
