"""The run as a picture."""

from pathlib import Path
from typing import Final

import matplotlib as mpl

from benchmarks.contenders import OURS
from benchmarks.contenders.shared.protocol import OPERATIONS
from benchmarks.report import Report

__all__ = ["draw"]

COLOURS: Final = {
    "sqlite3": "#b0b0b0",
    "asyncpg": "#b0b0b0",
    "asyncmy": "#b0b0b0",
    "pymongo": "#b0b0b0",
    "ours": "#d1495b",
    "ours-alone": "#e39aa5",
    "aiosqlite": "#30638e",
    "asyncpg-pool": "#30638e",
    "asyncmy-pool": "#30638e",
    "core": "#edae49",
    "orm": "#c98a1b",
    "fastapi-users": "#7a9e7e",
    "advanced-alchemy": "#4f7942",
    "tortoise": "#8e7cc3",
    "beanie": "#8e7cc3",
}


def draw(report: Report, file: Path) -> None:
    """CPU per operation, one row of bars per concurrency; logarithmic, for the differences are that large."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (after the choice of Agg)

    measured, concurrency = report.measured, report.options.concurrency
    order = [key for key in COLOURS if key in measured.names]
    figure, axes = plt.subplots(len(concurrency), 1, figsize=(11, 3.6 * len(concurrency)), squeeze=False)
    width = 0.85 / len(order)
    for axis, tasks in zip(axes[:, 0], concurrency, strict=True):
        for place, key in enumerate(order):
            costs = [measured.cpu(operation, tasks, key) for operation in OPERATIONS]
            drawn = [(at, cost) for at, cost in enumerate(costs) if cost is not None]
            at = [one + (place - (len(order) - 1) / 2) * width for one, _ in drawn]
            bars = axis.bar(at, [cost for _, cost in drawn], width, label=measured.names[key], color=COLOURS[key])
            if key == OURS:
                axis.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
        axis.set_yscale("log")
        axis.set_xticks(range(len(OPERATIONS)), [f"{key}: {what}" for key, what in OPERATIONS.items()], fontsize=7)
        axis.tick_params(axis="x", rotation=12)
        axis.set_ylabel("CPU microseconds per operation")
        axis.set_title(
            f"{report.options.database.title}, {tasks} {'task' if tasks == 1 else 'tasks at a time'}",
            fontsize=10,
            loc="left",
        )
        axis.grid(axis="y", alpha=0.3)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].legend(ncols=4, fontsize=8, frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.1))
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    plt.close(figure)
