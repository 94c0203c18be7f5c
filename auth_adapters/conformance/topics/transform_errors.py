"""Transforms that raise: what is raised is ours, names the field, and says nothing of the value."""

from collections.abc import Callable
from typing import Any

import pytest

from auth_adapters.conformance.expect import expect_nothing_said_of
from auth_adapters.conformance.topic import Connect, Topic, new_database
from auth_adapters.errors import BackendError, InvalidValueError
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Transforms
from auth_adapters.schema.models import Model

__all__ = ["TestTransformErrors"]

SECRET = "eul4v-t3rc3s"[::-1]


class OwnError(Exception):
    """An error of the application's own."""


def raises_its_own(value: Any) -> Any:
    """An application's transform that cannot take any value."""
    raise OwnError(value)


FAILING: dict[str, Callable[[Any], Any]] = {
    "AttributeError": lambda value: getattr(value, value),
    "KeyError": lambda value: {}[value],
    "ValueError": int,
    "TypeError": lambda value: value + 1,
    "ZeroDivisionError": lambda value: len(value) / 0,
    "OwnError": raises_its_own,
}
"""Transforms by what they raise."""


def notes(transforms: Transforms | None = None) -> Schema:
    """One model, whose name goes through these."""
    fields = {"name": Field("string", transforms=transforms), "body": Field("string", required=False)}
    return Schema({"note": Model(fields=fields)})


@pytest.mark.asyncio
@pytest.mark.parametrize("raised", FAILING)
class TestTransformErrors(Topic):
    """What a transform raises, whatever it is, is kept to itself."""

    async def test_what_input_raises_refuses_the_value(self, connect: Connect, raised: str) -> None:
        adapter = await connect(schema=notes(Transforms(input=FAILING[raised])))
        for verb in (
            adapter.create("note", {"name": SECRET}),
            adapter.find_one("note", {"name": SECRET}),
            adapter.count("note", {"name": SECRET}),
            adapter.update("note", {"body": "x"}, {"name": SECRET}),
            adapter.delete("note", {"name": SECRET}),
        ):
            with pytest.raises(InvalidValueError, match=r"note\.name") as caught:
                await verb
            expect_nothing_said_of(caught.value, SECRET)
        assert await adapter.count("note") == 0

    async def test_what_output_raises_is_an_error_of_the_database(self, connect: Connect, raised: str) -> None:
        database = new_database()
        plain = await connect(schema=notes(), database=database)
        await plain.create("note", {"name": SECRET})
        adapter = await connect(schema=notes(Transforms(output=FAILING[raised])), database=database)
        for verb in (
            adapter.find_one("note", {"name": SECRET}),
            adapter.find_many("note"),
            adapter.update("note", {"name": SECRET}, {"body": "x"}),
        ):
            with pytest.raises(BackendError, match="name") as caught:
                await verb
            expect_nothing_said_of(caught.value, SECRET)
        assert await adapter.find_many("note", select=["body"]) == [{"body": "x"}]
