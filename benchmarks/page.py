"""`python -m benchmarks.page results.json`: the figures of a run into `docs/performance.md`."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders import DIRECT, FLOOR, OURS
from benchmarks.contenders.protocol import OPERATIONS
from benchmarks.measure import Cost, Measured, Options
from benchmarks.report import Report, figure

__all__ = ["write"]

PAGE: Final = Path(__file__).parent.parent / "docs" / "performance.md"
TASKS: Final = {1: "One task", 32: "32 tasks at a time"}
PICTURE: Final = "![CPU per operation, by contender](images/performance-sqlite.png)"


def write(results: Path, page: Path = PAGE) -> None:
    """Put the figures under the page's headings; what is said between them stays."""
    report, machine = _load(results)
    bodies = {
        "Times the CPU of aiosqlite used directly": _against(report, DIRECT),
        "Times the CPU of auth_adapters": _against(report, OURS),
        "Times the CPU of sqlite3 on the same thread": _against(report, FLOOR),
        "CPU microseconds per operation": PICTURE + "\n\n" + _costs(report),
        "The library's own layers": _layers(report),
        "Purging": _purge(report),
        "Cost against size": _sizes(report),
        "Goals": _goals(report),
    }
    text = page.read_text()
    for heading, body in bodies.items():
        section = re.compile(rf"(?<=^## {re.escape(heading)}\n\n).*?(?=^## )", re.MULTILINE | re.DOTALL)
        text, found = section.subn(lambda _, body=body: f"{body}\n\n", text)
        if not found:
            raise LookupError(f"{page} has no heading {heading!r}")
    text = re.sub(r"(?<=^The run: ).*?(?=\.\n\n)", _machine(machine), text, flags=re.MULTILINE | re.DOTALL)
    page.write_text(text)


def _load(results: Path) -> tuple[Report, dict[str, str]]:
    content = json.loads(results.read_text())
    measured = Measured(names=content["contenders"])
    for one in content["costs"]:
        key = one["operation"], one["concurrency"], one["contender"]
        measured.costs[key] = [Cost(**cost) for cost in one["rounds"]]
    options = Options(rounds=0, users=0, operations=0, concurrency=tuple(TASKS), only=(), folder=results.parent)
    layers, sizes, purge = content["layers"], content["sizes"], content["purge"]
    return Report(options, measured, layers=layers, sizes=sizes, purge=purge), content["machine"]


def _machine(found: dict[str, str]) -> str:
    date, cores, *rest = found.items()
    parts = [date[1], f"{cores[1]} cores", *(f"{name} {value}" for name, value in rest)]
    return re.sub(r"(.{90,110}?, )", r"\1\n", ", ".join(parts)).replace(" \n", "\n")


def _table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for name, values in rows:
        cells = ["" if value is None else figure(value) for value in values]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _tables(report: Report, keys: Sequence[str], of: Callable[[str, int, str], float | None]) -> str:
    parts = []
    for tasks, title in TASKS.items():
        rows = [(report.measured.names[key], [of(one, tasks, key) for one in OPERATIONS]) for key in keys]
        parts += [f"{title}:", _table(list(OPERATIONS), rows)]
    return "\n\n".join(parts)


def _against(report: Report, base: str) -> str:
    others = [key for key in report.measured.names if key != base]
    return _tables(report, others, lambda operation, tasks, key: report.measured.ratio(operation, tasks, key, base))


def _costs(report: Report) -> str:
    return _tables(report, list(report.measured.names), report.measured.cpu)


def _layers(report: Report) -> str:
    said = "On the memory backend: CPU microseconds per call. Our layers are the difference between the call and the"
    return f"{said}\nbackend alone.\n\n" + _table(["us"], [(name, [value]) for name, value in report.layers.items()])


def _purge(report: Report) -> str:
    found = {name: f"{value:,.0f}" if value >= 100 else f"{value:.1f}" for name, value in report.purge.items()}
    lines = [
        f"{found['expired']} expired sessions, removed in {found['seconds']} seconds, at most {found['batch']} at a",
        "time, while four tasks read (aj, b) and four wrote (c, d), each with a pause of 2 ms between operations. p99",
        "in milliseconds:",
        "",
        "| | before | during |",
        "|---|---:|---:|",
    ]
    for kind in ("reads", "writes"):
        before, during = (found[f"{kind}: p99 {when}, ms"] for when in ("before", "during"))
        lines.append(f"| {kind} | {before} | {during} |")
    return "\n".join(lines)


def _sizes(report: Report) -> str:
    rows: list[tuple[str, Any]] = [(name, list(row.values())) for name, row in report.sizes.items()]
    columns = list(next(iter(report.sizes.values())))
    return "CPU microseconds per operation, by the number of users, each with two sessions; one task.\n\n" + _table(
        columns, rows
    )


def _goals(report: Report) -> str:
    lines = ["| goal | found | met |", "|---|---:|---|"]
    lines += [f"| {goal} | {found} | {'yes' if met else '**no**'} |" for goal, found, met in report.goals()]
    return "\n".join(lines)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
