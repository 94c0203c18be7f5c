"""What callers get wrong, or attackers get right: typed errors before any I/O, and nothing changed."""

import operator
from collections import ChainMap, UserDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.samples import THINGS
from auth_adapters.conformance.topic import LATER, NOW, Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import InvalidQueryError, InvalidValueError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, Join, all_of, any_of, field

__all__ = ["TestBadValues", "TestBadWhere"]

Call: TypeAlias = Callable[[], Awaitable[Any]]

SMUGGLED: tuple[Any, ...] = (
    {"$ne": ""}, {"$gt": ""}, {"$regex": ".*"}, {"$exists": True}, {"$where": "1"}, {"$in": [""]}, {"not": None}, {},
    [], [""], ["a@example.com"], ("a", "b"), {"a@example.com"}, {"contains": "a"}, {"operator": "ne", "value": ""},
)  # fmt: skip
"""What a JSON body may hold where a string was expected."""
WRONG: Mapping[str, tuple[Any, ...]] = {
    "label": (1, 1.5, True, b"a", ["a"], {"a": 1}, object(), NOW, field("label").eq("a")),
    "body": (1, True, b"a", ["a"], {}, memoryview(b"a")),
    "number": ("1", "", 1.0, True, False, b"1", [1], {}, Decimal(1), NOW, 1j),
    "ratio": ("1", True, b"1", [1.0], Decimal("1.5"), 1j, NOW),
    "flag": (0, 1, "true", "", 1.0, [True], b"\x01"),
    "moment": (1, 1.5, "2026-01-31T12:00:00Z", NOW.date(), True, [NOW]),
    "blob": ("a", 1, [1], True, {}),
    "color": ("purple", "RED", "", 1, b"red", ["red"]),
}
WRONG_STRUCTURES: Mapping[str, tuple[Any, ...]] = {
    "words": ("a", b"a", 1, {"a"}, {"a": 1}, [1], [None], [["a"]], [b"a"], ["a", 1], iter(["a"])),
    "numbers": (1, "1", {1}, [1.0], [True], ["1"], [None], [[1]], range(3)),
    "data": ({1: 2}, {"a", "b"}, b"a", object(), [object()], {"a": {1}}),
}
UNSTORABLE = ("\0", "a\0b", "a\0", "\ud800", "a\udfffb", "\udc00\ud800")
"""NUL, and halves of characters."""


@asynccontextmanager
async def untouched(harness: Harness, connect: Connect) -> AsyncIterator[Adapter]:
    """An adapter with a user and a session: the block sends no statement, and both are as they were."""
    database = new_database()
    adapter = await connect(database=database)
    user = await make_user(adapter, name="Ada")
    session = await make_session(adapter, user)
    before = harness.statements(database)
    yield adapter
    assert harness.statements(database) == before
    assert await adapter.find_many("user") == [user]
    assert await adapter.find_many("session") == [session]


