"""consume_one and increment_one, one caller at a time. (`atomicity` races them.)"""

import sys
from typing import Any

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import LATER, NOW, Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import InvalidQueryError, InvalidValueError, UnknownFieldError, UnknownModelError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field, Transforms
from auth_adapters.schema.models import Model

__all__ = ["COUNTERS", "TestConsume", "TestIncrement", "TestIncrementRefusals"]

LARGEST = 2**63 - 1
SMALLEST = -(2**63)

COUNTERS = Schema(
    {
        "counter": Model(
            fields={
                "name": Field("string", unique=True),
                "value": Field("integer", default=0),
                "spare": Field("integer", required=False),
                "ratio": Field("float", required=False),
                "note": Field("string", required=False),
                "hidden": Field("integer", required=False, transforms=Transforms(input=lambda value: value + 1)),
                "touched": Field("string", default="no", on_update="yes"),
            }
        ),
        "rung": Model(fields={"height": Field("integer"), "owner": Field("string")}, primary_key=("owner", "height")),
    }
)


@pytest.mark.asyncio
class TestConsume(Topic):
    """consume_one."""

    async def make_code(self, adapter: Adapter, identifier: str = "ada", value: str = "1234") -> dict[str, Any]:
        """A stored verification."""
        data = {"identifier": identifier, "value": value, "expires_at": LATER}
        return await adapter.create("verification", data)

    async def test_it_removes_the_record_and_returns_it(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        code = await self.make_code(adapter)
        assert await adapter.consume_one("verification", {"identifier": "ada", "value": "1234"}) == code
        assert await harness.stored(database, "verification") == []

    async def test_a_record_is_consumed_once(self, adapter: Adapter) -> None:
        code = await self.make_code(adapter)
        got = [await adapter.consume_one("verification", {"id": code["id"]}) for _ in range(3)]
        assert got == [code, None, None]

    async def test_a_miss_is_none_and_removes_nothing(self, adapter: Adapter) -> None:
        code = await self.make_code(adapter)
        assert await adapter.consume_one("verification", {"identifier": "ada", "value": "9999"}) is None
        assert await adapter.find_many("verification") == [code]

    async def test_it_removes_one_record_even_when_several_match(self, adapter: Adapter) -> None:
        codes = [await self.make_code(adapter, value=f"{number}") for number in range(4)]
        got = await adapter.consume_one("verification", {"identifier": "ada"})
        assert got in codes
        left = await adapter.find_many("verification")
        assert {one["value"] for one in left} == {"0", "1", "2", "3"} - {got["value"]}

    async def test_it_empties_a_table_one_by_one(self, adapter: Adapter) -> None:
        for number in range(4):
            await self.make_code(adapter, value=f"{number}")
        got = [await adapter.consume_one("verification", {"identifier": "ada"}) for _ in range(5)]
        assert sorted(one["value"] for one in got if one) == ["0", "1", "2", "3"]
        assert got[4] is None

    async def test_a_predicate_guards_it(self, adapter: Adapter) -> None:
        code = await self.make_code(adapter)
        fresh = field("identifier").eq("ada") & field("expires_at").gt(LATER)
        assert await adapter.consume_one("verification", fresh) is None
        fresh = field("identifier").eq("ada") & field("expires_at").gt(NOW)
        assert await adapter.consume_one("verification", fresh) == code

    async def test_what_refers_to_it_goes_too(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        await make_session(adapter, user)
        assert await adapter.consume_one("user", {"email": user["email"]}) == user
        assert await adapter.count("session") == 0

    async def test_what_is_no_id_is_a_miss(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(ids="uuid4"))
        code = await self.make_code(adapter)
        for wrong in ("", "no uuid", code["id"].upper()):
            assert await adapter.consume_one("verification", {"id": wrong}) is None
        assert await adapter.consume_one("verification", {"id": code["id"]}) == code

    @pytest.mark.parametrize("where", [{}, None, ALL, "id"])
    async def test_it_needs_a_where(self, adapter: Adapter, where: Any) -> None:
        code = await self.make_code(adapter)
        with pytest.raises(InvalidQueryError):
            await adapter.consume_one("verification", where)
        assert await adapter.find_many("verification") == [code]

    async def test_unknown_names_are_refused(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.consume_one("ghost", {"id": "1"})
        with pytest.raises(UnknownFieldError, match="nickname"):
            await adapter.consume_one("verification", {"nickname": "1"})


class CounterTopic(Topic):
    """Topics about counters."""

    async def counter(self, connect: Connect, **data: Any) -> tuple[Adapter, dict[str, Any]]:
        """An adapter over counters, and one of them."""
        adapter = await connect(COUNTERS)
        return adapter, await adapter.create("counter", {"name": "a", **data})


@pytest.mark.asyncio
class TestIncrement(CounterTopic):
    """increment_one: what it adds."""

    async def test_it_adds_and_returns_the_record_as_it_is_now(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect, value=5)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": 3})
        assert got == {**counter, "value": 8, "touched": "yes"}
        assert await adapter.find_many("counter") == [got]

    async def test_a_negative_delta_subtracts(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect, value=1)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": -3})
        assert got is not None
        assert got["value"] == -2

    async def test_a_delta_of_zero_returns_the_record(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect, value=1, touched="yes")
        assert await adapter.increment_one("counter", {"name": "a"}, {"value": 0}) == counter

    async def test_none_counts_as_zero(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect)
        got = await adapter.increment_one("counter", {"name": "a"}, {"spare": 2, "ratio": 0.5})
        assert got is not None
        assert (got["spare"], got["ratio"]) == (2, 0.5)

    async def test_none_and_a_delta_of_zero_make_zero(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect)
        got = await adapter.increment_one("counter", {"name": "a"}, {"spare": 0, "ratio": 0})
        assert got is not None
        assert (got["spare"], got["ratio"]) == (0, 0.0)
        assert isinstance(got["ratio"], float)

    async def test_several_fields_at_once(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect, value=1, spare=10, ratio=1.5)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": 1, "spare": -1, "ratio": 0.25})
        assert got == {**counter, "value": 2, "spare": 9, "ratio": 1.75, "touched": "yes"}

    async def test_a_whole_delta_keeps_a_float_a_float(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect, ratio=1.0)
        got = await adapter.increment_one("counter", {"name": "a"}, {"ratio": 2})
        assert got is not None
        assert got["ratio"] == 3.0
        assert isinstance(got["ratio"], float)

    async def test_changes_are_set_along_with_it(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect, note="old")
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, {"note": "new", "spare": 7})
        assert got == {**counter, "value": 1, "note": "new", "spare": 7, "touched": "yes"}

    async def test_changes_may_be_empty(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, {})
        assert got == {**counter, "value": 1, "touched": "yes"}

    async def test_with_changes_the_increment_may_be_empty(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        where = field("name").eq("a") & field("value").eq(0)
        got = await adapter.increment_one("counter", where, {}, {"value": 7})
        assert got == {**counter, "value": 7, "touched": "yes"}
        assert await adapter.increment_one("counter", where, {}, {"value": 8}) is None
        assert await adapter.find_one("counter", {"name": "a"}) == got

    async def test_on_update_yields_to_a_given_value(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, {"touched": "by hand"})
        assert got == {**counter, "value": 1, "touched": "by hand"}

    async def test_where_is_a_guard(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect, value=2)
        guard = field("name").eq("a") & field("value").gt(0)
        got = [await adapter.increment_one("counter", guard, {"value": -1}) for _ in range(4)]
        assert [one and one["value"] for one in got] == [1, 0, None, None]

    async def test_a_guard_about_an_empty_field_holds(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect)
        guard = field("name").eq("a") & (field("spare").eq(None) | field("spare").lt(2))
        got = [await adapter.increment_one("counter", guard, {"spare": 1}) for _ in range(3)]
        assert [one and one["spare"] for one in got] == [1, 2, None]

    async def test_a_miss_is_none_and_changes_nothing(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        assert await adapter.increment_one("counter", {"name": "b"}, {"value": 1}, {"note": "x"}) is None
        assert await adapter.find_many("counter") == [counter]

    async def test_what_is_no_id_is_a_miss(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        assert await adapter.increment_one("counter", {"id": ""}, {"value": 1}) is None
        assert await adapter.find_many("counter") == [counter]

    async def test_it_reaches_one_record_even_when_several_match(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect)
        await adapter.create("counter", {"name": "b"})
        assert await adapter.increment_one("counter", {"value": 0}, {"value": 1}) is not None
        assert await adapter.count("counter", {"value": 1}) == 1

    async def test_the_bounds_of_64_bits_can_be_reached(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect, value=LARGEST - 1, spare=SMALLEST + 1)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": 1, "spare": -1})
        assert got is not None
        assert (got["value"], got["spare"]) == (LARGEST, SMALLEST)

    async def test_a_delta_may_cross_the_whole_range(self, connect: Connect) -> None:
        adapter, _ = await self.counter(connect, value=SMALLEST, spare=-1)
        got = await adapter.increment_one("counter", {"name": "a"}, {"value": LARGEST, "spare": SMALLEST + 1})
        assert got is not None
        assert (got["value"], got["spare"]) == (-1, SMALLEST)


@pytest.mark.asyncio
class TestIncrementRefusals(CounterTopic):
    """What increment_one refuses, with nothing changed."""

    @pytest.mark.parametrize(
        ("field_name", "start", "delta"),
        [
            ("value", LARGEST, 1),
            ("value", SMALLEST, -1),
            ("value", LARGEST, LARGEST),
            ("value", SMALLEST, SMALLEST),
            ("value", 1, LARGEST),
            ("ratio", sys.float_info.max, sys.float_info.max),
            ("ratio", -sys.float_info.max, -sys.float_info.max),
            ("ratio", sys.float_info.max, 1e300),
        ],
    )
    async def test_a_sum_that_does_not_fit_changes_nothing(
        self, connect: Connect, field_name: str, start: float, delta: float
    ) -> None:
        adapter, counter = await self.counter(connect, **{field_name: start})
        with pytest.raises(InvalidValueError) as caught:
            await adapter.increment_one("counter", {"name": "a"}, {field_name: delta}, {"note": "x"})
        assert str(start) not in str(caught.value)
        assert await adapter.find_many("counter") == [counter]

    async def test_one_sum_that_does_not_fit_stops_all(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect, value=LARGEST)
        for increment in ({"spare": 1, "value": 1}, {"value": 1, "spare": 1}):
            with pytest.raises(InvalidValueError):
                await adapter.increment_one("counter", {"name": "a"}, increment)
        assert await adapter.find_many("counter") == [counter]

    async def test_a_sum_that_does_not_fit_is_no_error_where_nothing_matches(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect, value=LARGEST)
        assert await adapter.increment_one("counter", {"name": "b"}, {"value": 1}) is None
        guard = field("name").eq("a") & field("value").lt(LARGEST)
        assert await adapter.increment_one("counter", guard, {"value": 1}) is None
        assert await adapter.find_many("counter") == [counter]

    @pytest.mark.parametrize("delta", [2**63, -(2**63) - 1, 1.5, "1", True, None, float("nan"), float("inf")])
    async def test_a_delta_that_is_no_64_bit_integer_is_refused(self, connect: Connect, delta: Any) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises((InvalidValueError, InvalidQueryError), match=r"counter\.value"):
            await adapter.increment_one("counter", {"name": "a"}, {"value": delta})
        assert await adapter.find_many("counter") == [counter]

    @pytest.mark.parametrize("delta", [float("nan"), float("inf"), -float("inf"), "1", True])
    async def test_a_delta_that_is_no_finite_number_is_refused(self, connect: Connect, delta: Any) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(InvalidValueError, match=r"counter\.ratio"):
            await adapter.increment_one("counter", {"name": "a"}, {"ratio": delta})
        assert await adapter.find_many("counter") == [counter]

    @pytest.mark.parametrize("name", ["name", "note", "touched", "id", "hidden"])
    async def test_only_plain_numbers_can_be_incremented(self, connect: Connect, name: str) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(InvalidQueryError, match=rf"counter\.{name}"):
            await adapter.increment_one("counter", {"name": "a"}, {name: 1})
        assert await adapter.find_many("counter") == [counter]

    async def test_the_primary_key_cannot_be_incremented(self, connect: Connect) -> None:
        adapter = await connect(COUNTERS)
        rung = await adapter.create("rung", {"owner": "ada", "height": 1})
        with pytest.raises(InvalidQueryError, match=r"rung\.height"):
            await adapter.increment_one("rung", {"owner": "ada"}, {"height": 1})
        assert await adapter.find_many("rung") == [rung]

    @pytest.mark.parametrize("changes", [None, {}])
    async def test_an_empty_increment_without_changes_is_refused(self, connect: Connect, changes: Any) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(InvalidQueryError):
            await adapter.increment_one("counter", {"name": "a"}, {}, changes)
        assert await adapter.find_many("counter") == [counter]

    async def test_a_field_cannot_be_both_incremented_and_changed(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(InvalidQueryError, match=r"counter\.value"):
            await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, {"value": 5})
        assert await adapter.find_many("counter") == [counter]

    async def test_the_primary_key_cannot_be_among_the_changes(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(InvalidQueryError, match=r"counter\.id"):
            await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, {"id": "x"})
        assert await adapter.find_many("counter") == [counter]

    async def test_changes_that_do_not_fit_are_refused(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        for changes in ({"touched": None}, {"touched": 1}, {"note": "x" * 256}):
            with pytest.raises(InvalidValueError, match=r"counter\."):
                await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, changes)
        assert await adapter.find_many("counter") == [counter]

    @pytest.mark.parametrize("where", [{}, None, ALL, "name"])
    async def test_it_needs_a_where(self, connect: Connect, where: Any) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(InvalidQueryError):
            await adapter.increment_one("counter", where, {"value": 1})
        assert await adapter.find_many("counter") == [counter]

    async def test_unknown_names_are_refused(self, connect: Connect) -> None:
        adapter, counter = await self.counter(connect)
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.increment_one("ghost", {"name": "a"}, {"value": 1})
        for arguments in (({"ghost": 1}, {"value": 1}), ({"name": "a"}, {"ghost": 1})):
            with pytest.raises(UnknownFieldError, match="ghost"):
                await adapter.increment_one("counter", *arguments)
        with pytest.raises(UnknownFieldError, match="ghost"):
            await adapter.increment_one("counter", {"name": "a"}, {"value": 1}, {"ghost": 1})
        assert await adapter.find_many("counter") == [counter]
