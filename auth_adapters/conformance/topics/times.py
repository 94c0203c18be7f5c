"""Times: aware ones in, UTC out, to the millisecond, whatever zone anything is in."""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from auth_adapters.conformance.samples import THINGS, make_things, ranks
from auth_adapters.conformance.topic import NOW, Connect, Topic
from auth_adapters.errors import InvalidValueError
from auth_adapters.query import field

__all__ = ["TestTimes"]

CHANGE = datetime(2026, 10, 25, 3, tzinfo=UTC).replace(tzinfo=None)


class Autumn(tzinfo):
    """Two hours ahead of UTC; one hour from 2026-10-25, when the clock went from 3:00 back to 2:00."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        if when is None:
            return timedelta(hours=1)
        naive = when.replace(tzinfo=None)
        repeated = CHANGE - timedelta(hours=1) <= naive < CHANGE
        return timedelta(hours=1 if naive >= CHANGE or (repeated and when.fold) else 2)

    def dst(self, when: datetime | None) -> timedelta:
        return self.utcoffset(when) - timedelta(hours=1)

    def tzname(self, when: datetime | None) -> str:
        return "summer" if self.dst(when) else "winter"

    def fromutc(self, when: datetime) -> datetime:
        changed = when.replace(tzinfo=None) >= CHANGE - timedelta(hours=2)
        local = when + timedelta(hours=1 if changed else 2)
        return local.replace(fold=int(changed and local.replace(tzinfo=None) < CHANGE))


class Nowhere(tzinfo):
    """A zone that does not say where it is: a time in it is naive."""

    def utcoffset(self, when: datetime | None) -> None:
        return None

    def dst(self, when: datetime | None) -> None:
        return None

    def tzname(self, when: datetime | None) -> None:
        return None


class Stamp(datetime):
    """A datetime that is more than a datetime."""


INSTANTS = [
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(1, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC),
    datetime(1582, 10, 10, 12, tzinfo=UTC),
    datetime(1900, 2, 28, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2000, 2, 29, 12, 30, 15, 500_000, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
    datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
    datetime(2100, 1, 1, 0, 0, 0, 10_000, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC),
]
ZONES = [
    UTC,
    timezone(timedelta(0)),
    timezone(timedelta(hours=14)),
    timezone(timedelta(hours=-12)),
    timezone(timedelta(hours=5, minutes=45)),
    timezone(timedelta(hours=-3, minutes=-30, seconds=-17)),
    Autumn(),
]
PROCESS_ZONES = ["UTC0", "EST5EDT,M3.2.0,M11.1.0", "CET-1CEST,M3.5.0,M10.5.0/3", "XXX-14", "YYY12"]


@contextlib.contextmanager
def process_zone(name: str) -> Iterator[None]:
    """The process as if it ran in another time zone, where the platform can do that."""
    before = os.environ.get("TZ")
    try:
        _set_zone(name)
        yield
    finally:
        _set_zone(before)


def _set_zone(name: str | None) -> None:
    if name is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = name
    if hasattr(time, "tzset"):
        time.tzset()


def in_every_zone(instant: datetime) -> Iterator[datetime]:
    """Show the same instant on different clocks, as far as a datetime can say it."""
    for zone in ZONES:
        with contextlib.suppress(OverflowError):
            yield instant.astimezone(zone)


@pytest.mark.asyncio
class TestTimes(Topic):
    """datetime fields."""

    async def test_every_instant_comes_back_the_same_in_utc(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "moment", INSTANTS)
        found = await adapter.find_many("thing", sort=["rank"])
        for one, instant in zip(found, INSTANTS, strict=True):
            assert one["moment"] == instant
            assert one["moment"].utcoffset() == timedelta(0)
            assert one["moment"].replace(tzinfo=None) == instant.replace(tzinfo=None)

    async def test_an_instant_is_the_same_in_every_zone(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "moment", INSTANTS)
        for rank, instant in enumerate(INSTANTS):
            for local in in_every_zone(instant):
                assert await ranks(adapter, {"moment": local}) == [rank], local
                updated = await adapter.update("thing", {"rank": rank}, {"moment": local})
                assert updated is not None
                assert updated["moment"] == instant

    async def test_the_repeated_hour_of_autumn_is_two_hours(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        half_past_two = datetime(2026, 10, 25, 2, 30, tzinfo=Autumn())
        await make_things(adapter, "moment", [half_past_two, half_past_two.replace(fold=1)])
        first, second = await adapter.find_many("thing", sort=["rank"])
        assert first["moment"] == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        assert second["moment"] == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
        assert second["moment"].fold == 0
        assert await ranks(adapter, field("moment").gt(half_past_two)) == [1]
        assert await ranks(adapter, {"moment": half_past_two.replace(fold=1)}) == [1]

    async def test_times_compare_as_instants_not_as_clocks_show_them(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
        await make_things(
            adapter, "moment", [datetime(2026, 1, 2, 9, tzinfo=east), datetime(2026, 1, 1, 12, tzinfo=west)]
        )
        noon = datetime(2026, 1, 1, 22, tzinfo=UTC)
        assert await ranks(adapter, field("moment").lt(noon)) == [0]
        assert await ranks(adapter, field("moment").gte(noon)) == [1]
        assert [one["rank"] for one in await adapter.find_many("thing", sort=["-moment"])] == [1, 0]

    @pytest.mark.parametrize("microsecond", [0, 1, 499, 500, 501, 999])
    async def test_microseconds_are_dropped_never_rounded(self, connect: Connect, microsecond: int) -> None:
        adapter = await connect(schema=THINGS)
        for base in (NOW, datetime(2026, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC), *INSTANTS[:5], INSTANTS[-1]):
            thing = await adapter.create("thing", {"rank": 0, "moment": base + timedelta(microseconds=microsecond)})
            assert thing["moment"] == base
            found = await adapter.find_one("thing", {"id": thing["id"]})
            assert found == thing

    async def test_microseconds_are_dropped_in_where_too(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "moment", [NOW, NOW + timedelta(milliseconds=1)])
        late = NOW + timedelta(microseconds=999)
        assert await ranks(adapter, {"moment": late}) == [0]
        assert await ranks(adapter, field("moment").in_([late])) == [0]
        assert await ranks(adapter, field("moment").gte(late)) == [0, 1]
        assert await ranks(adapter, field("moment").gt(late)) == [1]
        assert await ranks(adapter, field("moment").lte(late)) == [0]
        assert await ranks(adapter, field("moment").lt(late)) == []
        assert await ranks(adapter, field("moment").ne(late)) == [1]

    async def test_a_naive_time_is_refused_everywhere(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await make_things(adapter, "moment", [NOW])
        for naive in (NOW.replace(tzinfo=None), NOW.replace(tzinfo=Nowhere())):
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.create("thing", {"rank": 1, "moment": naive})
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.update("thing", {"rank": 0}, {"moment": naive})
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.find_many("thing", {"moment": naive})
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.count("thing", field("moment").in_([NOW, naive]))
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.find_many("thing", sort=["moment"], after=[naive, "id"])
        (left,) = await adapter.find_many("thing")
        assert left["moment"] == NOW

    @pytest.mark.parametrize("wrong", [NOW.date(), NOW.timetz(), 0, 1e9, "2026-01-31T12:00:00Z"], ids=repr)
    async def test_only_a_datetime_is_a_time(self, connect: Connect, wrong: object) -> None:
        adapter = await connect(schema=THINGS)
        with pytest.raises(InvalidValueError, match=r"thing\.moment"):
            await adapter.create("thing", {"rank": 0, "moment": wrong})
        with pytest.raises(InvalidValueError, match=r"thing\.moment"):
            await adapter.find_many("thing", field("moment").gt(wrong))

    async def test_a_time_outside_year_1_to_9999_in_utc_is_refused(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        east, west = timezone(timedelta(hours=1)), timezone(timedelta(hours=-1))
        for wrong in (datetime(1, 1, 1, tzinfo=east), datetime(9999, 12, 31, 23, 30, tzinfo=west)):
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.create("thing", {"rank": 0, "moment": wrong})
            with pytest.raises(InvalidValueError, match=r"thing\.moment"):
                await adapter.find_many("thing", {"moment": wrong})
        assert await adapter.count("thing") == 0

    async def test_a_subclass_comes_back_as_a_plain_datetime(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await adapter.create("thing", {"rank": 0, "moment": Stamp(2026, 1, 2, tzinfo=UTC)})
        found = await adapter.find_one("thing", {"moment": Stamp(2026, 1, 2, tzinfo=UTC)})
        assert found is not None
        assert found["moment"] == datetime(2026, 1, 2, tzinfo=UTC)
        assert type(found["moment"]) is datetime

    @pytest.mark.parametrize("zone", PROCESS_ZONES)
    async def test_the_zone_of_the_process_does_not_matter(self, connect: Connect, zone: str) -> None:
        with process_zone(zone):
            adapter = await connect(schema=THINGS)
            await make_things(adapter, "moment", INSTANTS)
            found = await adapter.find_many("thing", sort=["moment"])
            assert [one["moment"] for one in found] == INSTANTS
        with process_zone("UTC0"):
            found = await adapter.find_many("thing", sort=["moment"])
            assert [one["moment"] for one in found] == INSTANTS
            for rank, instant in enumerate(INSTANTS):
                assert await ranks(adapter, {"moment": instant}) == [rank]
