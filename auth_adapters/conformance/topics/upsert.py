"""upsert, one caller at a time. (`atomicity` races it.)"""

from typing import Any

import pytest

from auth_adapters.conformance.expect import needs, refused
from auth_adapters.conformance.topic import Connect, Topic, make_user
from auth_adapters.errors import (
    ForeignKeyViolationError,
    InvalidQueryError,
    InvalidValueError,
    UniqueViolationError,
    UnknownFieldError,
    UnknownModelError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Index, Model

__all__ = ["TestUpsert", "TestUpsertRefusals"]

DEVICES = Schema(
    {
        "owner": Model(fields={"email": Field("string", unique=True, case_insensitive=True)}),
        "device": Model(
            fields={
                "serial": Field("string", unique=True),
                "label": Field("string", required=False, unique=True),
                "maker": Field("string", required=False),
                "number": Field("integer", required=False),
                "state": Field("string", default="new"),
                "owner_id": Field("id", required=False, references=Reference(model="owner")),
                "touched": Field("string", default="no", on_update="yes"),
            },
            indexes=[Index("maker", "number", unique=True)],
        ),
        "grant": Model(
            fields={"subject": Field("string"), "scope": Field("string"), "level": Field("integer", default=0)},
            primary_key=("subject", "scope"),
        ),
    }
)


class DeviceTopic(Topic):
    """Topics about devices."""

    async def device(self, connect: Connect, **data: Any) -> tuple[Adapter, dict[str, Any]]:
        """An adapter over devices, and one of them."""
        adapter = await connect(DEVICES)
        return adapter, await adapter.create("device", {"serial": "s1", **data})


@pytest.mark.asyncio
class TestUpsert(DeviceTopic):
    """What upsert stores or changes."""

    async def test_it_stores_what_is_absent(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        record, created = await adapter.upsert("device", {"serial": "s1", "label": "x"}, on=["serial"])
        assert created is True
        assert (record["serial"], record["label"], record["state"], record["touched"]) == ("s1", "x", "new", "no")
        assert await adapter.find_many("device") == [record]

    async def test_it_changes_what_is_there(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, label="old")
        record, created = await adapter.upsert("device", {"serial": "s1", "label": "new"}, on=["serial"])
        assert created is False
        assert record == {**device, "label": "new", "touched": "yes"}
        assert await adapter.find_many("device") == [record]

    async def test_without_changes_only_the_fields_of_data_change(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, label="x", state="used", number=4)
        record, _ = await adapter.upsert("device", {"serial": "s1", "number": 5}, on=["serial"])
        assert record == {**device, "number": 5, "touched": "yes"}

    async def test_an_explicit_none_in_data_empties_the_field(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, label="x")
        record, _ = await adapter.upsert("device", {"serial": "s1", "label": None}, on=["serial"])
        assert record == {**device, "label": None, "touched": "yes"}

    async def test_empty_changes_leave_what_is_there_as_it_is(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, label="old")
        data = {"serial": "s1", "label": "new", "state": "used"}
        assert await adapter.upsert("device", data, on=["serial"], changes={}) == (device, False)
        assert await adapter.find_many("device") == [device]

    async def test_empty_changes_store_what_is_absent(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        record, created = await adapter.upsert("device", {"serial": "s1", "label": "x"}, on=["serial"], changes={})
        assert created is True
        assert await adapter.find_many("device") == [record]

    async def test_given_changes_are_for_what_is_there_alone(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, label="old")
        data = {"serial": "s1", "label": "new"}
        record, created = await adapter.upsert("device", data, on=["serial"], changes={"state": "seen"})
        assert created is False
        assert record == {**device, "state": "seen", "touched": "yes"}

    async def test_given_changes_are_not_used_for_what_is_absent(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        record, created = await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"state": "seen"})
        assert created is True
        assert record["state"] == "new"

    async def test_on_update_yields_to_a_given_value(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        record, _ = await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"touched": "by hand"})
        assert record == {**device, "touched": "by hand"}

    async def test_a_repeated_upsert_finds_its_own_record(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        data = {"serial": "s1", "label": "x", "touched": "yes"}
        first, created = await adapter.upsert("device", data, on=["serial"])
        assert created is True
        assert await adapter.upsert("device", data, on=["serial"]) == (first, False)
        assert await adapter.upsert("device", data, on=["serial"], changes={}) == (first, False)
        assert await adapter.count("device") == 1

    @pytest.mark.parametrize("on", [["serial"], ["label"], ["maker", "number"]], ids="-".join)
    @pytest.mark.parametrize("changes", [None, {}, {"state": "seen"}], ids=["data", "nothing", "changes"])
    async def test_a_repeat_finds_its_own_record_by_whichever_key(
        self, connect: Connect, on: list[str], changes: dict[str, Any] | None
    ) -> None:
        adapter = await connect(DEVICES)
        data = {"serial": "s1", "label": "x", "maker": "acme", "number": 1, "touched": "yes"}
        first, created = await adapter.upsert("device", data, on=on, changes=changes)
        assert created is True
        for _ in range(2):
            again = await adapter.upsert("device", data, on=on, changes=changes)
            assert again == ({**first, **(changes or {})}, False)
        assert await adapter.count("device") == 1

    @needs("transactions")
    @pytest.mark.parametrize("on", [["serial"], ["label"], ["maker", "number"]], ids="-".join)
    @pytest.mark.parametrize("changes", [None, {}, {"state": "seen"}], ids=["data", "nothing", "changes"])
    async def test_a_repeat_in_a_transaction_finds_its_own_record_by_whichever_key(
        self, connect: Connect, on: list[str], changes: dict[str, Any] | None
    ) -> None:
        adapter = await connect(DEVICES)
        data = {"serial": "s1", "label": "x", "maker": "acme", "number": 1, "touched": "yes"}
        async with adapter.transaction() as tx:
            first, created = await tx.upsert("device", data, on=on, changes=changes)
            assert created is True
            again = await tx.upsert("device", data, on=on, changes=changes)
            assert again == ({**first, **(changes or {})}, False)
        assert await adapter.find_many("device") == [again[0]]

    @pytest.mark.parametrize("on", [["serial"], ["label"], ["maker", "number"]], ids="-".join)
    @pytest.mark.parametrize("changes", [{}, {"state": "seen", "touched": "yes"}], ids=["nothing", "changes"])
    async def test_a_parent_that_is_not_there_matters_to_a_new_record_alone(
        self, connect: Connect, on: list[str], changes: dict[str, Any]
    ) -> None:
        adapter, device = await self.device(connect, label="x", maker="acme", number=1)
        data = {"serial": "s1", "label": "x", "maker": "acme", "number": 1, "owner_id": "nobody"}
        assert await adapter.upsert("device", data, on=on, changes=changes) == ({**device, **changes}, False)

    async def test_on_may_name_a_compound_key_in_any_order(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, maker="acme", number=1)
        data = {"serial": "s2", "maker": "acme", "number": 1}
        for on in (["maker", "number"], ["number", "maker"]):
            assert await adapter.upsert("device", data, on=on, changes={}) == (device, False)
        other, created = await adapter.upsert("device", {**data, "number": 2}, on=["maker", "number"])
        assert created is True
        assert (other["serial"], other["number"]) == ("s2", 2)

    async def test_on_may_name_the_fields_of_a_composite_primary_key(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        data = {"subject": "ada", "scope": "read", "level": 1}
        on = ["subject", "scope"]
        assert await adapter.upsert("grant", data, on=on) == (data, True)
        assert await adapter.upsert("grant", {**data, "level": 2}, on=on) == ({**data, "level": 2}, False)
        assert await adapter.count("grant") == 1

    async def test_a_case_insensitive_key_is_found_in_any_spelling(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        first, _ = await adapter.upsert("owner", {"email": "Ada@Example.com"}, on=["email"])
        assert await adapter.upsert("owner", {"email": "ADA@example.com"}, on=["email"], changes={}) == (first, False)
        assert await adapter.count("owner") == 1

    async def test_the_key_decides_where_data_conflicts_on_another_key_too(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        await adapter.create("device", {"serial": "s2", "label": "taken"})
        data = {"serial": "s1", "label": "taken"}
        assert await adapter.upsert("device", data, on=["serial"], changes={}) == (device, False)
        record, created = await adapter.upsert("device", data, on=["serial"], changes={"label": "free"})
        assert created is False
        assert record == {**device, "label": "free", "touched": "yes"}

    async def test_the_key_itself_may_be_changed(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        record, created = await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"serial": "s2"})
        assert created is False
        assert record == {**device, "serial": "s2", "touched": "yes"}

    async def test_other_records_stay_as_they_are(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        await adapter.upsert("device", {"serial": "s2", "state": "used"}, on=["serial"])
        await adapter.upsert("device", {"serial": "s2", "state": "lost"}, on=["serial"])
        assert await adapter.find_many("device", {"serial": "s1"}) == [device]

    async def test_a_new_record_refers_to_its_parent(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        owner = await adapter.create("owner", {"email": "ada"})
        record, _ = await adapter.upsert("device", {"serial": "s1", "owner_id": owner["id"]}, on=["serial"])
        assert record["owner_id"] == owner["id"]

    async def test_the_caller_keeps_what_it_passed(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        data: dict[str, Any] = {"serial": "s1"}
        await adapter.upsert("device", data, on=["serial"])
        assert data == {"serial": "s1"}


@pytest.mark.asyncio
class TestUpsertRefusals(DeviceTopic):
    """What upsert refuses, with nothing changed."""

    async def test_a_conflict_on_another_key_stores_nothing(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, label="taken")
        for changes in (None, {}, {"state": "seen"}):
            with refused(UniqueViolationError, "device", "label", hiding=["taken"]):
                await adapter.upsert("device", {"serial": "s2", "label": "taken"}, on=["serial"], changes=changes)
        assert await adapter.find_many("device") == [device]

    async def test_a_change_that_conflicts_on_another_key_changes_nothing(self, connect: Connect) -> None:
        adapter, _ = await self.device(connect, label="taken")
        other = await adapter.create("device", {"serial": "s2", "label": "mine"})
        with refused(UniqueViolationError, "device", "label", hiding=["taken", "mine"]):
            await adapter.upsert("device", {"serial": "s2", "label": "taken", "state": "x"}, on=["serial"])
        with refused(UniqueViolationError, "device", "label", hiding=["taken", "mine"]):
            await adapter.upsert("device", {"serial": "s2"}, on=["serial"], changes={"label": "taken"})
        assert await adapter.find_many("device", {"serial": "s2"}) == [other]

    @pytest.mark.parametrize("on", ["serial", "label"])
    async def test_data_that_equals_one_record_in_the_key_and_another_beside_it_changes_neither(
        self, connect: Connect, on: str
    ) -> None:
        adapter = await connect(DEVICES)
        devices = [
            await adapter.create("device", {"serial": "s1", "label": "l1"}),
            await adapter.create("device", {"serial": "s2", "label": "l2"}),
        ]
        other = "label" if on == "serial" else "serial"
        data = {on: devices[0][on], other: devices[1][other]}
        with refused(UniqueViolationError, "device", other, hiding=["s2", "l2"]):
            await adapter.upsert("device", data, on=[on])
        assert await adapter.find_many("device", sort=["serial"]) == devices
        assert await adapter.upsert("device", data, on=[on], changes={}) == (devices[0], False)
        assert await adapter.find_many("device", sort=["serial"]) == devices

    @pytest.mark.parametrize("on", ["serial", "label"])
    async def test_a_conflict_on_another_key_is_refused_whichever_comes_first(self, connect: Connect, on: str) -> None:
        adapter, device = await self.device(connect, label="l1")
        other = "label" if on == "serial" else "serial"
        for changes in (None, {}, {"state": "seen"}):
            with refused(UniqueViolationError, "device", other, hiding=["s1", "l1"]):
                await adapter.upsert("device", {on: "new", other: device[other]}, on=[on], changes=changes)
        assert await adapter.find_many("device") == [device]

    async def test_a_conflict_on_a_compound_key_names_its_fields(self, connect: Connect) -> None:
        adapter, device = await self.device(connect, maker="acme", number=1)
        with refused(UniqueViolationError, "device", "maker", "number", hiding=["acme"]):
            await adapter.upsert("device", {"serial": "s2", "maker": "acme", "number": 1}, on=["serial"])
        assert await adapter.find_many("device") == [device]

    async def test_a_parent_that_is_not_there_is_refused(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        for serial in ("s1", "s2"):
            with refused(ForeignKeyViolationError, "device", "owner_id", hiding=["nobody"]):
                await adapter.upsert("device", {"serial": serial, "owner_id": "nobody"}, on=["serial"])
        assert await adapter.find_many("device") == [device]

    async def test_a_parent_of_the_changes_that_is_not_there_is_refused(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        with refused(ForeignKeyViolationError, "device", "owner_id", hiding=["nobody"]):
            await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"owner_id": "nobody"})
        assert await adapter.find_many("device") == [device]

    @pytest.mark.parametrize(
        "on",
        [["state"], ["maker"], ["serial", "label"], ["serial", "state"], [], ["id"], ["maker", "number", "serial"]],
    )
    async def test_on_must_name_a_declared_unique_key(self, connect: Connect, on: list[str]) -> None:
        adapter, device = await self.device(connect)
        data = {"serial": "s2", "label": "l", "maker": "m", "number": 1, "state": "x"}
        with pytest.raises(InvalidQueryError, match="unique key"):
            await adapter.upsert("device", data, on=on)
        assert await adapter.find_many("device") == [device]

    async def test_on_is_a_list(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        with pytest.raises(InvalidQueryError, match="list"):
            await adapter.upsert("device", {"serial": "s2"}, on="serial")
        assert await adapter.find_many("device") == [device]

    @pytest.mark.parametrize(
        ("data", "on"),
        [
            ({"serial": "s2", "label": None}, ["label"]),
            ({"serial": "s2"}, ["label"]),
            ({"serial": "s2", "maker": "m", "number": None}, ["maker", "number"]),
            ({"serial": "s2", "maker": "m"}, ["maker", "number"]),
        ],
    )
    async def test_every_field_of_the_key_needs_a_value(
        self, connect: Connect, data: dict[str, Any], on: list[str]
    ) -> None:
        adapter, device = await self.device(connect)
        with pytest.raises(InvalidQueryError, match="key"):
            await adapter.upsert("device", data, on=on)
        assert await adapter.find_many("device") == [device]

    async def test_the_primary_key_does_not_change(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        with pytest.raises(InvalidQueryError, match=r"device\.id"):
            await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"id": "x"})
        assert await adapter.find_many("device") == [device]

    async def test_the_id_is_made_not_given(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        for serial in ("s1", "s2"):
            with pytest.raises(InvalidValueError, match=r"device\.id"):
                await adapter.upsert("device", {"serial": serial, "id": "x"}, on=["serial"])
        assert await adapter.find_many("device") == [device]

    async def test_data_must_be_a_whole_record_even_where_one_is_there(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        data = {"provider_id": "p", "account_id": "1"}
        await adapter.create("account", {**data, "user_id": user["id"]})
        with pytest.raises(InvalidValueError, match=r"account\.user_id"):
            await adapter.upsert("account", data, on=["provider_id", "account_id"])
        assert await adapter.count("account") == 1

    async def test_values_that_do_not_fit_are_refused(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        with pytest.raises(InvalidValueError, match=r"device\.state"):
            await adapter.upsert("device", {"serial": "s1", "state": 1}, on=["serial"], changes={})
        with pytest.raises(InvalidValueError, match=r"device\.state"):
            await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"state": None})
        assert await adapter.find_many("device") == [device]

    async def test_unknown_names_are_refused(self, connect: Connect) -> None:
        adapter, device = await self.device(connect)
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.upsert("ghost", {"serial": "s1"}, on=["serial"])
        with pytest.raises(UnknownFieldError, match="ghost"):
            await adapter.upsert("device", {"serial": "s1", "ghost": 1}, on=["serial"])
        with pytest.raises(UnknownFieldError, match="ghost"):
            await adapter.upsert("device", {"serial": "s1"}, on=["serial"], changes={"ghost": 1})
        assert await adapter.find_many("device") == [device]
