"""Who is at work: as many at a time as there are connections; and a client is closed only when nobody is."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self, TypeVar

from auth_adapters.errors import PoolTimeoutError

__all__ = ["Presence", "counted"]

V = TypeVar("V", bound=Any)
S = TypeVar("S", bound=Any)
X = TypeVar("X")
T = TypeVar("T")
CLOSE_SECONDS: Final = 10.0


class Presence:
    """How many verbs and transactions are under way. `with presence:` is one more.

    connections: how many verbs may be at work at a time; the next one waits, `patience` seconds at most. PyMongo's own
    wait for a connection ends with the time-out of the statement only. None: nobody waits.
    """

    def __init__(self, connections: int | None = None, patience: float | None = None) -> None:
        self._free = asyncio.Semaphore(connections) if connections and patience else None
        self._patience = patience
        self._count = 0
        self._nobody: asyncio.Event | None = None  # of whoever waits

    def __enter__(self) -> Self:
        self._count += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self._count -= 1
        if self._nobody is not None and not self._count:
            self._nobody.set()

    async def admit(self) -> asyncio.Semaphore | None:
        """Wait for one's turn; what is to be released then. Raises `PoolTimeoutError`."""
        free = self._free
        if free is None:
            return None
        if not free.locked():
            await free.acquire()
            return free
        try:
            async with asyncio.timeout(self._patience):
                await free.acquire()
        except TimeoutError:
            raise PoolTimeoutError("no connection became free in time (acquire_timeout)") from None
        return free

    async def over(self) -> None:
        """Wait until nobody is left, or for long enough."""
        if self._count:
            self._nobody = asyncio.Event()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._nobody.wait()


def counted(verb: Callable[[V, S, X], Awaitable[T]]) -> Callable[[V, S, X], Coroutine[Any, Any, T]]:
    """The verb, counted while it runs, once the collection of its statement has been seen to be there."""

    @functools.wraps(verb)
    async def run(self: V, statement: S, values: X, /) -> T:
        scope = self._scope()
        with scope.presence as presence:
            turn = await presence.admit()
            try:
                if not scope.collections.is_verified(statement.table):
                    await scope.collections.verify(statement.table)
                return await verb(self, statement, values)
            finally:
                if turn is not None:
                    turn.release()

    return run
