"""Whether a look-up costs more in a bigger database."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contenders import FLOOR, OURS
from benchmarks.dataset import Dataset
from benchmarks.measure import Cost, opened, timed

__all__ = ["measure_sizes"]


async def measure_sizes(
    sizes: Sequence[int], rounds: int, operations: int, folder: Path, say: Any
) -> dict[str, dict[str, float]]:
    """CPU microseconds by "contender operation" and number of users, rounds interleaved over the sizes."""
    runners = []
    costs: dict[tuple[str, int], list[Cost]] = {}
    try:
        for users in sizes:
            file, data = folder / f"size-{users}.db", Dataset(users=users, spare=10)
            await data.write(file)
            say(f"{users:,} users written")
            runners += [(users, await opened(key, file, data)) for key in (FLOOR, OURS)]
        for number in range(rounds + 1):
            for operation in ("aj", "b"):
                for users, one in runners:
                    arguments = list(one.work.arguments(operation, operations))
                    cost = await timed(getattr(one.contender, operation), arguments, 1)
                    if number:
                        costs.setdefault((f"{one.kind.name} {operation}", users), []).append(cost)
    finally:
        for _, one in runners:
            await one.contender.close()
        for users in sizes:
            for ending in ("", "-wal", "-shm"):
                (folder / f"size-{users}.db{ending}").unlink(missing_ok=True)
    table: dict[str, dict[str, float]] = {}
    for (row, users), found in costs.items():
        table.setdefault(row, {})[f"{users:,}"] = median(cost.cpu for cost in found)
    return table
