"""Who is at work: a client is closed only when nobody is."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, Final, ParamSpec, Self, TypeVar

__all__ = ["Presence", "counted"]

P = ParamSpec("P")
V = TypeVar("V", bound=Any)
T = TypeVar("T")
CLOSE_SECONDS: Final = 10.0


class Presence:
    """How many verbs and transactions are under way. `with presence:` is one more."""

    def __init__(self) -> None:
        self._count = 0
        self._nobody: asyncio.Event = asyncio.Event()
        self._nobody.set()

    def __enter__(self) -> Self:
        self._count += 1
        self._nobody.clear()
        return self

    def __exit__(self, *exc: object) -> None:
        self._count -= 1
        if not self._count:
            self._nobody.set()

    async def over(self) -> None:
        """Wait until nobody is left, or for long enough."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._nobody.wait()
        except TimeoutError:
            return


def counted(verb: Callable[Concatenate[V, P], Awaitable[T]]) -> Callable[Concatenate[V, P], Coroutine[Any, Any, T]]:
    """The verb, counted while it runs."""

    @functools.wraps(verb)
    async def run(self: V, /, *given: P.args, **named: P.kwargs) -> T:
        with self._scope().presence:
            return await verb(self, *given, **named)

    return run
