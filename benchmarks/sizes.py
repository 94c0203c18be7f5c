"""Whether a look-up costs more in a bigger database."""

from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from benchmarks.contenders import OURS
from benchmarks.dataset import Dataset
from benchmarks.measure import Cost, Options, opened, timed
from benchmarks.places.place import Place

__all__ = ["measure_sizes"]

WARMING_UP: Final = 20_000
"""Look-ups of each kind before any is measured, so that it is as in a process that has run for a while."""
LONGER: Final = 5
"""So many times the operations of other parts: after each change of databases the first find nothing in the caches."""


async def measure_sizes(options: Options, sizes: Sequence[int], place: Place, say: Any) -> dict[str, dict[str, float]]:
    """CPU microseconds by "contender operation" and number of users, rounds interleaved over the sizes."""
    runners, targets, floor = [], [], options.database.floor
    costs: dict[tuple[str, int], list[Cost]] = {}
    try:
        for users in sizes:
            data = Dataset(users=users, spare=10)
            targets.append(await place.write(f"size-{users}", data))
            say(f"{users:,} users written")
            runners += [(users, await opened(options, key, targets[-1], data)) for key in (floor, OURS)]
        for number in range(options.rounds + 1):
            for operation in ("aj", "b"):
                for users, one in runners:
                    calls = LONGER * options.operations * one.kind.weight if number else WARMING_UP
                    arguments = list(one.work.arguments(operation, calls))
                    cost = await timed(getattr(one.contender, operation), arguments, 1)
                    if number:
                        costs.setdefault((f"{one.kind.name} {operation}", users), []).append(cost)
    finally:
        for _, one in runners:
            await one.contender.close()
        for target in targets:
            await place.remove(target)
    table: dict[str, dict[str, float]] = {}
    for (row, users), found in costs.items():
        table.setdefault(row, {})[f"{users:,}"] = median(cost.cpu for cost in found)
    return table
