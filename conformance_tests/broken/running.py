"""Runs topics of the suite against harnesses, in a process of its own, and reads its report."""

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

__all__ = ["Outcome", "Run", "binding", "start"]

ROOT = Path(__file__).parent.parent.parent
REPORT = "report.xml"
OUTPUT = "output.txt"


@dataclass
class Outcome:
    """What became of one topic: tests that passed, tests that failed as declared, and, each with the reason, tests that
    failed and tests that broke outside of themselves.
    """

    passed: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)


def binding(topics: Collection[str], modules: Collection[str], harness: str) -> str:
    """A test module that runs `topics`; `harness` is an expression over `tmp_path` and what is in `modules`."""
    return "\n".join(
        (
            "import pytest",
            "from hypothesis import Phase, settings",
            'settings.register_profile("first_failure", phases=[Phase.generate])',
            'settings.load_profile("first_failure")',
            f"from auth_adapters.conformance.suite import {', '.join(topics)}",
            *(f"from {module} import *" for module in modules),
            "",
            "@pytest.fixture",
            "def harness(tmp_path):",
            f"    made = {harness}",
            "    yield made",
            "    made.release()",
            "",
        )
    )


@dataclass
class Run:
    """A pytest process over some bindings."""

    process: subprocess.Popen[bytes]
    folder: Path

    def outcomes(self, timeout: float) -> dict[tuple[str, str], Outcome]:
        """What became of every topic, by binding and topic; waits for the end, `timeout` seconds at most."""
        try:
            self.process.wait(timeout)
        finally:
            self.process.kill()
        report = self.folder / REPORT
        if not report.exists():
            raise RuntimeError(f"pytest wrote no report:\n{(self.folder / OUTPUT).read_text()}")
        found: dict[tuple[str, str], Outcome] = {}
        for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314
            module, _, topic = case.get("classname", "").rpartition(".")
            outcome = found.setdefault((module.removeprefix("test_"), topic), Outcome())
            name = case.get("name", "")
            failure, error = case.find("failure"), case.find("error")
            if failure is not None:
                outcome.failed[name] = failure.get("message", "")
            elif error is not None:
                outcome.broken[name] = error.get("message", "")
            elif case.find("skipped") is not None:
                outcome.expected.append(name)
            else:
                outcome.passed.append(name)
        return found


def start(folder: Path, bindings: Mapping[str, str]) -> Run:
    """Begin to run the bindings, each a module named after its key."""
    folder.mkdir(parents=True)
    for name, text in bindings.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", str(folder)]
    with (folder / OUTPUT).open("wb") as output:
        process = subprocess.Popen(
            [*command, f"--rootdir={folder}", f"--junit-xml={folder / REPORT}", f"--basetemp={folder / 'temporary'}"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Run(process, folder)
