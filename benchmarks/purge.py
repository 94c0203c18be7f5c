"""How long other operations wait while expired rows are purged."""

import asyncio
import itertools
import time
from typing import Any, Final

from auth_adapters import connect
from benchmarks.contenders.shared.ours import Ours
from benchmarks.dataset import Dataset
from benchmarks.measure import Options
from benchmarks.places.place import Place
from benchmarks.workload import Workload

__all__ = ["measure_purge"]

TASKS: Final = 4
PAUSE: Final = 0.002
"""Seconds between two operations of one task: a server under load, not at its limit."""
READS: Final = ("aj", "b")
WRITES: Final = ("c", "d")


async def measure_purge(options: Options, expired: int, batch: int, place: Place) -> dict[str, float]:
    """p99 in milliseconds of reads and writes before and during a purge, and what the purge did."""
    data = Dataset(users=options.users, spare=10, expired=expired)
    target = await place.write("purge", data)
    ours, janitor = Ours(), connect(target)
    await ours.open(target, options.connections)
    try:
        work = Workload(data)
        before = await _under_load(ours, work, asyncio.sleep(3))
        started = time.perf_counter()
        during = await _under_load(ours, work, ours.adapter.purge_expired(batch=batch))
        seconds = time.perf_counter() - started
        async with janitor:
            left = await janitor.purge_expired()
        if left["session"]:
            raise RuntimeError(f"the purge left {left['session']} expired sessions")
    finally:
        await ours.close()
        await place.remove(target)
    found: dict[str, float] = {"expired": expired, "batch": batch, "seconds": seconds}
    for kind in ("reads", "writes"):
        found[f"{kind}: p99 before, ms"] = _p99(before[kind])
        found[f"{kind}: p99 during, ms"] = _p99(during[kind])
        found[f"{kind}: operations during"] = len(during[kind])
    return found


async def _under_load(ours: Ours, work: Workload, main: Any) -> dict[str, list[float]]:
    """Seconds that each operation took while `main` ran."""
    took: dict[str, list[float]] = {"reads": [], "writes": []}
    over = asyncio.Event()

    async def load(kind: str, operations: tuple[str, ...]) -> None:
        for operation in itertools.cycle(operations):
            if over.is_set():
                return
            (arguments,) = work.arguments(operation, 1)
            started = time.perf_counter()
            await getattr(ours, operation)(*arguments)
            took[kind].append(time.perf_counter() - started)
            await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        for _ in range(TASKS):
            group.create_task(load("reads", READS))
            group.create_task(load("writes", WRITES))
        await main
        over.set()
    return took


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)] * 1000
