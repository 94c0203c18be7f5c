"""Who is at work: a client is closed only when nobody is."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Final, Self, TypeVar

__all__ = ["Presence", "counted"]

V = TypeVar("V", bound=Any)
S = TypeVar("S", bound=Any)
X = TypeVar("X")
T = TypeVar("T")
CLOSE_SECONDS: Final = 10.0


class Presence:
    """How many verbs and transactions are under way. `with presence:` is one more."""

    def __init__(self) -> None:
        self._count = 0
        self._nobody: asyncio.Event | None = None  # of whoever waits

    def __enter__(self) -> Self:
        self._count += 1
        return self

    def __exit__(self, *exc: object) -> None:
        self._count -= 1
        if self._nobody is not None and not self._count:
            self._nobody.set()

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
        with scope.presence:
            if not scope.collections.is_verified(statement.table):
                await scope.collections.verify(statement.table)
            return await verb(self, statement, values)

    return run
