"""`python -m benchmarks.page results.json`: the figures of a run into `docs/performance.md`."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.contenders import DATABASES
from benchmarks.contenders.shared.protocol import OPERATIONS
from benchmarks.measure import Cost, Measured, Options
from benchmarks.picture import draw
from benchmarks.report import Report, columned, figure

__all__ = ["write"]

DOCS: Final = Path(__file__).parent.parent / "docs"
TASKS: Final = {1: "One task", 32: "32 tasks at a time"}


def write(results: Path, docs: Path = DOCS) -> None:
    """Put the figures under the headings of their database, and the picture beside; what is said between them stays.

    What the run did not measure is left as it is.
    """
    report, machine = _load(results)
    database, names = report.options.database, report.measured.names
    bodies: dict[str, str] = {}
    if names:
        image = f"images/performance-{database.key}.png"
        draw(report, docs / image)
        for base in (one for one in database.bases if one in names):
            bodies[f"Times the CPU of {names[base]}"] = _against(report, base)
        bodies["CPU microseconds per operation"] = f"![CPU per operation, by contender]({image})\n\n" + _costs(report)
    parts = {"Purging": _purge, "Event loops": _loops, "Cost against size": _sizes, "Goals": _goals}
    bodies |= {heading: body for heading, part in parts.items() if (body := part(report))}
    page = docs / "performance.md"
    text = page.read_text()
    if report.layers:
        text = _replaced(text, "## The library's own layers", _layers(report))
    section = _section(text, f"## {database.title}")
    new = re.sub(r"(?<=^The run: ).*?(?=\.\n\n)", _machine(machine), section, flags=re.MULTILINE | re.DOTALL)
    for heading, body in bodies.items():
        new = _replaced(new, f"### {heading}", body)
    page.write_text(text.replace(section, new))


def _section(text: str, heading: str) -> str:
    """What is below a heading, up to the next of its level or above."""
    level = heading.partition(" ")[0]
    found = re.search(rf"(?<=^{re.escape(heading)}\n\n).*?(?=^#{{2,{len(level)}}} |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise LookupError(f"the page has no heading {heading!r}")
    return found[0]


def _replaced(text: str, heading: str, body: str) -> str:
    old = _section(text, heading)
    return text.replace(f"{heading}\n\n{old}", f"{heading}\n\n{body}\n\n")


def _load(results: Path) -> tuple[Report, dict[str, str]]:
    content = json.loads(results.read_text())
    measured = Measured(names=content["contenders"])
    for one in content["costs"]:
        key = one["operation"], one["concurrency"], one["contender"]
        measured.costs[key] = [Cost(**cost) for cost in one["rounds"]]
    options = Options(
        database=DATABASES[content["database"]],
        rounds=0, users=0, operations=0, concurrency=tuple(TASKS), only=(), connections=0,
    )  # fmt: skip
    parts = {name: content[name] for name in ("layers", "sizes", "purge", "loops")}
    return Report(options, "", measured, **parts), content["machine"]


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
    if not report.purge:
        return ""
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
    said = "CPU microseconds per operation, by the number of users, each with two sessions; one task.\n\n"
    return said + _table(*columned(report.sizes)) if report.sizes else ""


def _loops(report: Report) -> str:
    said = "CPU microseconds per operation on asyncio's own event loop and on uvloop's.\n\n"
    return said + _table(*columned(report.loops)) if report.loops else ""


def _goals(report: Report) -> str:
    lines = ["| goal | found | met |", "|---|---:|---|"]
    lines += [f"| {goal} | {found} | {'yes' if met else '**no**'} |" for goal, found, met in report.goals()]
    return "\n".join(lines)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
