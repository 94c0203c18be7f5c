"""What SQLite's errors say once they are ours: the driver's code, and the reference that was in the way."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from auth_adapters import Adapter, ForeignKeyViolationError, NotNullViolationError, UniqueViolationError, connect
from auth_adapters.schema import Field, Model, Reference, Schema

CODE = Field("string", unique=True)


def locking() -> Model:
    """A model that keeps a leaf from being removed."""
    reference = Reference(model="leaf", field="code", on_delete="restrict")
    return Model(fields={"code": CODE, "leaf_code": Field("string", references=reference)})


def leaves(text: Field) -> Schema:
    """Leaves, in the order of their codes, and locks."""
    fields = {"code": Field("string"), "kind": Field("string", required=False), "text": text}
    leaf = Model(fields=fields, primary_key=("code",))
    return Schema({"leaf": leaf, "a_lock": locking(), "z_lock": locking()})


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Adapter]:
    """An adapter over leaves: the first locked by a `z_lock`, the second by an `a_lock`."""
    async with connect(tmp_path / "x.db", schema=leaves(Field("string"))) as adapter:
        await adapter.create_tables()
        for code, lock in (("l1", "z_lock"), ("l2", "a_lock")):
            await adapter.create("leaf", {"code": code, "kind": "k", "text": "t"})
            await adapter.create(lock, {"code": code, "leaf_code": code})
        yield adapter


@pytest.mark.asyncio
async def test_a_unique_violation_has_its_code(db: Adapter) -> None:
    with pytest.raises(UniqueViolationError) as caught:
        await db.create("a_lock", {"code": "l2", "leaf_code": "l1"})
    assert (caught.value.fields, caught.value.code) == (("code",), "SQLITE_CONSTRAINT_UNIQUE")


@pytest.mark.asyncio
async def test_a_violation_of_the_primary_key_has_its_code(db: Adapter) -> None:
    with pytest.raises(UniqueViolationError) as caught:
        await db.create("leaf", {"code": "l1", "text": "t"})
    assert (caught.value.fields, caught.value.code) == (("code",), "SQLITE_CONSTRAINT_PRIMARYKEY")


@pytest.mark.asyncio
async def test_a_foreign_key_violation_has_its_code(db: Adapter) -> None:
    for write in (
        db.create("a_lock", {"code": "x", "leaf_code": "nowhere"}),
        db.update("a_lock", {"code": "l2"}, {"leaf_code": "nowhere"}),
        db.delete("leaf", {"code": "l1"}),
    ):
        with pytest.raises(ForeignKeyViolationError) as caught:
            await write
        assert (caught.value.fields, caught.value.code) == (("leaf_code",), "SQLITE_CONSTRAINT_FOREIGNKEY")


@pytest.mark.asyncio
async def test_a_not_null_violation_has_its_code(db: Adapter, tmp_path: Path) -> None:
    async with connect(tmp_path / "x.db", schema=leaves(Field("string", required=False))) as other:
        with pytest.raises(NotNullViolationError) as caught:
            await other.create("leaf", {"code": "l3"})
    assert (caught.value.fields, caught.value.code) == (("text",), "SQLITE_CONSTRAINT_NOTNULL")


@pytest.mark.parametrize("verb", ["delete", "consume_one"])
@pytest.mark.asyncio
async def test_of_several_that_match_the_one_that_was_to_go_is_looked_into(db: Adapter, verb: str) -> None:
    remove: Any = getattr(db, verb)
    with pytest.raises(ForeignKeyViolationError) as caught:
        await remove("leaf", {"kind": "k"})
    assert caught.value.model == "z_lock"
