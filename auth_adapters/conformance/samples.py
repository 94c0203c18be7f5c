"""A schema with a field of every type, and short ways to fill it and to ask it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from auth_adapters.protocols import Adapter
from auth_adapters.query import Where
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["THING", "THINGS", "create_all", "make_things", "ranks"]

THING: Final = Model(
    fields={
        "rank": Field("integer"),
        "label": Field("string", required=False),
        "body": Field("text", required=False),
        "number": Field("integer", required=False),
        "ratio": Field("float", required=False),
        "flag": Field("boolean", required=False),
        "moment": Field("datetime", required=False),
        "data": Field("json", required=False),
        "words": Field("string[]", required=False),
        "numbers": Field("integer[]", required=False),
        "blob": Field("bytes", required=False),
        "color": Field("enum", values=("red", "green", "blue"), required=False),
    }
)
THINGS: Final = Schema({"thing": THING})
"""One model, `thing`: a required `rank` to tell the records apart, and an optional field of every type."""


async def create_all(
    adapter: Adapter, model: str, rows: Sequence[Mapping[str, Any]], *, force_id: bool = False
) -> list[dict[str, Any]]:
    """Store the rows: at once where the adapter can, else one by one."""
    if adapter.capabilities.atomic_batches:
        return await adapter.create_many(model, rows, force_id=force_id)
    return [await adapter.create(model, row, force_id=force_id) for row in rows]


async def make_things(adapter: Adapter, name: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    """One thing for each value of the field `name`, ranked in the given order."""
    return await create_all(adapter, "thing", [{"rank": rank, name: value} for rank, value in enumerate(values)])


async def ranks(adapter: Adapter, where: Where | None) -> list[int]:
    """The ranks of the things that match, in order."""
    found = await adapter.find_many("thing", where, select=["rank"])
    return sorted(record["rank"] for record in found)
