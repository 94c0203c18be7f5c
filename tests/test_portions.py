"""Long lists in portions that fit into one statement."""

from typing import Any
from uuid import uuid4

import pytest

from auth_adapters import portions as module
from auth_adapters.portions import LONGEST, MOST, portions


def sizes(values: list[Any]) -> list[int]:
    """How long each portion is. Together they are what there was."""
    parts = list(portions(values))
    assert [value for part in parts for value in part] == values
    return [len(part) for part in parts]


def test_no_values_have_no_portion() -> None:
    assert sizes([]) == []


def test_as_many_as_fit_are_one_portion() -> None:
    assert sizes(list(range(MOST))) == [MOST]
    assert sizes([uuid4() for _ in range(MOST)]) == [MOST]
    assert sizes([f"{number:032}" for number in range(MOST)]) == [MOST]


def test_one_more_is_another() -> None:
    assert sizes(list(range(MOST + 1))) == [MOST, 1]
    assert sizes(list(range(3 * MOST))) == [MOST] * 3


def test_long_texts_are_fewer_at_a_time() -> None:
    at_a_time = LONGEST // 1_400
    assert sizes(["é" * 1_400] * MOST) == [at_a_time] * 7 + [MOST - 7 * at_a_time]


def test_a_text_that_is_too_long_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST", 10)
    assert sizes(["a" * 11, "b", "c" * 9, "d", b"e" * 20]) == [1, 2, 1, 1]
