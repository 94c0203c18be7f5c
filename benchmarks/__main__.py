"""`python -m benchmarks`: measure, print, save."""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.dataset import Dataset
from benchmarks.layers import measure_layers
from benchmarks.measure import Options, compare
from benchmarks.picture import draw
from benchmarks.purge import measure_purge
from benchmarks.report import Report
from benchmarks.sizes import measure_sizes

PARTS = ("compare", "layers", "purge", "sizes")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--users", type=int, default=100_000, help="half as many as there are sessions")
    parser.add_argument("--operations", type=int, default=100, help="of each kind per round; fast contenders do 5 x")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--only", nargs="+", choices=list(CONTENDERS), default=[], help="these, and the floor")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=["compare", "layers", "purge"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000, 1_000_000], help="for --parts sizes")
    parser.add_argument("--expired", type=int, default=100_000, help="rows to purge")
    parser.add_argument("--batch", type=int, default=1_000, help="rows that a purge removes at a time")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args()


def _say(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


async def _run(given: argparse.Namespace, folder: Path) -> Report:
    options = Options(
        rounds=given.rounds,
        users=given.users,
        operations=given.operations,
        concurrency=tuple(given.concurrency),
        only=tuple(given.only),
        folder=folder,
    )
    report = Report(replace(options, folder=given.output))
    if "compare" in given.parts:
        data, file = Dataset(users=given.users, spare=options.spare()), folder / "data.db"
        await data.write(file)
        _say(f"{data.users:,} users and {data.sessions:,} sessions written")
        report.measured = await compare(options, file, data, _say)
    if "layers" in given.parts:
        report.layers = await measure_layers(given.rounds)
    if "purge" in given.parts:
        _say("purging")
        report.purge = await measure_purge(given.users, given.expired, given.batch, folder)
    if "sizes" in given.parts:
        report.sizes = await measure_sizes(given.sizes, given.rounds, given.operations * 5, folder, _say)
    return report


def main() -> None:
    """Run what was asked for. Any contender that is wrong, hung or not installed ends the run with its error."""
    given = _arguments()
    given.output.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=given.output))
    try:
        report = asyncio.run(_run(given, folder))
    except BaseException:  # noqa: BLE001  (told in full, then the end)
        traceback.print_exc()
        sys.stderr.flush()
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)  # a thread that a contender left behind would keep the process
    shutil.rmtree(folder)
    print(report.text())
    report.save(given.output / "results.json")
    if report.measured.costs:
        draw(report.measured, report.options.concurrency, given.output / "results.png")
    _say(f"saved in {given.output}")


if __name__ == "__main__":
    main()