@pytest.mark.asyncio
class TestBadValues(Topic):
    """Values that do not fit their field."""

    @pytest.mark.parametrize("name", [*WRONG, *WRONG_STRUCTURES])
    async def test_a_value_of_another_type_is_refused_in_data(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        thing = await adapter.create("thing", {"rank": 0})
        for wrong in {**WRONG, **WRONG_STRUCTURES}[name]:
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.create("thing", {"rank": 1, name: wrong})
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.update("thing", {"rank": 0}, {name: wrong})
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.update_many("thing", ALL, {"rank": 5, name: wrong})
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.increment_one("thing", {"rank": 0}, {"rank": 1}, {name: wrong})
        assert await adapter.find_many("thing") == [thing]

    @pytest.mark.parametrize("name", WRONG)
    async def test_a_value_of_another_type_is_refused_in_where(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await adapter.create("thing", {"rank": 0})
        for wrong in WRONG[name]:
            for where in (
                {name: wrong},
                field(name).ne(wrong),
                field(name).lt(wrong),
                field(name).in_([wrong]),
                field("rank").eq(1) & ~field(name).gte(wrong),
            ):
                with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                    await adapter.count("thing", where)

    async def test_operators_smuggled_in_as_values_are_refused(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            for smuggled in SMUGGLED:
                for call in smuggling(adapter, smuggled):
                    with pytest.raises(InvalidValueError):
                        await call()

    async def test_a_delta_that_is_no_number_is_refused(self, harness: Harness, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        thing = await adapter.create("thing", {"rank": 0, "number": 1, "ratio": 1.0})
        for wrong in ("1", True, 1.5, [1], {"$inc": 1}, b"1", 2**63):
            with pytest.raises(InvalidValueError, match=r"thing\.number"):
                await adapter.increment_one("thing", {"rank": 0}, {"number": wrong})
        assert await adapter.find_many("thing") == [thing]

    @pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
    async def test_nul_and_lone_surrogates_are_refused_everywhere(self, connect: Connect, text: str) -> None:
        adapter = await connect(schema=THINGS)
        thing = await adapter.create("thing", {"rank": 0})
        data: list[tuple[str, Any]] = [("label", text), ("body", text), ("color", text), ("words", ["a", text])]
        data += [("data", text), ("data", {"a": [text]}), ("data", {text: 1}), ("data", [{"a": {text: 1}}])]
        for name, value in data:
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.create("thing", {"rank": 1, name: value})
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.update("thing", {"rank": 0}, {name: value})
        for name in ("label", "body", "color", "id"):
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.find_one("thing", {name: text})
            with pytest.raises(InvalidValueError, match=rf"thing\.{name}"):
                await adapter.find_many("thing", field(name).not_in(["a", text]))
        for op in ("contains", "starts_with", "ends_with"):
            with pytest.raises(InvalidValueError, match=r"thing\.label"):
                await adapter.find_many("thing", getattr(field("label"), op)(text, mode="insensitive"))
        assert await adapter.find_many("thing") == [thing]

    async def test_data_is_a_mapping(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            wrong: Any
            for wrong in (None, "email", [("email", "a@example.com")], 5, {"email"}, object()):
                with pytest.raises(InvalidQueryError):
                    await adapter.create("user", wrong)
                with pytest.raises(InvalidQueryError):
                    await adapter.create_many("user", [wrong])
                with pytest.raises(InvalidQueryError):
                    await adapter.update("user", {"name": "Ada"}, wrong)
                with pytest.raises(InvalidQueryError):
                    await adapter.upsert("user", wrong, on=["email"])
                with pytest.raises(InvalidQueryError):
                    await adapter.increment_one("user", {"name": "Ada"}, wrong)

    @pytest.mark.parametrize("kind", [MappingProxyType, UserDict, ChainMap])
    async def test_any_mapping_will_do(self, adapter: Adapter, kind: Callable[[Any], Mapping[str, Any]]) -> None:
        user = await adapter.create("user", kind({"email": "ada@example.com"}))
        assert await adapter.find_one("user", kind({"email": "ada@example.com"})) == user
        updated = await adapter.update("user", kind({"id": user["id"]}), kind({"name": "Ada"}))
        assert updated is not None
        assert updated["name"] == "Ada"


def smuggling(adapter: Adapter, smuggled: Any) -> list[Call]:
    """Calls with the value in every place where a string is expected."""
    session = {"user_id": "u", "expires_at": LATER}
    return [
        lambda: adapter.find_one("user", {"email": smuggled}),
        lambda: adapter.find_many("user", {"name": "Ada", "email": smuggled}),
        lambda: adapter.find_many("user", field("email").eq(smuggled)),
        lambda: adapter.find_many("user", field("email").ne(smuggled)),
        lambda: adapter.find_many("user", field("email").in_([smuggled])),
        lambda: adapter.find_many("user", field("id").in_(["a", smuggled])),
        lambda: adapter.find_many("user", field("email").contains(smuggled)),
        lambda: adapter.find_many("user", field("email").eq(smuggled, mode="insensitive")),
        lambda: adapter.find_one("session", {"id": smuggled}),
        lambda: adapter.find_one("user", {"name": "Ada"}, join={"s": Join(model="session", where={"token": smuggled})}),
        lambda: adapter.count("session", {"user_id": smuggled}),
        lambda: adapter.update("session", {"token": smuggled}, {"token": "x"}),
        lambda: adapter.update("session", {"token": "token"}, {"token": smuggled}),
        lambda: adapter.delete("session", {"token": smuggled}),
        lambda: adapter.delete_many("session", {"token": smuggled}),
        lambda: adapter.consume_one("session", {"token": smuggled}),
        lambda: adapter.create("session", {**session, "token": smuggled}),
        lambda: adapter.upsert("session", {**session, "token": smuggled}, on=["token"]),
    ]


@pytest.mark.asyncio
class TestBadWhere(Topic):
    """Questions that are wrong in themselves."""

    async def test_where_is_a_mapping_or_a_predicate(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            wrong: Any
            for wrong in ("1=1", b"a", 1, True, False, ["email"], ("email", "a"), {"email"}, field("email"), len):
                for call in questions(adapter, wrong):
                    with pytest.raises(InvalidQueryError):
                        await call()

    async def test_an_empty_where_reaches_no_record(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            empty: Any
            for empty in (None, {}, MappingProxyType({})):
                for call in writes(adapter, empty):
                    with pytest.raises(InvalidQueryError):
                        await call()

    async def test_all_is_for_the_verbs_of_many_records(self, harness: Harness, connect: Connect) -> None:
        async with untouched(harness, connect) as adapter:
            everything: Any = ALL
            for call in writes(adapter, everything)[:3]:
                with pytest.raises(InvalidQueryError):
                    await call()

    async def test_a_predicate_has_no_truth_value(self) -> None:
        is_a, is_b = field("a").eq(1), field("b").eq(2)
        for misuse in (lambda: is_a and is_b, lambda: is_a or is_b, lambda: not is_a, lambda: bool(is_a & is_b)):
            with pytest.raises(InvalidQueryError, match="truth value"):
                misuse()
        with pytest.raises(InvalidQueryError, match="truth value"):
            assert all([is_a, is_b])

    async def test_python_operators_on_a_field_make_no_predicate(self, adapter: Adapter) -> None:
        email: Any = field("email")
        with pytest.raises(InvalidQueryError):
            await adapter.find_many("user", email == "ada@example.com")
        with pytest.raises(TypeError):
            assert email < "b"

    @pytest.mark.parametrize("other", [True, None, {"name": "a"}, "name", 1])
    async def test_predicates_combine_with_predicates_only(self, other: Any) -> None:
        with pytest.raises(TypeError):
            operator.and_(field("a").eq(1), other)
        with pytest.raises(TypeError):
            operator.or_(field("a").eq(1), other)

    @pytest.mark.parametrize("wrong", [5, None, field("a").eq(1), ["name"], [{"name": "a"}], [field("a")], [None]])
    async def test_a_list_of_parts_holds_predicates(self, wrong: Any) -> None:
        with pytest.raises(InvalidQueryError, match="all_of"):
            all_of(wrong)
        with pytest.raises(InvalidQueryError, match="any_of"):
            any_of(wrong)

    async def test_all_of_nothing_is_refused(self) -> None:
        with pytest.raises(InvalidQueryError, match="everything"):
            all_of([])

    @pytest.mark.parametrize("wrong", ["abc", b"abc", {"a": 1}, 5, None, True])
    async def test_a_list_of_values_is_not_one_value(self, wrong: Any) -> None:
        with pytest.raises(InvalidQueryError, match="label"):
            field("label").in_(wrong)
        with pytest.raises(InvalidQueryError, match="label"):
            field("label").not_in(wrong)

    @pytest.mark.parametrize("wrong", [None, 1, b"a", ["a"], field("a")])
    async def test_a_field_is_named_by_a_string(self, wrong: Any) -> None:
        with pytest.raises(InvalidQueryError):
            field(wrong)


def writes(adapter: Adapter, where: Any) -> list[Call]:
    """Every verb that writes to what matches; first those of one record."""
    return [
        lambda: adapter.update("user", where, {"name": "x"}),
        lambda: adapter.delete("user", where),
        lambda: adapter.consume_one("user", where),
        lambda: adapter.update_many("user", where, {"name": "x"}),
        lambda: adapter.delete_many("user", where),
    ]


def questions(adapter: Adapter, where: Any) -> list[Call]:
    """Every verb that asks for what matches."""
    join = {"open": Join(model="session", where=where)}
    return [
        lambda: adapter.find_one("user", where),
        lambda: adapter.find_many("user", where),
        lambda: adapter.find_many("user", join=join),
        lambda: adapter.count("user", where),
        *writes(adapter, where),
    ]
