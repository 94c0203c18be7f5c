"""Tables of SQLite that are older than the schema."""

from pathlib import Path

import pytest

from auth_adapters import Adapter, BackendError, Field, Model, Schema, TableMissingError, connect

OLD = Schema({"note": Model(fields={"name": Field("string")})})
LACKING = "a table that is there lacks a column of the schema"


def newer(*, unique: bool = False, index: bool = False) -> Schema:
    """The schema with one more field."""
    return Schema(
        {"note": OLD.models["note"].with_fields({"more": Field("string", required=False, unique=unique, index=index)})}
    )


async def stored(db: Adapter) -> list[str]:
    """The names there are."""
    return [note["name"] for note in await db.find_many("note", sort=["name"])]


@pytest.mark.asyncio
@pytest.mark.parametrize("options", [{"unique": True}, {"index": True}])
async def test_no_index_is_made_over_a_column_that_is_not_there(tmp_path: Path, options: dict[str, bool]) -> None:
    async with connect(tmp_path / "auth.db", schema=OLD) as old:
        await old.create_tables()
        await old.create("note", {"name": "a"})
        async with connect(tmp_path / "auth.db", schema=newer(**options)) as db:
            with pytest.raises(BackendError, match=LACKING):
                await db.create_tables()
        await old.create("note", {"name": "b"})
        assert await stored(old) == ["a", "b"]


@pytest.mark.asyncio
async def test_a_question_says_that_a_column_is_not_there(tmp_path: Path) -> None:
    async with connect(tmp_path / "auth.db", schema=OLD) as old:
        await old.create_tables()
    async with connect(tmp_path / "auth.db", schema=newer()) as db:
        await db.create_tables()
        with pytest.raises(BackendError, match=LACKING):
            await db.find_many("note")


@pytest.mark.asyncio
async def test_an_upsert_says_that_its_unique_index_is_not_there(tmp_path: Path) -> None:
    unique = Schema({"note": OLD.models["note"].with_fields({"name": Field("string", unique=True)})})
    async with connect(tmp_path / "auth.db", schema=OLD) as old:
        await old.create_tables()
    async with connect(tmp_path / "auth.db", schema=unique) as db:
        with pytest.raises(TableMissingError, match="unique index of the schema"):
            await db.upsert("note", {"name": "a"}, on=["name"])
        await db.create_tables()
        assert [(await db.upsert("note", {"name": "a"}, on=["name"]))[1] for _ in range(2)] == [True, False]
