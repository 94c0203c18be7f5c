"""What another event loop changes: asyncio's own and uvloop's, in one run, round by round."""

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any, Final

import uvloop

from benchmarks.contenders import OURS
from benchmarks.dataset import Dataset
from benchmarks.measure import Options, Runner, opened, timed
from benchmarks.places.place import Place

__all__ = ["LOOPS", "measure_loops"]

LOOPS: Final[dict[str, Callable[[], asyncio.AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
COMPARED: Final = ("aj", "b", "c", "d", "consume")


def measure_loops(options: Options, place: Place, say: Any) -> dict[str, dict[str, float]]:
    """CPU microseconds by "contender, loop, at so many tasks" and operation. Runs the loops itself, by turns."""
    data = Dataset(users=options.users, spare=options.spare())
    costs: dict[tuple[str, str], list[float]] = {}
    keys = dict.fromkeys((options.database.direct, OURS))
    with ExitStack() as stack:
        runners = {name: stack.enter_context(asyncio.Runner(loop_factory=make)) for name, make in LOOPS.items()}
        target = runners["asyncio"].run(place.write("loops", data))
        stack.callback(_later, runners["asyncio"], place.remove, target)
        work: dict[tuple[str, str], Runner] = {}
        for key in keys:
            for name, runner in runners.items():
                copy = runner.run(place.copy(target, f"{key}-{name}"))
                one = work[key, name] = runner.run(opened(options, key, copy, data))
                stack.callback(_later, runner, place.remove, copy)
                stack.callback(_later, runner, one.contender.close)
        for number in range(options.rounds + 1):
            for concurrency in options.concurrency:
                for operation in COMPARED:
                    for (_, name), one in work.items():
                        arguments = list(one.work.arguments(operation, options.operations * one.kind.weight))
                        call = getattr(one.contender, operation)
                        cost = runners[name].run(timed(call, arguments, concurrency))
                        if number:
                            row = f"{one.kind.name}, {name}, at {concurrency}"
                            costs.setdefault((row, operation), []).append(cost.cpu)
            say(f"event loops, round {number} of {options.rounds}")
    table: dict[str, dict[str, float]] = {}
    for (row, operation), found in costs.items():
        table.setdefault(row, {})[operation] = median(found)
    return table


def _later(runner: asyncio.Runner, call: Callable[..., Any], *arguments: Any) -> None:
    runner.run(call(*arguments))
