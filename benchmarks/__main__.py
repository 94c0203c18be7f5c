"""`python -m benchmarks`: measure, print, save."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import traceback
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
    parser.add_argument("--one-cpu", action="store_true", help="contenders and servers on one: nobody wakes another")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


async def _measure(given: argparse.Namespace, report: Report, place: Place, file: Path) -> None:
    """Every part but that of the loops. Each is saved when it is done: the next may fail."""
    options = report.options
    if "compare" in given.parts:
        report.measured = await compare(options, place, _say)
        report.save(file)
    if "layers" in given.parts:
        report.layers = await measure_layers(given.rounds)
        report.save(file)
    if "sizes" in given.parts:
        report.sizes = await measure_sizes(options, given.sizes, place, _say)
        report.save(file)
    if "purge" in given.parts:
        _say("purging")
        report.purge = await measure_purge(options, given.expired, given.batch, place)
        report.save(file)


def _run(given: argparse.Namespace, key: str, folder: Path) -> None:
    """Measure on one database."""
    options = Options(
        database=DATABASES[key],
        rounds=given.rounds,
        users=given.users,
        operations=given.operations,
        concurrency=tuple(given.concurrency),
        only=tuple(given.only),
        connections=given.connections,
        uvloop=given.uvloop,
    )
    place: Place = options.database.load_place()(folder)
    file = given.output / f"{key}.json"
    try:
        report = Report(options, place.start())
        with asyncio.Runner(loop_factory=LOOPS["uvloop" if given.uvloop else "asyncio"]) as runner:
            runner.run(_measure(given, report, place, file))
        if "loops" in given.parts:
            report.loops = measure_loops(options, place, _say)
    finally:
        place.stop()
    print(report.text())
    report.save(file)
    if report.measured.costs:
        draw(report, given.output / f"{key}.png")
    _say(f"saved in {given.output}")


def main() -> None:
    """Run what was asked for. Any contender that is wrong, hung or not installed ends the run with its error."""
    given = _arguments()
    if given.one_cpu:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
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
