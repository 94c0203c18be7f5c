"""Names that are not in the schema, and text that would be a piece of a statement."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user
from auth_adapters.conformance.topics.bad_input import Call, untouched
from auth_adapters.errors import AuthAdapterError, InvalidQueryError, SchemaError, UnknownModelError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, Join, ModelRef, field

__all__ = ["TestBadNames", "TestInjection"]

INJECTIONS = (
    "'; DROP TABLE user; --", '"; DROP TABLE "user"; --', "' OR '1'='1", "' OR 1=1 --", "1; DELETE FROM user",
    "') OR (1=1", "\\'; DROP TABLE user; --", "` OR `1`=`1", "admin'--", "'/*", "*/ OR 1=1", "%' OR name LIKE '%",
    "{$ne: null}", '{"$gt": ""}', "'; return true; var a='", "$where", "${7*7}", "{{7*7}}", "%(name)s", "%s %d", "?",
    ":name", "$1", "@a", "\\", "\\\\", "\\'", "0x27", "CHAR(39)", "name; --", "a\nb; DROP TABLE user", "\x1a", "''",
    '""', "``", "[]", "NULL",
)  # fmt: skip


@pytest.mark.asyncio
class TestBadNames(Topic):
    """Names that the schema does not have, and lists that are none."""

    async def test_what_is_given_in_place_of_a_model_is_not_shown(self, adapter: Adapter) -> None:
        record: Any = {"email": "ada@example.com", "password": "s3cret"}
        with pytest.raises(UnknownModelError) as caught:
            await adapter.find_one(record, {"id": "1"})
        assert "s3cret" not in f"{caught.value} {caught.value!r} {vars(caught.value)}"

    @pytest.mark.parametrize(
        "model", ["users", "User", "", "user;", "user u", None, 5, ["user"], b"user", {}, ModelRef("x")], ids=repr
    )
    async def test_an_unknown_model_is_refused_by_every_verb(self, adapter: Adapter, model: Any) -> None:
        calls: list[Call] = [
            lambda: adapter.create(model, {}),
            lambda: adapter.create_many(model, []),
            lambda: adapter.find_one(model, {"id": "1"}),
            lambda: adapter.find_many(model),
            lambda: adapter.count(model),
            lambda: adapter.update(model, {"id": "1"}, {"name": "x"}),
            lambda: adapter.update_many(model, ALL, {"name": "x"}),
            lambda: adapter.delete(model, {"id": "1"}),
            lambda: adapter.delete_many(model, ALL),
            lambda: adapter.consume_one(model, {"id": "1"}),
            lambda: adapter.increment_one(model, {"id": "1"}, {"n": 1}),
            lambda: adapter.upsert(model, {}, on=["id"]),
        ]
        for call in calls:
            with pytest.raises(SchemaError):
                await call()
        with pytest.raises(SchemaError):
            async for _ in adapter.iterate(model):
                pass

    @pytest.mark.parametrize(
        "name",
        ["nickname", "Email", "", "email ", "email--", "user.email", "emailVerified", "rowid", "_id", "$where"],
    )
    async def test_an_unknown_field_is_refused_wherever_it_is_named(
        self, harness: Harness, connect: Connect, name: Any
    ) -> None:
        async with untouched(harness, connect) as adapter:
            email = {"email": "new@example.com"}
            calls: list[Call] = [
                lambda: adapter.create("user", {**email, name: "x"}),
                lambda: adapter.create("user", email, select=["email", name]),
                lambda: adapter.find_one("user", {name: "x"}),
                lambda: adapter.find_many("user", {"email": "x", name: None}),
                lambda: adapter.find_many("user", select=[name]),
                lambda: adapter.find_many("user", join={"s": Join(model="session", select=[name])}),
                lambda: adapter.find_many("user", join={"s": Join(model="session", where={name: "x"})}),
                lambda: adapter.update("user", {"name": "Ada"}, {name: "x"}),
                lambda: adapter.update_many("user", ALL, {"image": "x", name: "x"}),
                lambda: adapter.delete("user", {name: "x"}),
                lambda: adapter.consume_one("user", {name: "x"}),
                lambda: adapter.increment_one("user", {"name": "Ada"}, {name: 1}),
                lambda: adapter.upsert("user", {**email, name: "x"}, on=["email"]),
                lambda: adapter.upsert("user", email, on=["email"], changes={name: "x"}),
            ]
            for call in calls:
                with pytest.raises(SchemaError):
                    await call()

    async def test_a_list_of_names_is_a_list_of_names(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            wrong: Any
            for wrong in ("email", 5, [["email"]], [{"name": "email"}], [None], [1]):
                calls: list[Call] = [
                    lambda: adapter.find_many("user", select=wrong),
                    lambda: adapter.find_many("user", sort=wrong),
                    lambda: adapter.find_many("user", join=wrong),
                    lambda: adapter.find_many("user", join={"s": Join(model="session", select=wrong)}),
                    lambda: adapter.find_many("user", join={"s": Join(model="session", sort=wrong)}),
                    lambda: adapter.upsert("user", {"email": "a@example.com"}, on=wrong),
                    lambda: first(adapter.iterate("user", select=wrong)),
                    lambda: first(adapter.iterate("user", sort=wrong)),
                ]
                for call in calls:
                    with pytest.raises((InvalidQueryError, SchemaError)):
                        await call()

    async def test_on_names_a_declared_unique_key(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            for on in ([], ["name"], ["email", "name"], ["id"], ["nickname"], ["email; --"]):
                with pytest.raises(InvalidQueryError):
                    await adapter.upsert("user", {"email": "ada@example.com", "name": "x"}, on=on)


async def first(records: AsyncIterator[Any]) -> Any:
    """The first of some records."""
    async for record in records:
        return record
    return None


@pytest.mark.asyncio
class TestInjection(Topic):
    """Text that would be a piece of a statement, if statements were made of text."""

    async def test_as_a_value_it_is_a_value(self, adapter: Adapter) -> None:
        for number, text in enumerate(INJECTIONS):
            user = await make_user(adapter, f"{number}@example.com", name=text)
            assert user["name"] == text
            assert await adapter.find_many("user", {"name": text}) == [user]
            assert await adapter.find_many("user", field("name").in_([text, "x"])) == [user]
            updated = await adapter.update("user", {"name": text}, {"image": text})
            assert updated is not None
            assert updated["image"] == text
        assert await adapter.count("user") == len(INJECTIONS)
        for text in INJECTIONS:
            assert await adapter.delete_many("user", {"name": text}) == 1
        assert await adapter.count("user") == 0

    async def test_as_a_unique_value_it_is_a_value(self, adapter: Adapter) -> None:
        for text in INJECTIONS:
            _, created = await adapter.upsert("user", {"email": text}, on=["email"])
            again, created_again = await adapter.upsert("user", {"email": text, "name": text}, on=["email"])
            assert (created, created_again, again["email"], again["name"]) == (True, False, text, text)
        for text in INJECTIONS:
            consumed = await adapter.consume_one("user", {"email": text})
            assert consumed is not None
        assert await adapter.count("user") == 0

    async def test_as_a_name_it_is_refused(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            for text in INJECTIONS:
                calls: list[Call] = [
                    lambda: adapter.find_many(text),
                    lambda: adapter.find_many("user", {text: "x"}),
                    lambda: adapter.find_many("user", field(text).eq("x")),
                    lambda: adapter.find_many("user", field(text).eq(None)),
                    lambda: adapter.find_many("user", select=[text]),
                    lambda: adapter.find_many("user", sort=[text]),
                    lambda: adapter.find_many("user", sort=[f"-{text}"]),
                    lambda: adapter.find_many("user", sort=[f"email {text}"]),
                    lambda: adapter.find_many("user", join=[text]),
                    lambda: adapter.find_many("user", join={"s": Join(model="session", on=text)}),
                    lambda: adapter.update("user", {"name": "Ada"}, {text: "x"}),
                    lambda: adapter.upsert("user", {"email": "x"}, on=[text]),
                ]
                for call in calls:
                    with pytest.raises(AuthAdapterError):
                        await call()

    async def test_as_the_key_of_a_join_it_is_only_a_key(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        for text in INJECTIONS:
            found = await adapter.find_one("session", {"token": "token"}, join={text: Join(model="user")})
            assert found == {**session, text: user}
            found = await adapter.find_one("user", {"id": user["id"]}, join={text: Join(model="session")})
            assert found == {**user, text: [session]}
