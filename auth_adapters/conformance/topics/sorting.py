"""Sorting and paging: the order of records, and what comes after a given one."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from auth_adapters.conformance.samples import THINGS, create_all, make_things
from auth_adapters.conformance.topic import EARLIER, LATER, NOW, Connect, Topic, make_user
from auth_adapters.errors import InvalidQueryError, InvalidValueError, UnknownFieldError
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Model

__all__ = ["TestKeyset", "TestLongSorting", "TestPaging", "TestSorting"]

TEXTS = [
    "", " ", "!", "0", "00", "10", "2", "A", "AA", "B", "Z", "[", "_", "a", "a ", "a!", "aa", "b", "z", "~", "À", "É",
    "ß", "é", "ÿ", "Ā", "İ", "ı", "α", "я", "\u0300", "ا", "日", "본", "\ue000", "豈", "\ufeff", "\uffff", "😀", "𠀀",
]  # fmt: skip
"""Texts in no order; the right one is by code point, where 😀 comes after \\uffff."""


async def order_of(adapter: Adapter, sort: Sequence[str], **options: Any) -> list[int]:
    """The ranks of all things in the order of `sort`."""
    return [one["rank"] for one in await adapter.find_many("thing", sort=sort, select=["rank"], **options)]


@pytest.mark.asyncio
class TestSorting(Topic):
    """The order of records."""

    @pytest.mark.parametrize("length", [1, 255])
    async def test_text_sorts_by_code_point(self, connect: Connect, length: int) -> None:
        adapter = await connect(schema=THINGS)
        padding = "m" * (length - 1)
        texts = [padding + text for text in TEXTS if len(padding + text) <= 255]
        await make_things(adapter, "label", texts)
        expected = sorted(range(len(texts)), key=lambda rank: texts[rank])
        assert await order_of(adapter, ["label"]) == expected
        assert await order_of(adapter, ["-label"]) == expected[::-1]

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("number", [-(2**63), -10, -9, 0, 9, 10, 2**53, 2**53 + 1, 2**63 - 1]),
            ("ratio", [-1e300, -1.5, -5e-324, 0.0, 5e-324, 0.1, 1.0, 1e300]),
            ("flag", [False, True]),
            ("moment", [NOW.replace(year=1), EARLIER, NOW, LATER, NOW.replace(year=9999)]),
            ("blob", [b"", b"\x00", b"\x00\x00", b"A", b"a", b"\x80", b"\xff"]),
            ("color", ["blue", "green", "red"]),
        ],
    )
    async def test_values_of_every_type_sort_by_value(self, connect: Connect, name: str, values: list[Any]) -> None:
        adapter = await connect(schema=THINGS)
        shuffled = [*values[1::2], *values[::2]]
        await make_things(adapter, name, shuffled)
        for sort, expected in ((name, values), (f"-{name}", values[::-1])):
            found = await adapter.find_many("thing", sort=[sort])
            assert [one[name] for one in found] == expected

    @pytest.mark.parametrize("name", ["label", "number", "ratio", "flag", "moment", "blob", "color"])
    async def test_none_comes_first_ascending_and_last_descending(self, connect: Connect, name: str) -> None:
        low_high: dict[str, list[Any]] = {"label": ["", "a"], "number": [-1, 1], "ratio": [-1.0, 1.0]}
        low_high |= {"flag": [False, True], "moment": [EARLIER, NOW], "blob": [b"", b"a"], "color": ["blue", "red"]}
        adapter = await connect(schema=THINGS)
        await make_things(adapter, name, [low_high[name][0], None, low_high[name][1]])
        assert await order_of(adapter, [name]) == [1, 0, 2]
        assert await order_of(adapter, [f"-{name}"]) == [2, 0, 1]

    async def test_several_keys_sort_in_turn(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        rows = [
            {"rank": rank, "label": label, "number": number}
            for rank, (label, number) in enumerate(itertools.product(["b", None, "a"], [2, None, 1]))
        ]
        await create_all(adapter, "thing", rows)
        for first, second in itertools.product(["label", "-label"], ["number", "-number"]):
            expected = expected_order(rows, [first, second, "rank"])
            assert await order_of(adapter, [first, second]) == [row["rank"] for row in expected], (first, second)
            expected = expected_order(rows, [second, first, "rank"])
            assert await order_of(adapter, [second, first]) == [row["rank"] for row in expected], (second, first)

    async def test_the_id_breaks_ties(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        rows: list[dict[str, Any]] = [{"id": f"id{rank * 7 % 10}", "rank": rank, "label": "same"} for rank in range(10)]
        await create_all(adapter, "thing", rows, force_id=True)
        by_id = sorted(range(10), key=lambda rank: rows[rank]["id"])
        assert await order_of(adapter, ["label"]) == by_id
        assert await order_of(adapter, ["-label"]) == by_id

    async def test_without_sort_records_come_by_id(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        ids = ["b", "B", "a", "é", "Z", "10", "9", "z😀", "z\uffff"]
        await create_all(adapter, "thing", [{"id": one, "rank": 0} for one in ids], force_id=True)
        assert [one["id"] for one in await adapter.find_many("thing")] == sorted(ids)

    async def test_the_id_may_be_sorted_by_descending(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", [{"id": one, "rank": 0} for one in "bca"], force_id=True)
        assert [one["id"] for one in await adapter.find_many("thing", sort=["-id"])] == ["c", "b", "a"]

    @pytest.mark.parametrize("name", ["body", "data", "words", "numbers"])
    async def test_long_text_json_and_lists_are_not_sorted_by(self, connect: Connect, name: str) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidQueryError, match=rf"thing\.{name}"):
            await adapter.find_many("thing", sort=[name])

    async def test_a_field_that_is_not_sortable_is_not_sorted_by(self, connect: Connect) -> None:
        fields = {"name": Field("string", sortable=False), "rank": Field("integer")}
        adapter = await connect(schema=Schema({"note": Model(fields=fields)}))
        for sort in (["name"], ["-name"], ["rank", "name"]):
            with pytest.raises(InvalidQueryError, match=r"note\.name"):
                await adapter.find_many("note", sort=sort)

    async def test_a_field_is_sorted_by_once(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidQueryError, match="label"):
            await adapter.find_many("thing", sort=["label", "-label"])

    async def test_an_unknown_field_is_not_sorted_by(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        for sort in (["nothing"], ["-nothing"], ["--label"], [""], ["label asc"], ["label desc"]):
            with pytest.raises(UnknownFieldError):
                await adapter.find_many("thing", sort=sort)
            with pytest.raises(UnknownFieldError):
                await adapter.find_one("thing", {"rank": 0}, sort=sort)

    async def test_sort_takes_a_list_of_names(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        wrong: Any
        for wrong in ("label", [("label", "desc")], [1], [None]):
            with pytest.raises(InvalidQueryError):
                await adapter.find_many("thing", sort=wrong)


LONG = Schema(
    {
        "note": Model(
            fields={
                "rank": Field("integer"),
                "short": Field("string", required=False),
                "medium": Field("string", length=400, required=False),
                "long": Field("string", length=2_000, required=False),
                "blob": Field("bytes", required=False),
            }
        )
    }
)


@pytest.mark.asyncio
class TestLongSorting(Topic):
    """Long values that differ late."""

    async def notes(self, connect: Connect, name: str, values: Sequence[Any]) -> Adapter:
        """An adapter over notes with these values, ranked in the right order, stored in another."""
        adapter = await connect(schema=LONG)
        rows = [{"rank": rank, name: value} for rank, value in enumerate(values)]
        await create_all(adapter, "note", [*rows[1::2], *rows[::2]])
        return adapter

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("short", ["😀" * 254 + letter for letter in ("a", "b", "c", "d", "é", "日", "😀", "😁")]),
            ("medium", ["p" * 345 + letter for letter in "abcdefgh"]),
            ("medium", ["😀" * 399 + letter for letter in ("a", "b", "c", "d", "é", "日", "😀", "😁")]),
            ("long", ["p" * 1_500 + letter for letter in "abcdefgh"]),
            (
                "long",
                [*("é" * 1_990 + letter for letter in "abcd"), *("é" * 1_990 + "d" + letter for letter in " abc")],
            ),
            ("blob", [b"\xff" * 2_000 + bytes([last]) for last in range(8)]),
            ("blob", [b"\x00" * length for length in (10, 1_023, 1_024, 1_025, 2_048, 4_000, 4_001, 5_000)]),
        ],
        ids=[
            "255 wide characters",
            "345 characters",
            "400 wide characters",
            "1,500 characters",
            "1,990 characters",
            "bytes",
            "zeros",
        ],
    )
    async def test_they_sort_and_page_by_the_whole_value(
        self, connect: Connect, name: str, values: Sequence[Any]
    ) -> None:
        adapter = await self.notes(connect, name, values)
        for sort, expected in ((name, list(range(8))), (f"-{name}", list(range(8))[::-1])):
            found = await adapter.find_many("note", sort=[sort], select=["rank"])
            assert [one["rank"] for one in found] == expected
            paged = [one["rank"] async for one in adapter.iterate("note", sort=[sort], batch=3)]
            assert paged == expected

    async def test_the_last_long_key_of_several_counts(self, connect: Connect) -> None:
        adapter = await connect(schema=LONG)
        rows = [
            {"rank": rank, "medium": "m" * 400, "long": "l" * 1_999 + letter, "blob": b"b" * 3_000}
            for rank, letter in enumerate("badc")
        ]
        await create_all(adapter, "note", rows)
        found = await adapter.find_many("note", sort=["blob", "medium", "-long"], select=["rank"])
        assert [one["rank"] for one in found] == [2, 3, 0, 1]

    async def test_large_binary_values_are_sorted_by(self, connect: Connect) -> None:
        adapter = await connect(schema=LONG)
        for rank in (*range(1, 20, 2), *range(0, 20, 2)):
            await adapter.create("note", {"rank": rank, "blob": b"\x80" * 99_999 + bytes([rank])})
        found = await adapter.find_many("note", sort=["-blob"], select=["rank"])
        assert [one["rank"] for one in found] == list(range(20))[::-1]
        assert [one["rank"] async for one in adapter.iterate("note", sort=["blob"], batch=7)] == list(range(20))

    async def test_they_are_sorted_by_in_joins(self, connect: Connect) -> None:
        texts = Model(
            fields={
                "owner_id": Field("id", references=Reference(model="owner")),
                "body": Field("string", length=1_500),
            }
        )
        adapter = await connect(schema=Schema({"owner": Model(fields={"name": Field("string")}), "text": texts}))
        owner = await adapter.create("owner", {"name": "ada"})
        for letter in "dbeac":
            await adapter.create("text", {"owner_id": owner["id"], "body": "t" * 1_499 + letter})
        for limit, expected in ((None, "abcde"), (2, "ab")):
            join = {"texts": Join(model="text", on="owner_id", sort=["body"], limit=limit)}
            (found,) = await adapter.find_many("owner", join=join)
            assert "".join(one["body"][-1] for one in found["texts"]) == expected


@pytest.mark.asyncio
class TestPaging(Topic):
    """limit and offset."""

    async def test_limit_cuts_the_list(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(5))
        for limit, expected in ((1, [0]), (3, [0, 1, 2]), (5, [0, 1, 2, 3, 4]), (100, [0, 1, 2, 3, 4])):
            assert await order_of(adapter, ["number"], limit=limit) == expected

    async def test_limit_none_is_no_limit_and_limit_0_gives_none(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(5))
        assert await order_of(adapter, ["number"], limit=None) == [0, 1, 2, 3, 4]
        assert await order_of(adapter, ["number"], limit=0) == []

    async def test_a_limit_may_be_as_large_as_a_number_gets(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(2))
        assert await order_of(adapter, ["number"], limit=2**63 - 1, offset=1) == [1]

    async def test_offset_leaves_out_the_first(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(5))
        for limit, offset, expected in (
            (None, 2, [2, 3, 4]),
            (2, 1, [1, 2]),
            (2, 4, [4]),
            (2, 5, []),
            (None, 99, []),
            (0, 1, []),
        ):
            assert await order_of(adapter, ["number"], limit=limit, offset=offset) == expected, (limit, offset)

    @pytest.mark.parametrize("wrong", [-1, 1.0, "1", True, 2**63])
    async def test_a_wrong_limit_or_offset_is_refused(self, connect: Connect, wrong: Any) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidQueryError, match="limit"):
            await adapter.find_many("thing", limit=wrong)
        with pytest.raises(InvalidQueryError, match="offset"):
            await adapter.find_many("thing", offset=wrong)

    @pytest.mark.parametrize("wrong", [-1, 1.0, "1", True, 2**63])
    async def test_a_wrong_limit_is_refused_for_a_question_that_was_asked_before(
        self, connect: Connect, wrong: Any
    ) -> None:
        adapter = await connect(schema=THINGS)
        for limit in (1, 2):
            assert await adapter.find_many("thing", {"number": 1}, limit=limit) == []
        with pytest.raises(InvalidQueryError, match="limit"):
            await adapter.find_many("thing", {"number": 1}, limit=wrong)

    @pytest.mark.parametrize("wrong", [-1, 1.0, "1", True, 2**63, False, 0.0, "", None, [], ()])
    async def test_a_wrong_offset_is_refused_for_a_question_that_was_asked_before(
        self, connect: Connect, wrong: Any
    ) -> None:
        adapter = await connect(schema=THINGS)
        for _ in range(2):
            assert await adapter.find_many("thing", {"number": 1}) == []
        with pytest.raises(InvalidQueryError, match="offset"):
            await adapter.find_many("thing", {"number": 1}, offset=wrong)

    async def test_pages_by_offset_add_up_to_the_whole(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [number % 3 for number in range(20)])
        whole = await order_of(adapter, ["-number"])
        pages = [await order_of(adapter, ["-number"], limit=3, offset=offset) for offset in range(0, 21, 3)]
        assert list(itertools.chain(*pages)) == whole

    @pytest.mark.parametrize("wrong", [0, -1, 1.5, "1", True])
    async def test_iterate_refuses_a_wrong_batch(self, connect: Connect, wrong: Any) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidQueryError, match="batch"):
            async for _ in adapter.iterate("thing", batch=wrong):
                pass


@pytest.mark.asyncio
class TestKeyset(Topic):
    """after: paging from a record, or from its sort values."""

    ROWS = tuple(
        {"rank": rank, "label": label, "number": number, "flag": rank % 2 == 0}
        for rank, (label, number) in enumerate(
            [*itertools.product(["b", None, "a", "B", ""], [2, None, 1]), ("a", 1), (None, None), (None, None)]
        )
    )
    SORTS: tuple[list[str], ...] = (
        [],
        ["id"],
        ["-id"],
        ["label"],
        ["-label"],
        ["label", "number"],
        ["label", "-number"],
        ["-label", "number"],
        ["-label", "-number"],
        ["number", "-id"],
        ["-number", "label", "-flag"],
        ["flag", "-number", "-label", "-id"],
    )

    @pytest.mark.parametrize("sort", SORTS, ids=" ".join)
    @pytest.mark.parametrize("size", [1, 4])
    async def test_pages_after_the_last_record_add_up_to_the_whole(
        self, connect: Connect, sort: list[str], size: int
    ) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", self.ROWS)
        whole = await adapter.find_many("thing", sort=sort)
        seen: list[dict[str, Any]] = []
        while page := await adapter.find_many("thing", sort=sort, limit=size, after=seen[-1] if seen else None):
            seen += page
            assert len(seen) <= len(whole)
        assert seen == whole

    @pytest.mark.parametrize("sort", SORTS, ids=" ".join)
    async def test_iterate_is_the_same_order_in_any_batch(self, connect: Connect, sort: list[str]) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", self.ROWS)
        whole = await adapter.find_many("thing", sort=sort)
        for batch in (1, 5, len(whole), 100):
            assert [one async for one in adapter.iterate("thing", sort=sort, batch=batch)] == whole

    async def test_after_takes_the_values_of_the_sort_fields_and_the_id(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(adapter, "thing", self.ROWS)
        whole = await adapter.find_many("thing", sort=["-number", "label"])
        for at, one in enumerate(whole):
            values = [one["number"], one["label"], one["id"]]
            assert await adapter.find_many("thing", sort=["-number", "label"], after=values) == whole[at + 1 :]
            assert await adapter.find_many("thing", sort=["-number", "label"], after=tuple(values)) == whole[at + 1 :]

    async def test_after_needs_no_record_that_is_still_there(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(5))
        third = (await adapter.find_many("thing", sort=["number"]))[2]
        await adapter.delete("thing", {"id": third["id"]})
        assert await order_of(adapter, ["number"], after=third) == [3, 4]
        assert await order_of(adapter, ["-number"], after=[2, "an id that never was"]) == [1, 0]

    async def test_after_narrows_with_where_limit_and_offset(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", range(10))
        after = (await adapter.find_many("thing", sort=["number"]))[3]
        found = await adapter.find_many(
            "thing", field("number").ne(6), sort=["number"], after=after, limit=2, offset=1, select=["number"]
        )
        assert found == [{"number": 5}, {"number": 7}]

    async def test_after_may_be_a_record_of_the_selected_fields(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "number", [3, 1, 2])
        first = await adapter.find_many("thing", sort=["number"], select=["id", "number"], limit=1)
        assert await order_of(adapter, ["number"], after=first[0]) == [2, 0]

    async def test_after_with_a_time_goes_by_what_is_stored(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "moment", [NOW, LATER])
        late_in_the_millisecond = NOW.replace(microsecond=NOW.microsecond + 999)
        assert await order_of(adapter, ["moment"], after=[late_in_the_millisecond, "~" * 32]) == [1]

    async def test_after_without_a_sort_value_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        for after in ({"id": "1"}, {"number": 1}, {}, [1], [1, "1", "1"], []):
            with pytest.raises(InvalidQueryError, match="after"):
                await adapter.find_many("thing", sort=["number"], after=after)

    async def test_after_takes_a_record_or_a_list(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        wrong: Any
        for wrong in ("abc", 5, {1, 2}, b"ab"):
            with pytest.raises(InvalidQueryError, match="after"):
                await adapter.find_many("thing", after=wrong)

    async def test_after_with_a_value_of_another_type_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidValueError, match=r"thing\.number"):
            await adapter.find_many("thing", sort=["number"], after=["1", "id"])

    async def test_records_added_meanwhile_do_not_make_any_come_twice(self, adapter: Adapter) -> None:
        for number in range(6):
            await make_user(adapter, f"{number}@example.com", name=f"{number}")
        seen = []
        async for user in adapter.iterate("user", sort=["name"], batch=2):
            seen.append(user["name"])
            await make_user(adapter, f"new{user['name']}@example.com", name="!")
        assert seen == [str(number) for number in range(6)]


def expected_order(rows: Sequence[dict[str, Any]], sort: Sequence[str]) -> list[dict[str, Any]]:
    """The rows as they must be sorted: None first ascending, last descending."""

    def compare(left: dict[str, Any], right: dict[str, Any]) -> int:
        for entry in sort:
            name = entry.removeprefix("-")
            one, other = left[name], right[name]
            if one == other:
                continue
            smaller = one is None or (other is not None and one < other)
            return -1 if smaller != entry.startswith("-") else 1
        return 0

    return sorted(rows, key=functools.cmp_to_key(compare))
