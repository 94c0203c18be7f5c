"""`python -m benchmarks`: measure, print, save."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks.contenders import DATABASES
from benchmarks.layers import measure_layers
from benchmarks.loops import LOOPS, measure_loops
from benchmarks.measure import Options, compare
from benchmarks.picture import draw
from benchmarks.places.place import Place
from benchmarks.purge import measure_purge
from benchmarks.report import Report
from benchmarks.sizes import measure_sizes

PARTS = ("compare", "layers", "purge", "sizes", "loops")
CONTENDERS = sorted({key for database in DATABASES.values() for key in database.contenders})


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--database", choices=[*DATABASES, "all"], default="sqlite")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=100_000, help="half as many as there are sessions")
    parser.add_argument("--operations", type=int, default=100, help="of each kind per round; fast contenders do 5 x")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--connections", type=int, default=16, help="in each contender's pool, on a server")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=[], help="these, and the floor")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["compare", "layers", "purge"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000], help="for --parts sizes")
    parser.add_argument("--expired", type=int, default=100_000, help="rows to purge")
    parser.add_argument("--batch", type=int, default=1_000, help="rows that a purge removes at a time")
    parser.add_argument("--uvloop", action="store_true", help="everything on uvloop; --parts loops compares both")
    parser.add_argument("--cpus", choices=["one", "all"], help="for contenders and server; costs with a server: one")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


async def _measure(given: argparse.Namespace, parts: list[str], report: Report, place: Place, file: Path) -> None:
    """What an operation costs, on one event loop. Each part is saved when it is done: the next may fail."""
    options = report.options
    if "compare" in parts:
        report.measured = await compare(options, place, _say)
        report.save(file)
    if "layers" in parts:
        report.layers = await measure_layers(given.rounds)
        report.save(file)
    if "sizes" in parts:
        report.sizes = await measure_sizes(options, given.sizes, place, _say)
        report.save(file)


@contextmanager
def _cpus(number: str) -> Iterator[None]:
    """What starts inside, servers too, runs on one CPU, so that none pays for waking another; or on all."""
    if number == "all" or not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


@contextmanager
def _started(report: Report, folder: Path) -> Iterator[Place]:
    """The place where the data is kept, with its server running."""
    place: Place = report.options.database.load_place()(folder)
    try:
        report.version = place.start()
        yield place
    finally:
        place.stop()


def _run(given: argparse.Namespace, key: str, folder: Path) -> None:
    """Measure on one database."""
    database = DATABASES[key]
    options = Options(
        database=database,
        rounds=given.rounds,
        users=given.users,
        operations=given.operations,
        concurrency=tuple(given.concurrency),
        only=tuple(given.only),
        connections=given.connections,
        uvloop=given.uvloop,
        cpus=given.cpus or ("one" if database.server else "all"),
    )
    file = given.output / f"{key}.json"
    report = Report(options)
    runner_of = partial(asyncio.Runner, loop_factory=LOOPS["uvloop" if given.uvloop else "asyncio"])
    if costs := [part for part in PARTS if part in given.parts and part != "purge"]:
        with _cpus(options.cpus), _started(report, folder) as place:
            with runner_of() as runner:
                runner.run(_measure(given, costs, report, place, file))
            if "loops" in costs:
                report.loops = measure_loops(options, place, _say)
                report.save(file)
    if "purge" in given.parts:  # how long others wait, not what it costs
        _say("purging")
        with _cpus(given.cpus or "all"), _started(report, folder) as place, runner_of() as runner:
            report.purge = runner.run(measure_purge(options, given.expired, given.batch, place))
    print(report.text())
    report.save(file)
    if report.measured.costs:
        draw(report, given.output / f"{key}.png")
    _say(f"saved in {given.output}")


def main() -> None:
    """Run what was asked for. Any contender that is wrong, hung or not installed ends the run with its error."""
    given = _arguments()
    given.output.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=given.output))
    try:
        for key in DATABASES if given.database == "all" else [given.database]:
            _run(given, key, folder)
    except BaseException:  # noqa: BLE001  (told in full, then the end)
        traceback.print_exc()
        sys.stderr.flush()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)  # a thread that a contender left behind would keep the process
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
