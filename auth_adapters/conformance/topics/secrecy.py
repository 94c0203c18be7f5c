"""No error, repr or log line carries a value."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from auth_adapters.conformance.samples import THINGS
from auth_adapters.conformance.topic import LATER, Connect, Topic, make_session, make_user
from auth_adapters.errors import AuthAdapterError
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field

__all__ = ["TestSecrecy"]

SECRET = "eul4v-t3rc3s"[::-1]  # as no line of this file has it: tracebacks quote lines


def told_by(error: BaseException) -> str:
    """Everything that an error could tell: its text, attributes and formatted traceback."""
    return "\n".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])


MISTAKES: dict[str, Callable[[Adapter, dict[str, Any]], Awaitable[Any]]] = {
    "a unique violation": lambda one, user: make_user(one, SECRET),
    "a unique violation of an id": lambda one, user: one.create("user", {"id": SECRET, "email": "x"}, force_id=True),
    "a unique violation by update": lambda one, user: one.update("user", {"email": "other"}, {"email": SECRET}),
    "a unique violation by upsert": lambda one, user: one.upsert(
        "user", {"email": "other", "name": SECRET}, on=["email"], changes={"email": SECRET}
    ),
    "a foreign key violation": lambda one, user: make_session(one, {"id": SECRET + "x"}, SECRET),
    "a foreign key violation by update": lambda one, user: one.update(
        "session", {"token": SECRET}, {"user_id": SECRET + "x"}
    ),
    "a wrong type": lambda one, user: make_user(one, "y", name=[SECRET]),
    "a wrong type in where": lambda one, user: one.find_many("user", {"email": {"$ne": SECRET}}),
    "a text that is too long": lambda one, user: make_user(one, "y", name=SECRET * 100),
    "a nul": lambda one, user: make_user(one, "y", name=SECRET + "\0"),
    "a lone surrogate": lambda one, user: make_user(one, "y", name=SECRET + "\ud800"),
    "a lone surrogate in where": lambda one, user: one.find_many("user", field("name").contains(SECRET + "\udfff")),
    "an unknown field": lambda one, user: make_user(one, SECRET + "y", nickname=SECRET),
    "an empty change": lambda one, user: one.update("user", {"email": SECRET}, {}),
    "a where that is none": lambda one, user: one.find_many("user", [SECRET]),  # type: ignore[arg-type]
    "a list that is none": lambda one, user: one.find_many("user", field("email").in_(SECRET)),
    "after a value that does not fit": lambda one, user: one.find_many(
        "user", sort=["created_at"], after=[SECRET, SECRET]
    ),
    "a change of the primary key": lambda one, user: one.update("user", {"email": SECRET}, {"id": SECRET}),
}


@pytest.mark.asyncio
class TestSecrecy(Topic):
    """Values stay out of what is printed and logged."""

    @pytest.mark.parametrize("mistake", MISTAKES)
    async def test_no_error_tells_a_value(self, adapter: Adapter, mistake: str) -> None:
        user = await adapter.create("user", {"id": SECRET, "email": SECRET, "name": SECRET}, force_id=True)
        await make_user(adapter, "other")
        await make_session(adapter, user, SECRET)
        with pytest.raises(AuthAdapterError) as caught:
            await MISTAKES[mistake](adapter, user)
        assert SECRET not in told_by(caught.value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("color", SECRET),
            ("number", SECRET),
            ("ratio", SECRET),
            ("flag", SECRET),
            ("moment", SECRET),
            ("blob", SECRET),
            ("words", [SECRET + "\0"]),
            ("words", SECRET),
            ("numbers", [SECRET]),
            ("data", {SECRET: {1}}),
            ("data", [SECRET + "\ud800"]),
        ],
    )
    async def test_no_value_of_any_type_is_told(self, connect: Connect, name: str, value: Any) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(AuthAdapterError) as caught:
            await adapter.create("thing", {"rank": 0, name: value})
        assert SECRET not in told_by(caught.value)

    async def test_the_repr_of_a_question_tells_its_fields_only(self, adapter: Adapter) -> None:
        predicate = field("email").eq(SECRET) & ~field("name").in_([SECRET]) | field("image").contains(SECRET)
        for one in (predicate, ~predicate, field("email").eq(SECRET), Join(model="user", where=predicate)):
            assert SECRET not in repr(one)
            assert SECRET not in str(one)
        assert "email" in repr(predicate)

    async def test_the_repr_of_a_join_tells_no_value_of_a_mapping(self) -> None:
        assert SECRET not in repr(Join(model="user", where={"email": SECRET}))

    async def test_the_repr_of_an_adapter_tells_nothing_stored(self, adapter: Adapter) -> None:
        await make_user(adapter, SECRET)
        assert SECRET not in repr(adapter)
        assert SECRET not in repr(adapter.capabilities)

    async def test_nothing_is_logged_with_a_value(self, connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.DEBUG):
            adapter = await connect()
            user = await make_user(adapter, SECRET, name=SECRET)
            await make_session(adapter, user, SECRET, expires_at=LATER)
            await adapter.find_many("session", field("token").starts_with(SECRET), join=["user"])
            await adapter.update("user", {"email": SECRET}, {"image": SECRET})
            with pytest.raises(AuthAdapterError):
                await make_user(adapter, SECRET)
            await adapter.delete_many("user", field("name").eq(SECRET))
        assert SECRET not in caplog.text
