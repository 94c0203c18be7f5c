"""Predicates: every operator on every type of field, None included, and how they combine."""

import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from auth_adapters.conformance.samples import THINGS, create_all, make_things, ranks
from auth_adapters.conformance.topic import NOW, Connect, Topic
from auth_adapters.errors import InvalidQueryError, InvalidValueError
from auth_adapters.query import Predicate, all_of, any_of, field

__all__ = ["TestLogic", "TestMembership", "TestNone", "TestWhere"]

VALUES: Mapping[str, Sequence[Any]] = {
    "label": ["", " ", "A", "AB", "Z", "a", "ab", "z", "ß", "é", "日本", "😀"],
    "body": ["", "A", "a", "a ", "b" * 300, "é", "😀"],
    "number": [-(2**63), -10, -9, -1, 0, 1, 9, 10, 2**53 + 1, 2**63 - 1],
    "ratio": [-1e300, -1.5, -1.0, 0.0, 5e-324, 0.1, 0.30000000000000004, 1.0, 1e300],
    "flag": [False, True],
    "moment": [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC),
        NOW,
        NOW + timedelta(milliseconds=1),
        datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    ],
    "blob": [b"", b"\x00", b"\x00\x01", b"A", b"a", b"\x7f", b"\x80", b"\xff"],
    "color": ["blue", "green", "red"],
}
"""Ascending values of every type that can be compared."""

ORDERING: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


@pytest.mark.asyncio
class TestWhere(Topic):
    """Every operator against values of every type, with a record that holds None among them."""

    @pytest.mark.parametrize("name", VALUES)
    async def test_eq_matches_the_equal_record_alone(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [*VALUES[name], None])
        for rank, value in enumerate(VALUES[name]):
            assert await ranks(adapter, field(name).eq(value)) == [rank], value
            assert await ranks(adapter, {name: value}) == [rank], value

    @pytest.mark.parametrize("name", VALUES)
    async def test_ne_matches_all_others_and_the_record_with_none(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [*VALUES[name], None])
        everything = range(len(VALUES[name]) + 1)
        for rank, value in enumerate(VALUES[name]):
            others = [one for one in everything if one != rank]
            assert await ranks(adapter, field(name).ne(value)) == others, value
            assert await ranks(adapter, ~field(name).eq(value)) == others, value

    @pytest.mark.parametrize("name", VALUES)
    @pytest.mark.parametrize("op", ORDERING)
    async def test_ordering_goes_by_value_and_never_matches_none(self, connect: Connect, name: str, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [*VALUES[name], None])
        for pivot in VALUES[name]:
            expected = [rank for rank, value in enumerate(VALUES[name]) if ORDERING[op](value, pivot)]
            assert await ranks(adapter, getattr(field(name), op)(pivot)) == expected, pivot

    @pytest.mark.parametrize("name", VALUES)
    @pytest.mark.parametrize("op", ORDERING)
    async def test_the_complement_of_an_ordering_matches_none(self, connect: Connect, name: str, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [*VALUES[name], None])
        none = len(VALUES[name])
        for pivot in VALUES[name]:
            expected = [rank for rank, value in enumerate(VALUES[name]) if not ORDERING[op](value, pivot)]
            assert await ranks(adapter, ~getattr(field(name), op)(pivot)) == [*expected, none], pivot

    @pytest.mark.parametrize("name", VALUES)
    async def test_in_matches_the_listed_and_not_in_all_others(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [*VALUES[name], None])
        everything = range(len(VALUES[name]) + 1)
        chosen = VALUES[name][::2]
        inside = list(everything)[: len(VALUES[name])][::2]
        assert await ranks(adapter, field(name).in_(chosen)) == inside
        assert await ranks(adapter, field(name).not_in(chosen)) == [one for one in everything if one not in inside]

    async def test_text_compares_by_case_and_by_every_space(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "A", "a ", " a", "a\t", "á", "a\u0301"])
        for rank, value in enumerate(["a", "A", "a ", " a", "a\t", "á", "a\u0301"]):
            assert await ranks(adapter, {"label": value}) == [rank], repr(value)

    async def test_a_text_longer_than_the_field_matches_nothing(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["x" * 255, None])
        assert await ranks(adapter, {"label": "x" * 256}) == []
        assert await ranks(adapter, field("label").ne("x" * 70_000)) == [0, 1]

    async def test_a_number_compares_as_a_number_not_as_text(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [2, 10, 100])
        assert await ranks(adapter, field("number").gt(9)) == [1, 2]

    async def test_an_integer_finds_a_float(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "ratio", [1.0, 1.5])
        assert await ranks(adapter, {"ratio": 1}) == [0]

    @pytest.mark.parametrize("name", ["data", "words", "numbers"])
    async def test_json_and_lists_take_tests_for_none_only(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [[], [1] if name != "words" else ["1"], None])
        assert await ranks(adapter, {name: None}) == [2]
        assert await ranks(adapter, field(name).eq(None)) == [2]
        assert await ranks(adapter, field(name).ne(None)) == [0, 1]

    @pytest.mark.parametrize("name", ["data", "words", "numbers"])
    @pytest.mark.parametrize("op", ["eq", "ne", "lt", "lte", "gt", "gte", "contains", "starts_with", "ends_with"])
    async def test_json_and_lists_refuse_every_other_operator(self, connect: Connect, name: str, op: str) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises((InvalidQueryError, InvalidValueError), match=rf"thing\.{name}"):
            await adapter.find_many("thing", getattr(field(name), op)("a"))


