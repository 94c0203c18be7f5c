"""The suite itself: it fails every backend that is broken on purpose, and passes the same ones unbroken."""

from collections.abc import Iterable
from typing import TypeAlias

import pytest

from auth_adapters.conformance import suite
from conformance_tests.broken.faults import FAULTS
from conformance_tests.broken.running import Outcome, binding, start

Outcomes: TypeAlias = dict[tuple[str, str], Outcome]

TIMEOUT = 300.0
"""Seconds after which a run counts as one that hangs."""

FAULTS_MODULE = "conformance_tests.broken.faults"
HARNESSES = "conformance_tests.broken.harnesses"
CONTROLS = {"memory": "BrokenMemory()", "sqlite": "BrokenSQLite(tmp_path)"}

BUGS_OF_THE_FAULT = ("AttributeError", "ImportError", "KeyError", "NameError", "NotImplementedError", "TypeError")
"""A broken backend that cannot run at all would prove nothing."""


def topics_of(database: str) -> list[str]:
    """Every topic that is to notice something on this database."""
    faults = (fault for fault in FAULTS.values() if fault.database == database)
    return sorted({topic for fault in faults for topic in fault.topics})


def bindings(names: Iterable[str]) -> dict[str, str]:
    """One module for each fault."""
    return {
        name: binding(FAULTS[name].topics, [FAULTS_MODULE], f"FAULTS[{name!r}].harness(tmp_path)") for name in names
    }


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """All runs, by two processes side by side."""
    folder = tmp_path_factory.mktemp("faults")
    runs = []
    for database, harness in CONTROLS.items():
        control = {f"{database}_unbroken": binding(topics_of(database), [HARNESSES], harness)}
        broken = bindings(name for name, fault in FAULTS.items() if fault.database == database)
        runs.append(start(folder / database, {**control, **broken}))
    return {key: outcome for run in runs for key, outcome in run.outcomes(TIMEOUT).items()}


@pytest.mark.parametrize(("name", "topic"), [(name, topic) for name in FAULTS for topic in FAULTS[name].topics])
def test_the_suite_notices(outcomes: Outcomes, name: str, topic: str) -> None:
    outcome = outcomes.get((name, topic), Outcome())
    assert outcome.failed, f"no test of {topic} fails: {FAULTS[name].says}"
    crashed = {test: reason for test, reason in outcome.failed.items() if reason.startswith(BUGS_OF_THE_FAULT)}
    assert outcome.failed.keys() > crashed.keys(), f"this backend does not run at all: {crashed}"


@pytest.mark.parametrize("database", CONTROLS)
def test_the_suite_passes_what_is_not_broken(outcomes: Outcomes, database: str) -> None:
    for topic in topics_of(database):
        outcome = outcomes.get((f"{database}_unbroken", topic), Outcome())
        assert (outcome.failed, outcome.broken) == ({}, {}), topic
        assert outcome.passed, topic


def test_every_topic_of_the_suite_notices_some_fault() -> None:
    assert set(suite.__all__) == {topic for fault in FAULTS.values() for topic in fault.topics}
