"""Questions find the plan of their own words, and of no others."""

from enum import StrEnum
from typing import Any

import pytest

from auth_adapters import USER, UnknownModelError, connect


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
