"""A verb by itself that met a deadlock is undone as a whole: it is tried again."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from random import uniform
from typing import Any, Final

from auth_adapters.backends.sql.operations import Steps, Work
from auth_adapters.errors import TransientError

__all__ = ["itself", "once_more", "retrying"]

DEADLOCKS: Final = frozenset({1213, "40P01"})
"""As MySQL and MariaDB call one, and PostgreSQL."""
ATTEMPTS: Final = 8
PAUSE: Final = 0.01
"""Seconds; a little more after each attempt."""


async def retrying(perform: Callable[[Work], Awaitable[Any]], work: Work) -> Any:
    """What `perform` makes of the work, which is made anew after each deadlock."""
    for attempt in itertools.count(1):
        try:
            return await perform(work)
        except TransientError as error:
            failure = error
        work = await once_more(work, failure, attempt)
    raise AssertionError("unreachable")


async def once_more(work: Work, error: TransientError, attempt: int) -> Work:
    """The same work for another attempt, after a pause. Raises the error where it is not for us to try again."""
    again = work.again if isinstance(work, Steps) else partial(itself, work) if work.writes else None
    if error.code not in DEADLOCKS or attempt == ATTEMPTS or again is None:
        raise error
    await asyncio.sleep(uniform(0, PAUSE * attempt))  # noqa: S311  (spreads them, no secret)
    return again()


def itself(work: Work) -> Work:
    """The same again: a statement alone can be sent once more as it is."""
    return work
