"""What PyMongo lacks on Python 3.11: to wait for its pool, and for a server, though the caller is cancelled twice."""

import asyncio
import sys
from collections.abc import Awaitable
from typing import Final, TypeVar

import pymongo.lock

__all__ = ["mend_waiting"]

T = TypeVar("T")
FLAWED: Final = sys.version_info < (3, 12)
"""Whether `asyncio.wait_for` waits in a task of its own, and leaves it behind where the caller is cancelled again."""


def mend_waiting() -> None:
    """Have every client of PyMongo wait as it does on Python 3.12 and later; what others have replaced is left alone.

    PyMongo waits for a condition by `asyncio.wait_for`, holding the lock of a pool or of its picture of the servers.
    On 3.11 a second cancellation makes it go on while the task that waits has yet to take that lock again. Whoever was
    cancelled lets go of what he does not hold, the task takes it and never lets go, and all others wait for ever.
    """
    if FLAWED and getattr(pymongo.lock, "wait_for", None) is asyncio.wait_for:
        pymongo.lock.wait_for = wait_for  # type: ignore[attr-defined, assignment]


async def wait_for(work: Awaitable[T], timeout: float | None) -> T:  # noqa: ASYNC109  (it takes another's place)
    """The result, in the caller's own task. Raises `TimeoutError` after so many seconds; None: never."""
    async with asyncio.timeout(timeout):
        return await work
