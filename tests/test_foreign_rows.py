"""Rows that another program wrote: what does not fit its field is a typed error, without the value."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from auth_adapters import BackendError, InvalidValueError, Schema, connect
from auth_adapters.conformance.expect import expect_nothing_said_of
from auth_adapters.schema import Field, Model, Transforms

MEMO = Schema({"memo": Model(fields={"at": Field("datetime", required=False), "data": Field("json", required=False)})})


KINDS = [ValueError, KeyError, RuntimeError]


def refusing(kind: type[Exception]) -> Callable[[str], str]:
    """A transform that says what it was given."""

    def refuse(value: str) -> str:
        raise kind(value)

    return refuse


@pytest.mark.asyncio
@pytest.mark.parametrize("column", ["at", "data"])
async def test_a_stored_value_that_is_no_such_value_is_a_backend_error(tmp_path: Path, column: str) -> None:
    path = tmp_path / "auth.db"
    async with connect(path, schema=MEMO) as db:
        await db.create_tables()
        memo = await db.create("memo", {})
        with sqlite3.connect(path) as other:
            other.execute(f"UPDATE memo SET {column} = 's3cret'")
        other.close()
        with pytest.raises(BackendError, match=f"what is stored in {column} does not fit") as caught:
            await db.find_one("memo", {"id": memo["id"]})
        expect_nothing_said_of(caught.value, "s3cret")
        assert await db.count("memo") == 1


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", KINDS)
async def test_what_a_transform_raises_for_what_is_given_is_kept_to_itself(
    tmp_path: Path, kind: type[Exception]
) -> None:
    schema = Schema({"memo": Model(fields={"note": Field("string", transforms=Transforms(input=refusing(kind)))})})
    async with connect(tmp_path / "auth.db", schema=schema) as db:
        await db.create_tables()
        for verb in (db.create("memo", {"note": "s3cret"}), db.find_one("memo", {"note": "s3cret"})):
            with pytest.raises(InvalidValueError, match=f"its transform raised {kind.__name__}") as caught:
                await verb
            expect_nothing_said_of(caught.value, "s3cret")
            assert caught.value.__context__ is None


@pytest.mark.asyncio
@pytest.mark.parametrize("kind", KINDS)
async def test_a_transform_that_fails_on_what_is_stored_is_a_backend_error(
    tmp_path: Path, kind: type[Exception]
) -> None:
    schema = Schema({"memo": Model(fields={"note": Field("string", transforms=Transforms(output=refusing(kind)))})})
    async with connect(tmp_path / "auth.db", schema=schema) as db:
        await db.create_tables()
        with pytest.raises(BackendError, match=rf"or its transform \({kind.__name__}\)") as caught:
            await db.create("memo", {"note": "s3cret"})
        expect_nothing_said_of(caught.value, "s3cret")
