"""What an adapter is known to fail is declared, and the declaration is held to."""

from pathlib import Path
from typing import ClassVar

import pytest

from auth_adapters.backends.memory import MemoryBackend
from conformance_tests.broken.harnesses import BrokenMemory
from conformance_tests.broken.running import Outcome, binding, start
from conformance_tests.broken.writes import CountsModified

__all__ = ["ByClass", "ByName"]

DEVIATING = "test_it_counts_matches_that_hold_the_value_already"


class ByName(BrokenMemory):
    """Declares its fault by the name of a test."""

    deviations: ClassVar = {DEVIATING: "it counts what it changed"}


class ByClass(BrokenMemory):
    """Declares its fault by class and test."""

    deviations: ClassVar = {f"TestUpdateMany::{DEVIATING}": "it counts what it changed"}


def outcome(folder: Path, harness: type[BrokenMemory], backend: type[MemoryBackend]) -> Outcome:
    """What becomes of the topic."""
    expression = f"{harness.__name__}({backend.__name__})"
    modules = (harness.__module__, backend.__module__)
    run = start(folder / "run", {"binding": binding(["TestUpdateMany"], modules, expression)})
    return run.outcomes(120)["binding", "TestUpdateMany"]


@pytest.mark.parametrize("harness", [ByName, ByClass])
def test_a_declared_deviation_is_an_expected_failure(tmp_path: Path, harness: type[BrokenMemory]) -> None:
    found = outcome(tmp_path, harness, CountsModified)
    assert (found.failed, found.broken) == ({}, {})
    assert found.expected == [DEVIATING]
    assert len(found.passed) > 5


@pytest.mark.parametrize("harness", [ByName, ByClass])
def test_a_declared_deviation_that_passes_is_a_failure(tmp_path: Path, harness: type[BrokenMemory]) -> None:
    found = outcome(tmp_path, harness, MemoryBackend)
    assert set(found.failed) == {DEVIATING}
    assert "strict" in found.failed[DEVIATING].lower()
    assert found.expected == []


def test_an_undeclared_deviation_is_a_failure(tmp_path: Path) -> None:
    assert set(outcome(tmp_path, BrokenMemory, CountsModified).failed) == {DEVIATING}
