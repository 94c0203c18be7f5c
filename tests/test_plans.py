"""Questions find the plan of their own words, and of no others."""

from enum import StrEnum
from typing import Any

import pytest

from auth_adapters import USER, InvalidQueryError, InvalidValueError, UnknownModelError, connect
from auth_adapters.schema import Field, Schema
from auth_adapters.schema import Model as SchemaModel


class Name(str):
    """A string that is not quite one."""

    __slots__ = ()


class Model(StrEnum):
    """Names of models as members."""

    PERSON = "user"
    VISIT = "session"


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", [Name, Model])
async def test_names_of_other_string_types_lead_to_their_own_model(kind: Any) -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        user = await db.create(USER, {"email": "a"})
        assert await db.find_one(kind("user"), {"id": user["id"]}) == user
        assert await db.find_one(kind("session"), {"id": user["id"]}) is None


@pytest.mark.asyncio
async def test_what_is_no_model_is_refused_before_and_after_its_name_was_used() -> None:
    class Impostor:
        name = "user"

    async with connect("memory://") as db:
        await db.create_tables()
        for _ in range(2):
            with pytest.raises(UnknownModelError):
                await db.find_one(Impostor(), {"email": "a"})  # type: ignore[arg-type]
            await db.find_one("user", {"email": "a"})


@pytest.mark.asyncio
async def test_an_id_that_is_none_at_all_leaves_no_plan_behind() -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        user = await db.create(USER, {"email": "a"})
        for identifier, found in (("", None), (user["id"], user), ("x" * 300, None), (user["id"], user)):
            assert await db.find_one(USER, {"id": identifier}) == found


@pytest.mark.asyncio
async def test_a_none_is_another_question_in_the_same_words() -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        for email, image in (("a", "x"), ("b", None), ("c", "x"), ("d", None)):
            await db.create(USER, {"email": email, "image": image})
        for _ in range(2):
            assert await db.count(USER, {"image": "x"}) == 2
            assert await db.count(USER, {"image": None}) == 2
            assert await db.update_many(USER, {"image": "x"}, {"name": "with"}) == 2
            assert await db.update_many(USER, {"image": None}, {"name": "without"}) == 2
            assert await db.count(USER, {"name": "without"}) == 2
        for image in ("x", None, "x", None):
            consumed = await db.consume_one(USER, {"image": image})
            assert consumed is not None
            assert consumed["image"] == image
        for _ in range(2):
            assert not await db.delete(USER, {"image": "x"})
            assert not await db.delete(USER, {"image": None})


@pytest.mark.asyncio
async def test_a_write_by_what_is_no_id_reaches_nothing_and_leaves_no_plan_behind() -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        user = await db.create(USER, {"email": "a"})
        for identifier, found in (("", 0), (user["id"], 1), ("x" * 300, 0), (user["id"], 1)):
            assert await db.count(USER, {"id": identifier}) == found
            updated = await db.update(USER, {"id": identifier}, {"name": "Ada"})
            assert (updated is not None) == bool(found)
        assert not await db.delete(USER, {"id": ""})
        assert await db.delete(USER, {"id": user["id"]})


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", [Name, Model])
async def test_writes_to_models_of_other_string_types_reach_their_own_model(kind: Any) -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        user = await db.create(USER, {"email": "a"})
        for _ in range(2):
            assert await db.update(kind("session"), {"id": user["id"]}, {"ip_address": "b"}) is None
            assert await db.update(kind("user"), {"id": user["id"]}, {"name": "b"}) is not None
            assert await db.count(kind("session"), {"id": user["id"]}) == 0
            assert await db.count(kind("user"), {"id": user["id"]}) == 1


@pytest.mark.asyncio
async def test_a_question_is_refused_however_often_it_is_asked() -> None:
    async with connect("memory://") as db:
        await db.create_tables()
        await db.find_one(USER, {"email": "a"}, join=["session"])
        for _ in range(2):
            with pytest.raises(InvalidQueryError):
                await db.find_one(USER, {"email": "a"}, join=[["session"]])  # type: ignore[list-item]
            with pytest.raises(InvalidQueryError):
                await db.delete(USER, {})
            with pytest.raises(InvalidQueryError):
                await db.update(USER, {"email": "a"}, {})
            with pytest.raises(InvalidQueryError):
                await db.update(USER, {"email": "a"}, {"id": "b"})
            with pytest.raises(InvalidQueryError):
                await db.find_many(USER, {"email": "a"}, limit=-1)


@pytest.mark.asyncio
@pytest.mark.parametrize("url", ["memory://", ":memory:"])
async def test_changes_are_the_same_however_often_they_were_asked_for(url: str) -> None:
    refreshed: list[int | None] = [0]
    note = SchemaModel(
        fields={
            "text": Field("string", required=False),
            "title": Field("string"),
            "seen": Field("integer", required=False, on_update=lambda: refreshed[-1]),
            "fixed": Field("integer", required=False, on_update=7),
        }
    )
    plain = SchemaModel(fields={name: field for name, field in note.fields.items() if name != "fixed"})
    schema = Schema({"note": note, "plain": plain})
    async with connect(url, schema=schema) as db:
        await db.create_tables()
        for model in ("note", "plain"):
            made = await db.create(model, {"title": "a"})
            key = {"id": made["id"]}
            for number in (1, 2, None, 3):
                refreshed.append(number)
                for text in ("x", None, "y"):
                    changed = await db.update(model, key, {"text": text, "title": f"{number}"})
                    assert changed is not None
                    assert (changed["text"], changed["title"], changed["seen"]) == (text, f"{number}", number)
                    assert changed.get("fixed", 7) == 7
                again = await db.update(model, key, {"seen": 9, "text": "z"})
                assert again is not None
                assert again["seen"] == 9
                with pytest.raises(InvalidValueError, match="title"):
                    await db.update(model, key, {"text": "x", "title": None})
                with pytest.raises(InvalidQueryError, match="primary key"):
                    await db.update(model, key, {"text": "x", "id": "another"})