@pytest.mark.asyncio
class TestNone(Topic):
    """None in predicates: two-valued, as in Python."""

    async def test_eq_none_and_ne_none_tell_apart_who_holds_a_value(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "", None])
        assert await ranks(adapter, field("label").eq(None)) == [2]
        assert await ranks(adapter, field("label").ne(None)) == [0, 1]
        assert await ranks(adapter, ~field("label").eq(None)) == [0, 1]
        assert await ranks(adapter, ~field("label").ne(None)) == [2]

    async def test_none_in_a_mapping_is_a_test_for_none(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(
            adapter, "thing", [{"rank": 0, "label": "a"}, {"rank": 1, "label": "a", "number": 1}, {"rank": 2}]
        )
        assert await ranks(adapter, {"number": None}) == [0, 2]
        assert await ranks(adapter, {"label": "a", "number": None}) == [0]
        assert await ranks(adapter, {"number": None, "label": None}) == [2]

    async def test_one_mapping_shape_with_and_without_none_does_not_mix_up(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", [{"rank": 0, "label": "a"}, {"rank": 1, "number": 1}])
        assert await ranks(adapter, {"label": "a", "number": None}) == [0]
        assert await ranks(adapter, {"label": None, "number": 1}) == [1]
        assert await ranks(adapter, {"label": "a", "number": 1}) == []
        assert await ranks(adapter, {"label": None, "number": None}) == []

    async def test_eq_none_with_a_mode_is_a_test_for_none(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", None])
        assert await ranks(adapter, field("label").eq(None, mode="insensitive")) == [1]
        assert await ranks(adapter, field("label").ne(None, mode="insensitive")) == [0]

    @pytest.mark.parametrize("op", ["lt", "lte", "gt", "gte", "contains", "starts_with", "ends_with"])
    async def test_ordering_and_searching_against_none_is_refused(self, op: str) -> None:
        with pytest.raises(InvalidQueryError, match="label"):
            getattr(field("label"), op)(None)

    @pytest.mark.parametrize("op", ["contains", "starts_with", "ends_with"])
    async def test_a_search_never_matches_none_and_its_complement_does(self, connect: Connect, op: str) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "b", None])
        assert await ranks(adapter, getattr(field("label"), op)("a")) == [0]
        assert await ranks(adapter, ~getattr(field("label"), op)("a")) == [1, 2]

    async def test_a_list_of_none_and_values_matches_both(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "b", None])
        assert await ranks(adapter, field("label").in_(["a", None])) == [0, 2]
        assert await ranks(adapter, field("label").not_in(["a", None])) == [1]
        assert await ranks(adapter, ~field("label").in_(["a", None])) == [1]
        assert await ranks(adapter, field("label").in_([None])) == [2]
        assert await ranks(adapter, field("label").not_in([None])) == [0, 1]

    async def test_not_in_without_none_matches_the_record_with_none(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "b", None])
        assert await ranks(adapter, field("label").not_in(["a"])) == [1, 2]


