"""Time operations, all contenders in one run, round by round."""

import asyncio
import gc
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final, NamedTuple

from benchmarks.contenders import Database
from benchmarks.contenders.shared.protocol import OPERATIONS, Contender, ContenderClass
from benchmarks.dataset import Dataset
from benchmarks.places.place import Place
from benchmarks.workload import Workload, WrongAnswerError, agree

__all__ = ["Cost", "Measured", "Options", "compare", "opened", "timed"]

PATIENCE: Final = 120.0
"""Seconds that one contender may take for one operation's turn before it counts as hung."""


class Cost(NamedTuple):
    """Microseconds per operation: of the process's CPU, all threads together, and of time."""

    cpu: float
    wall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to run. operations: how many of each kind per round (times the contender's weight). connections: in each
    contender's pool. uvloop: whether on its event loop. cpus: "one" or "all", for contenders and server, where costs
    are measured.
    """

    database: Database
    rounds: int
    users: int
    operations: int
    concurrency: tuple[int, ...]
    only: tuple[str, ...]
    connections: int
    uvloop: bool = False
    cpus: str = "all"

    def spare(self) -> int:
        """How many rows the operations remove from a file in a run, at most."""
        return (self.rounds + 1) * self.operations * len(self.concurrency) * 5 + 100


@dataclass(slots=True)
class Measured:
    """The costs of every round: by operation, concurrency and contender. names: of the contenders, by key."""

    names: dict[str, str] = field(default_factory=dict)
    costs: dict[tuple[str, int, str], list[Cost]] = field(default_factory=dict)

    def cpu(self, operation: str, concurrency: int, key: str) -> float | None:
        """The median of the rounds."""
        found = self.costs.get((operation, concurrency, key))
        return median(cost.cpu for cost in found) if found else None

    def wall(self, operation: str, concurrency: int, key: str) -> float | None:
        """The median of the rounds."""
        found = self.costs.get((operation, concurrency, key))
        return median(cost.wall for cost in found) if found else None

    def ratio(self, operation: str, concurrency: int, key: str, base: str) -> float | None:
        """How many times the CPU of `base`: the median of same-round ratios."""
        mine = self.costs.get((operation, concurrency, key))
        other = self.costs.get((operation, concurrency, base))
        return median(a.cpu / b.cpu for a, b in zip(mine, other, strict=True)) if mine and other else None


@dataclass(slots=True)
class Runner:
    """A contender on its own database."""

    key: str
    kind: ContenderClass
    contender: Contender
    work: Workload


async def timed(call: Any, arguments: Sequence[tuple[Any, ...]], concurrency: int) -> Cost:
    """Call it with all of the arguments, so many tasks at a time. Raises `WrongAnswerError` for an empty answer."""
    waiting = iter(arguments)
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    if concurrency == 1:
        await _work_off(call, waiting)
    else:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(_work_off(call, waiting))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu * 1e6 / len(arguments), wall * 1e6 / len(arguments))


async def _work_off(call: Any, waiting: Iterator[tuple[Any, ...]]) -> None:
    for arguments in waiting:
        if not await call(*arguments):
            raise WrongAnswerError("an answer was empty")


async def opened(options: Options, key: str, target: str, data: Dataset) -> Runner:
    """A contender, ready. Raises what its `open` raises."""
    kind = options.database.load(key)
    contender = kind()
    try:
        async with asyncio.timeout(PATIENCE):
            await contender.open(target, options.connections)
    except Exception as error:
        error.add_note(f"{kind.name} cannot take part")
        raise
    return Runner(key, kind, contender, Workload(data))


async def compare(options: Options, place: Place, say: Any) -> Measured:
    """Verify that all answers agree, then time them."""
    data, database = Dataset(users=options.users, spare=options.spare()), options.database
    keys = [key for key in database.contenders if not options.only or key in options.only or key == database.floor]
    runners: list[Runner] = []
    targets = [await place.write("data", data)]
    say(f"{data.users:,} users and {data.sessions:,} sessions written")
    try:
        for key in keys:
            targets.append(await place.copy(targets[0], key))
            runners.append(await opened(options, key, targets[-1], data))
        await _verify(runners)
        say("every contender gives the same answers")
        measured = Measured(names={one.key: one.kind.name for one in runners})
        await _round(options, runners, Measured(), 0, max(options.operations // 5, 1))
        for number in range(options.rounds):
            await _round(options, runners, measured, number, options.operations)
            say(f"round {number + 1} of {options.rounds}")
        return measured
    finally:
        async with asyncio.timeout(PATIENCE):
            for one in runners:
                await one.contender.close()
        for target in targets:
            await place.remove(target)


async def _verify(runners: Iterable[Runner]) -> None:
    reference, *others = runners
    twins: dict[str, Workload] = {one.key: Workload(one.work.data) for one in others}
    for operation in OPERATIONS:
        answers = Reference(reference.contender)
        for one in others:
            if operation not in one.kind.lacks:
                async with asyncio.timeout(PATIENCE):
                    await agree(one.kind.name, one.contender, answers, operation, twins[one.key])
            else:
                list(twins[one.key].arguments(operation, 1))
        list(reference.work.arguments(operation, 1))
    for one in others:
        one.work = twins[one.key]


class Reference:
    """The first contender's answer, asked for once: asking twice would find the row gone."""

    def __init__(self, contender: Contender) -> None:
        self._contender = contender
        self._answers: dict[str, Any] = {}

    def __getattr__(self, operation: str) -> Any:
        async def answer(*arguments: Any) -> Any:
            if operation not in self._answers:
                self._answers[operation] = await getattr(self._contender, operation)(*arguments)
            return self._answers[operation]

        return answer


async def _round(options: Options, runners: list[Runner], into: Measured, number: int, operations: int) -> None:
    order = runners[number % len(runners) :] + runners[: number % len(runners)]
    for concurrency in options.concurrency:
        for operation in OPERATIONS:
            for one in order:
                if operation in one.kind.lacks:
                    continue
                arguments = list(one.work.arguments(operation, operations * one.kind.weight))
                cost = await _turn(one, operation, arguments, concurrency)
                into.costs.setdefault((operation, concurrency, one.key), []).append(cost)


async def _turn(one: Runner, operation: str, arguments: list[tuple[Any, ...]], concurrency: int) -> Cost:
    try:
        async with asyncio.timeout(PATIENCE):
            return await timed(getattr(one.contender, operation), arguments, concurrency)
    except TimeoutError:
        raise WrongAnswerError(f"{one.kind.name}, {operation}, concurrency {concurrency}: hung") from None
    except Exception as error:
        error.add_note(f"in {one.kind.name}, {operation}, concurrency {concurrency}")
        raise
