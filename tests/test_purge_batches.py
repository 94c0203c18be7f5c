"""The batches of a purge: bounded, larger where they are quick, smaller where they are not."""

import asyncio
from typing import Any

import pytest

from auth_adapters import BackendAdapter, Observation, utc_now
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.schema import Field, Model, Schema

pytestmark = pytest.mark.asyncio
TICKETS = Schema({"ticket": Model(fields={"ends": Field("datetime")}, expires="ends")})


class Slow(MemoryBackend):
    """Takes its time to delete: so many seconds for each statement, and for each record."""

    def __init__(self, statement: float, record: float) -> None:
        super().__init__()
        self.costs = statement, record

    async def delete(self, statement: Any, values: Any) -> int:
        await asyncio.sleep(self.costs[0] + self.costs[1] * values[statement.limit])
        return await super().delete(statement, values)


async def purged(backend: MemoryBackend, expired: int, batch: int) -> list[int]:
    """How many each batch removed."""
    seen: list[Observation] = []
    async with BackendAdapter(backend, schema=TICKETS, observe=seen.append) as adapter:
        await adapter.create_tables()
        await adapter.create_many("ticket", [{"ends": utc_now()} for _ in range(expired)])
        assert await adapter.purge_expired(batch=batch) == {"ticket": expired}
    return [one.rows for one in seen if one.verb == "purge_expired"]


async def test_no_batch_is_larger_than_asked_for() -> None:
    assert max(await purged(MemoryBackend(), 300, 40)) <= 40
    assert await purged(MemoryBackend(), 20, 7) == [7, 7, 6]


async def test_quick_batches_grow() -> None:
    assert max(await purged(MemoryBackend(), 500, 1000)) > 16


async def test_slow_batches_stay_small() -> None:
    assert max(await purged(Slow(0, 0.001), 200, 1000)) <= 32


async def test_batches_grow_where_smaller_ones_would_not_be_quicker() -> None:
    assert max(await purged(Slow(0.02, 0.00001), 400, 1000)) >= 128
