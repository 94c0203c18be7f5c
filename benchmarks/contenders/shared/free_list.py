"""A free list of connections: the least that a pool can be."""

import asyncio
from collections import deque
from typing import Any

__all__ = ["FreeList"]


class FreeList:
    """Connections that are there already. Whoever waits is served first come, first served. Nothing is checked."""

    def __init__(self, connections: list[Any]) -> None:
        self._free = list(connections)
        self._waiting: deque[asyncio.Future[Any]] = deque()

    def take(self) -> Any:
        """One that is free, or None."""
        return self._free.pop() if self._free else None

    async def wait(self) -> Any:
        """The next that comes back."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        return await waiting

    def give(self, connection: Any) -> None:
        """It back."""
        if self._waiting:
            self._waiting.popleft().set_result(connection)
        else:
            self._free.append(connection)

    @property
    def free(self) -> list[Any]:
        """Those that are free: all, when nothing runs."""
        return self._free