@pytest.mark.asyncio
class TestMembership(Topic):
    """in_ and not_in: lists of any length."""

    async def test_an_empty_list_matches_nothing_and_its_complement_all(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", None])
        assert await ranks(adapter, field("label").in_([])) == []
        assert await ranks(adapter, field("label").not_in([])) == [0, 1]
        assert await ranks(adapter, ~field("label").in_([])) == [0, 1]

    @pytest.mark.parametrize("kind", [list, tuple, set, frozenset, iter])
    async def test_any_iterable_of_values_will_do(self, connect: Connect, kind: Callable[[Any], Any]) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "b", "c"])
        assert await ranks(adapter, field("label").in_(kind(["a", "c", "x"]))) == [0, 2]

    async def test_a_value_listed_twice_matches_once(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a", "b"])
        assert await ranks(adapter, field("label").in_(["a", "a", "a"])) == [0]

    async def test_lists_of_different_lengths_do_not_mix_up(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(5))
        for size in (3, 1, 0, 5, 2, 4):
            assert await ranks(adapter, field("number").in_(range(size))) == list(range(size))

    @pytest.mark.parametrize("name", ["label", "number"])
    async def test_a_list_may_hold_tens_of_thousands_of_values(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        as_value: Callable[[int], Any] = str if name == "label" else int
        await make_things(adapter, name, [as_value(number) for number in (5, 33_332, 40_000)] + [None])
        listed = [as_value(number) for number in range(33_333)]
        assert await ranks(adapter, field(name).in_(listed)) == [0, 1]
        assert await ranks(adapter, field(name).not_in(listed)) == [2, 3]

    async def test_a_list_may_hold_a_hundred_thousand_values(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["99999", "100000"])
        assert await ranks(adapter, field("label").in_([str(number) for number in range(100_000)])) == [0]

    async def test_two_long_lists_fit_into_one_question(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", [{"rank": n, "label": str(n), "number": n} for n in range(3)])
        numbers, texts = list(range(1, 20_000)), [str(number) for number in range(19_999)]
        where = field("number").in_(numbers) & field("label").in_(texts) & field("rank").ne(2)
        assert await ranks(adapter, where) == [1]

    async def test_a_longer_list_is_refused(self) -> None:
        with pytest.raises(InvalidQueryError, match="label"):
            field("label").in_(str(number) for number in range(100_001))


@pytest.mark.asyncio
class TestLogic(Topic):
    """&, | and ~."""

    async def test_and_or_and_not_combine_as_they_are_written(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        rows: list[dict[str, Any]] = [
            {"rank": n, "label": label, "number": number}
            for n, (label, number) in enumerate([("a", 1), ("a", 2), ("b", 1), ("b", None), (None, 2)])
        ]
        await create_all(adapter, "thing", rows)
        is_a, is_one = field("label").eq("a"), field("number").eq(1)
        assert await ranks(adapter, is_a & is_one) == [0]
        assert await ranks(adapter, is_a | is_one) == [0, 1, 2]
        assert await ranks(adapter, ~(is_a & is_one)) == [1, 2, 3, 4]
        assert await ranks(adapter, ~(is_a | is_one)) == [3, 4]
        assert await ranks(adapter, ~is_a & is_one) == [2]
        assert await ranks(adapter, is_a | ~is_one) == [0, 1, 3, 4]
        assert await ranks(adapter, ~~is_a) == [0, 1]

    async def test_groups_are_kept_apart(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", [{"rank": n, "number": n % 3, "flag": n % 2 == 0} for n in range(6)])
        small, big, even = field("number").lt(1), field("number").gt(1), field("flag").eq(True)
        assert await ranks(adapter, (small | big) & even) == [0, 2]
        assert await ranks(adapter, small | (big & even)) == [0, 2, 3]
        assert await ranks(adapter, (small & even) | (big & ~even)) == [0, 5]
        assert await ranks(adapter, ~(small | big) & ~even) == [1]

    async def test_a_predicate_and_its_complement_share_no_record_and_miss_none(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(
            adapter,
            "thing",
            [
                {"rank": 5 * at + 1 * to, "label": label, "number": number}
                for at, label in enumerate(["a", "B", "", None])
                for to, number in enumerate([-1, 0, 1, None])
            ],
        )
        everything = await ranks(adapter, None)
        text, number = field("label"), field("number")
        for predicate in (
            (text.eq("a") | number.lt(0)) & ~(text.contains("b", mode="insensitive") | number.eq(None)),
            ~(text.in_(["a", None]) & number.not_in([0, None])),
            (text.lt("a") & number.gte(0)) | ~text.starts_with(""),
            ~(~(text.ne("a")) | ~(number.ne(1))),
        ):
            inside, outside = await ranks(adapter, predicate), await ranks(adapter, ~predicate)
            assert sorted(inside + outside) == everything, predicate

    async def test_a_list_of_parts_is_what_its_parts_are_combined(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        rows: list[dict[str, Any]] = [{"rank": n, "number": n % 3, "flag": n % 2 == 0} for n in range(6)]
        await create_all(adapter, "thing", [*rows, {"rank": 6}])
        small, big, even = field("number").lt(1), field("number").gt(1), field("flag").eq(True)
        for one, other in (
            (all_of([small, even]), small & even),
            (any_of([small, big, even]), small | big | even),
            (any_of([all_of([small, even]), all_of([big, ~even])]), (small & even) | (big & ~even)),
            (all_of([any_of([small, big]), all_of([even, ~big])]), (small | big) & even & ~big),
            (any_of(iter([small])), small),
        ):
            assert one == other
            assert await ranks(adapter, one) == await ranks(adapter, other) != []
        assert await ranks(adapter, any_of([])) == []
        assert await ranks(adapter, ~any_of([])) == [*range(7)]
        assert await ranks(adapter, any_of([any_of([]), small])) == [0, 3]

    async def test_a_thousand_conditions_are_allowed(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [0, 500, 999, 1_000, None])
        conditions = [field("number").eq(number) for number in range(1_000)]
        either = any_of(conditions)
        assert await ranks(adapter, either) == [0, 1, 2]
        assert await ranks(adapter, ~either) == [3, 4]
        assert await ranks(adapter, all_of(~one for one in conditions)) == [3, 4]
        with pytest.raises(InvalidQueryError):
            operator.or_(either, field("number").eq(None))

    async def test_a_thousand_searches_are_allowed(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "label", ["a7b", "a1000b", None])
        searches = [field("label").contains(f"a{number}b") for number in range(1_000)]
        assert await ranks(adapter, reduce(operator.or_, searches)) == [0]

    async def test_thirty_two_levels_are_allowed_and_one_more_is_not(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [*range(40), None])
        predicate: Predicate = field("number").eq(0)
        for level in range(1, 32):
            leaf = field("number").eq(level)
            predicate = predicate | leaf if level % 2 else predicate & ~leaf
        assert await ranks(adapter, predicate) == [0, *range(1, 32, 2)]
        with pytest.raises(InvalidQueryError):
            operator.and_(predicate, field("number").eq(1))

    async def test_a_tower_of_complements_is_one_level_each(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [1, 2, None])
        predicate: Predicate = field("number").eq(1)
        for _ in range(31):
            predicate = ~predicate
        assert await ranks(adapter, predicate) == [1, 2]
        with pytest.raises(InvalidQueryError):
            operator.invert(predicate)

    async def test_one_field_may_be_asked_about_twice(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(6))
        assert await ranks(adapter, field("number").gt(1) & field("number").lte(4) & field("number").ne(3)) == [2, 4]

    async def test_predicates_are_frozen_and_equal_by_what_they_ask(self) -> None:
        one, other = field("a").eq(1) & field("b").ne(2), field("a").eq(1) & field("b").ne(2)
        assert one == other
        assert hash(one) == hash(other)
        assert hash(one) == hash(field("a").eq(3) & field("b").ne(4))
        assert one != (field("a").eq(1) & field("b").ne(3))
        with pytest.raises(AttributeError):
            one.depth = 3
