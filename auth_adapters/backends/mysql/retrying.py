"""A verb by itself that met a deadlock is undone as a whole: it is tried again."""

import asyncio
from collections.abc import Awaitable, Callable
from random import uniform
from typing import Any, Final

from auth_adapters.backends.sql.operations import Work
from auth_adapters.errors import TransientError

__all__ = ["retrying"]

DEADLOCK: Final = 1213
ATTEMPTS: Final = 8
PAUSE: Final = 0.01
"""Seconds; a little more after each attempt."""


async def retrying(perform: Callable[[Work], Awaitable[Any]], work: Work) -> Any:
    """What `perform` makes of the work, which is made anew after each deadlock."""
    for attempt in range(1, ATTEMPTS):
        try:
            return await perform(work)
        except TransientError as error:
            if error.code != DEADLOCK or work.again is None:
                raise
            work = work.again()
        await asyncio.sleep(uniform(0, PAUSE * attempt))  # noqa: S311  (spreads them, no secret)
    return await perform(work)
