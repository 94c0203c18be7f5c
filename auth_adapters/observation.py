"""The one hook for logging, metrics and tracing. It is told what happened, never with which values."""

from collections.abc import Callable, Sized
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Observation", "Observer", "rows_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One verb that has ended. duration: seconds. rows: returned or reached. error: the class of what was raised.

    The verb "join" is a further statement of a find, for the joined model.
    """

    verb: str
    model: str
    duration: float
    rows: int
    error: type[BaseException] | None


Observer: TypeAlias = Callable[[Observation], None]
"""Called in the task of the caller, right after each verb; what it raises reaches the caller."""


def rows_of(result: Any) -> int:
    """How many rows a backend's answer stands for."""
    if result is None:
        return 0
    if isinstance(result, int):
        return result
    if isinstance(result, list) and isinstance(result, Sized):
        return len(result)
    return 1
