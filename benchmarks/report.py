"""What was measured, as tables and as a judgement of the goals."""

import json
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from os import cpu_count
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import OURS
from benchmarks.contenders.shared.protocol import OPERATIONS
from benchmarks.measure import Measured, Options

__all__ = ["Report", "columned", "figure"]

COMPARED: Final = ("aj", "b", "c", "d", "consume")
LAYERS_GOAL: Final = 15.0
PURGE_GOAL: Final = 3.0
SIZE_GOAL: Final = 1.5
ORM_GOAL: Final = 8.0


@dataclass(slots=True)
class Report:
    """Everything of one run."""

    options: Options
    version: str = ""
    measured: Measured = field(default_factory=Measured)
    layers: dict[str, float] = field(default_factory=dict)
    sizes: dict[str, dict[str, float]] = field(default_factory=dict)
    purge: dict[str, float] = field(default_factory=dict)
    loops: dict[str, dict[str, float]] = field(default_factory=dict)

    def text(self) -> str:
        """For people."""
        parts = [", ".join(f"{name} {value}" for name, value in self.machine().items())]
        for concurrency in self.options.concurrency if self.measured.names else ():
            parts += self._tables(concurrency)
        if self.layers:
            parts.append(_table("Memory backend, CPU microseconds per call", ["us"], _single(self.layers)))
        if self.sizes:
            parts.append(_table("CPU microseconds against number of users", *columned(self.sizes)))
        if self.loops:
            parts.append(_table("CPU microseconds by event loop", *columned(self.loops)))
        if self.purge:
            parts.append(_table("Purge of expired sessions under load", [""], _single(self.purge)))
        verdicts = [f"{'met   ' if met else 'MISSED'}  {goal}: {value}" for goal, value, met in self.goals()]
        return "\n\n".join([*parts, "Goals\n" + "\n".join(verdicts)])

    def _tables(self, concurrency: int) -> list[str]:
        found, columns = self.measured, list(OPERATIONS)
        keys = list(found.names)

        def rows(of: Callable[[str, str], float | None], names: Iterable[str]) -> list[tuple[str, list[float | None]]]:
            return [(found.names[key], [of(operation, key) for operation in columns]) for key in names]

        def against(base: str) -> Callable[[str, str], float | None]:
            return lambda operation, key: found.ratio(operation, concurrency, key, base)

        at = f"concurrency {concurrency}"
        tables = []
        for base in self.options.database.bases:
            if base in keys:
                others = [key for key in keys if key != base]
                title = f"Times the CPU of {found.names[base]}, {at}"
                tables.append(_table(title, columns, rows(against(base), others)))
        cpu = rows(lambda operation, key: found.cpu(operation, concurrency, key), keys)
        wall = rows(lambda operation, key: found.wall(operation, concurrency, key), keys)
        tables.append(_table(f"CPU microseconds per operation, {at}", columns, cpu))
        tables.append(_table(f"Wall microseconds per operation, {at}", columns, wall))
        return tables

    def goals(self) -> list[tuple[str, str, bool]]:
        """Each goal that this run can judge: what it asks, what was found, whether that is enough."""
        found: list[tuple[str, str, bool]] = []
        for concurrency in self.options.concurrency:
            found += self._direct_goals(concurrency)
        for key, operation in ((key, operation) for key in ("core", "orm") for operation in ("aj", "b")):
            for concurrency in self.options.concurrency:
                ratio = self.measured.ratio(operation, concurrency, key, OURS)
                if ratio is not None:
                    goal = f"{self.measured.names[key]} at least {ORM_GOAL:g} x ours, {operation}, at {concurrency}"
                    found.append((goal, f"{ratio:.1f} x", ratio >= ORM_GOAL))
        if self.layers:
            layers = self.layers["find_one by key, our layers"]
            found.append((f"our layers at most {LAYERS_GOAL:g} us", f"{layers:.1f} us", layers <= LAYERS_GOAL))
        found += self._size_goals()
        for kind in ("reads", "writes") if self.purge else ():
            slower = self.purge[f"{kind}: p99 during, ms"] / self.purge[f"{kind}: p99 before, ms"]
            goal = f"p99 of {kind} during a purge at most {PURGE_GOAL:g} x"
            found.append((goal, f"{slower:.1f} x", slower <= PURGE_GOAL))
        return found

    def _size_goals(self) -> list[tuple[str, str, bool]]:
        """Whether a look-up costs the same in a bigger database; beside it, what the floor does."""
        database = self.options.database
        ours, floor = database.load(OURS).name, database.load(database.floor).name
        found = []
        for operation in ("aj", "b") if self.sizes else ():
            growth, theirs = (_growth(self.sizes[f"{name} {operation}"]) for name in (ours, floor))
            goal = f"flat against size (within {SIZE_GOAL} x), {operation} ({floor}: {theirs:.2f} x)"
            found.append((goal, f"{growth:.2f} x", growth <= SIZE_GOAL))
        return found

    def _direct_goals(self, concurrency: int) -> list[tuple[str, str, bool]]:
        database = self.options.database
        goal, direct = database.goals.get(concurrency), self.measured.names.get(database.direct)
        found = []
        for operation in COMPARED if goal else ():
            ratio = self.measured.ratio(operation, concurrency, OURS, database.direct)
            if ratio is not None and goal is not None:
                text = f"ours at most {goal} x {direct}, {operation}, at {concurrency}"
                found.append((text, f"{ratio:.2f} x", ratio <= goal))
        return found

    def machine(self) -> dict[str, str]:
        """What it ran on, and with what."""
        found = {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "cores": f"1 of {cpu_count()}" if self.options.cpus == "one" else str(cpu_count()),
            "Python": platform.python_version(),
            self.options.database.title: self.version,
        }
        if self.options.uvloop:
            found["event loop"] = "uvloop"
        for package in ("auth_adapters", *self.options.database.packages):
            with suppress(PackageNotFoundError):
                found[package] = version(package)
        return found

    def save(self, file: Path) -> None:
        """As JSON, every round's figures included."""
        options = {name: str(value) for name, value in asdict(self.options).items() if name != "database"}
        costs = [
            {"operation": operation, "concurrency": tasks, "contender": key, "rounds": [one._asdict() for one in found]}
            for (operation, tasks, key), found in self.measured.costs.items()
        ]
        content: dict[str, Any] = {
            "database": self.options.database.key,
            "machine": self.machine(),
            "options": options,
            "contenders": self.measured.names,
            "costs": costs,
            "layers": self.layers,
            "sizes": self.sizes,
            "purge": self.purge,
            "loops": self.loops,
            "goals": [{"goal": goal, "found": value, "met": met} for goal, value, met in self.goals()],
        }
        file.write_text(json.dumps(content, indent=1) + "\n")


def columned(rows: dict[str, dict[str, float]]) -> tuple[list[str], list[tuple[str, list[float]]]]:
    """Columns and rows of a table."""
    return list(next(iter(rows.values()))), [(name, list(row.values())) for name, row in rows.items()]


def _single(values: dict[str, float]) -> list[tuple[str, list[float]]]:
    return [(name, [value]) for name, value in values.items()]


def _table(title: str, columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    width = max(len(name) for name, _ in rows)
    lines = [title, " " * width + "".join(f"{column:>11}" for column in columns)]
    lines += [f"{name:<{width}}" + "".join(f"{figure(value):>11}" for value in values) for name, values in rows]
    return "\n".join(lines)


def _growth(row: Mapping[str, float]) -> float:
    """How many times the least the most is."""
    return max(row.values()) / min(row.values())


def figure(value: float | None) -> str:
    """With as many digits as it deserves."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
