"""The batches of a purge: bounded, larger where they are quick, smaller where they are not."""

from types import SimpleNamespace
from typing import Any

import pytest

from auth_adapters import BackendAdapter, Observation, utc_now, verbs
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.schema import Field, Model, Schema

pytestmark = pytest.mark.asyncio
TICKETS = Schema({"ticket": Model(fields={"ends": Field("datetime")}, expires="ends")})


class Costly(MemoryBackend):
    """Takes its time to delete, by a clock of its own: so many seconds for each statement, and for each record, and
    ten times as many for more than `few` records at once.
    """

    def __init__(self, statement: float, record: float, few: int) -> None:
        super().__init__()
        self.costs = statement, record
        self.few = few
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    async def delete(self, statement: Any, values: Any) -> int:
        removed = await super().delete(statement, values)
        self.now += (self.costs[0] + self.costs[1] * removed) * (10 if removed > self.few else 1)
        return removed


async def purged(
    monkeypatch: pytest.MonkeyPatch,
    expired: int,
    batch: int,
    *,
    statement: float = 0.0,
    record: float = 0.0,
    few: int = 1_000_000,
) -> list[int]:
    """How many each batch removed."""
    backend = Costly(statement, record, few)
    monkeypatch.setattr(verbs, "time", SimpleNamespace(perf_counter=backend.perf_counter))
    seen: list[Observation] = []
    async with BackendAdapter(backend, schema=TICKETS, observe=seen.append) as adapter:
        await adapter.create_tables()
        await adapter.create_many("ticket", [{"ends": utc_now()} for _ in range(expired)])
        assert await adapter.purge_expired(batch=batch) == {"ticket": expired}
    return [one.rows for one in seen if one.verb == "purge_expired"]


async def test_no_batch_is_larger_than_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await purged(monkeypatch, 100, 40) == [16, 32, 40, 12]
    assert await purged(monkeypatch, 20, 7) == [7, 7, 6]


async def test_quick_batches_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await purged(monkeypatch, 500, 1000, record=0.000_001) == [16, 32, 64, 128, 256, 4]


async def test_slow_batches_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await purged(monkeypatch, 100, 1000, record=0.001) == [16, 32, 24, 23, 5]


async def test_batches_grow_where_smaller_ones_would_not_be_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await purged(monkeypatch, 300, 1000, statement=0.02, record=0.000_1) == [16, 32, 64, 128, 60]


async def test_one_that_took_far_too_long_is_not_followed_by_many_more(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = await purged(monkeypatch, 2_000, 1000, record=0.000_01, few=150)
    assert sizes[:5] == [16, 32, 64, 128, 256]
    too_many = [size for size in sizes[5:] if size > 150]
    assert len(too_many) * 4 < len(sizes)
    assert max(too_many) < 150 * 1.25
