"""purge_expired: what has expired goes, and nothing else."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from auth_adapters.conformance.topic import EARLIER, LATER, NOW, Connect, Topic, make_session, make_user
from auth_adapters.errors import InvalidQueryError, InvalidValueError
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field, Reference, utc_now
from auth_adapters.schema.models import Extension, Model

__all__ = ["TestPurge"]

LEASES = Schema(
    {
        "lease": Model(fields={"name": Field("string"), "until": Field("datetime", required=False)}, expires="until"),
        "link": Model(
            fields={
                "name": Field("string"),
                "parent_id": Field("id", required=False, references=Reference(model="link")),
                "until": Field("datetime"),
            },
            expires="until",
        ),
        "receipt": Model(fields={"expires_at": Field("datetime")}),
        "seal": Model(
            fields={
                "lease_id": Field("id", references=Reference(model="lease")),
                "expires_at": Field("datetime"),
            }
        ),
    }
)


async def leases(adapter: Adapter, *until: datetime | None) -> None:
    """Leases that end then, named by their position."""
    for number, moment in enumerate(until):
        await adapter.create("lease", {"name": f"{number}", "until": moment})


async def left(adapter: Adapter) -> list[str]:
    """The names of the leases that are left."""
    return [lease["name"] for lease in await adapter.find_many("lease", sort=["name"])]


@pytest.mark.asyncio
class TestPurge(Topic):
    """purge_expired."""

    async def test_each_record_of_a_model_that_refers_to_itself_is_counted_once(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        for number in range(40):
            await adapter.create("link", {"name": f"{number}", "until": EARLIER})
        assert await adapter.purge_expired(now=NOW) == {"lease": 0, "link": 40}

    async def test_it_removes_what_has_expired_and_keeps_the_rest(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        await make_session(adapter, user, "old", expires_at=utc_now() - timedelta(minutes=1))
        await make_session(adapter, user, "new", expires_at=utc_now() + timedelta(minutes=1))
        await adapter.create("verification", {"identifier": "a", "value": "b", "expires_at": EARLIER})
        assert await adapter.purge_expired() == {"session": 1, "verification": 1}
        assert [session["token"] for session in await adapter.find_many("session")] == ["new"]

    async def test_the_moment_itself_has_expired(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        tick = timedelta(milliseconds=1)
        await leases(adapter, NOW - tick, NOW, NOW + tick)
        assert await adapter.purge_expired(now=NOW) == {"lease": 2, "link": 0}
        assert await left(adapter) == ["2"]

    async def test_now_is_taken_to_the_millisecond(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, NOW, NOW + timedelta(milliseconds=1))
        assert await adapter.purge_expired(now=NOW + timedelta(microseconds=999)) == {"lease": 1, "link": 0}

    async def test_now_may_be_in_any_time_zone(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, NOW, LATER)
        moment = NOW.astimezone(timezone(timedelta(hours=-11)))
        assert await adapter.purge_expired(now=moment) == {"lease": 1, "link": 0}

    async def test_only_models_that_declare_an_expiry_are_reached(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        await adapter.create("receipt", {"expires_at": EARLIER})
        await leases(adapter, EARLIER)
        assert await adapter.purge_expired(now=NOW) == {"lease": 1, "link": 0}
        assert await adapter.count("receipt") == 1

    async def test_every_declared_model_is_counted_even_if_nothing_went(self, adapter: Adapter) -> None:
        assert await adapter.purge_expired() == {"session": 0, "verification": 0}

    async def test_a_schema_without_expiry_has_nothing_to_purge(self, connect: Connect) -> None:
        adapter = await connect(Schema({"note": Model(fields={"expires_at": Field("datetime")})}))
        await adapter.create("note", {"expires_at": EARLIER})
        assert await adapter.purge_expired() == {}
        assert await adapter.count("note") == 1

    async def test_models_of_an_application_are_reached(self, connect: Connect) -> None:
        ticket = Model(fields={"ends": Field("datetime", index=True)}, expires="ends")
        adapter = await connect(auth_schema(Extension(models={"ticket": ticket})))
        await adapter.create("ticket", {"ends": EARLIER})
        assert await adapter.purge_expired(now=NOW) == {"session": 0, "verification": 0, "ticket": 1}

    async def test_what_never_expires_stays(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, None, EARLIER)
        assert await adapter.purge_expired(now=NOW) == {"lease": 1, "link": 0}
        assert await left(adapter) == ["0"]

    @pytest.mark.parametrize("batch", [1, 2, 3, 7, 8, 1000])
    async def test_it_goes_on_until_nothing_is_left_whatever_the_batch(self, connect: Connect, batch: int) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, *[EARLIER] * 7, LATER)
        assert await adapter.purge_expired(now=NOW, batch=batch) == {"lease": 7, "link": 0}
        assert await left(adapter) == ["7"]

    async def test_what_refers_to_it_goes_too_and_is_not_counted(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        lease = await adapter.create("lease", {"name": "old", "until": EARLIER})
        await adapter.create("seal", {"lease_id": lease["id"], "expires_at": LATER})
        assert await adapter.purge_expired(now=NOW) == {"lease": 1, "link": 0}
        assert await adapter.count("seal") == 0

    @pytest.mark.parametrize("batch", [1, 2, 3, 100])
    async def test_it_goes_on_where_what_has_expired_refers_to_its_like(self, connect: Connect, batch: int) -> None:
        adapter = await connect(LEASES)
        parent = None
        for number in range(9):
            data = {"name": f"{number}", "until": EARLIER, "parent_id": parent}
            link = await adapter.create("link", data)
            parent = None if number % 3 == 2 else link["id"]
        await adapter.create("link", {"name": "new", "until": LATER})
        await adapter.purge_expired(now=NOW, batch=batch)
        assert [link["name"] for link in await adapter.find_many("link")] == ["new"]

    async def test_it_can_be_repeated(self, connect: Connect) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, EARLIER)
        got = [await adapter.purge_expired(now=NOW) for _ in range(2)]
        assert got == [{"lease": 1, "link": 0}, {"lease": 0, "link": 0}]

    @pytest.mark.parametrize("batch", [0, -1, 1.5, "1", None, True, 2**63])
    async def test_a_batch_that_is_no_positive_whole_number_is_refused(self, connect: Connect, batch: Any) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, EARLIER)
        with pytest.raises(InvalidQueryError, match="batch"):
            await adapter.purge_expired(now=NOW, batch=batch)
        assert await left(adapter) == ["0"]

    @pytest.mark.parametrize("now", [NOW.replace(tzinfo=None), NOW.date(), 0, "2026-01-01"])
    async def test_a_now_that_is_no_aware_datetime_is_refused(self, connect: Connect, now: Any) -> None:
        adapter = await connect(LEASES)
        await leases(adapter, EARLIER)
        with pytest.raises(InvalidValueError, match="now"):
            await adapter.purge_expired(now=now)
        assert await left(adapter) == ["0"]
