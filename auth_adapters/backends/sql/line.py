"""Callers that wait for a connection: first come first served, each for its own time, safe to cancel."""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from time import monotonic
from typing import Final, TypeAlias

from auth_adapters.backends.sql.connections import Lease, PoolOptions
from auth_adapters.errors import AdapterStateError, PoolTimeoutError

__all__ = ["SERVED", "Caller", "Granted", "Line", "Served"]


class Served:
    """That a caller needs no connection any more."""


SERVED: Final = Served()
Granted: TypeAlias = Lease | Served | None
"""What a caller is handed: a lease, None for a place in which to make a connection, or `SERVED`."""


class Caller:
    """One that may have to stand in line. withdrawn: it is out of the line, and another sees to it."""

    __slots__ = ("deadline", "granted", "withdrawn")

    granted: asyncio.Future[Granted] | None
    deadline: float

    def __init__(self) -> None:
        self.granted = None
        self.withdrawn: bool = False

    @property
    def waits(self) -> bool:
        """Whether it was handed nothing yet, and has not left."""
        return self.granted is not None and not self.granted.done()

    def hand(self, granted: Granted) -> None:
        """What it has waited for. It `waits`."""
        assert self.granted is not None
        self.granted.set_result(granted)

    def refuse(self, error: Exception) -> None:
        """Why it gets nothing. It `waits`."""
        assert self.granted is not None
        self.granted.set_exception(error)


class Line:
    """The callers of one pool. waited, timeouts: how often since it was made a caller stood here, or was refused."""

    def __init__(self, options: PoolOptions) -> None:
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._callers: deque[Caller] = deque()
        self._alarm: asyncio.TimerHandle | None = None
        self.waited: int = 0
        self.timeouts: int = 0

    def __bool__(self) -> bool:
        return bool(self._callers)

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(caller.waits for caller in self._callers)

    async def stand(self, caller: Caller) -> Granted:
        """Wait. Raises `PoolTimeoutError` when its time is over, or at once where too many wait.

        Where its task is cancelled it has left; what it was handed by then is in `granted`, for who called.
        """
        if len(self._callers) >= self._options.max_waiting:
            self.timeouts += 1
            raise PoolTimeoutError(f"{self._options.max_waiting} callers wait for a connection already (max_waiting)")
        caller.deadline = monotonic() + self._options.acquire_timeout
        caller.granted = self._loop.create_future()
        self._callers.append(caller)
        self.waited += 1
        if self._alarm is None:
            self._alarm = self._loop.call_later(self._options.acquire_timeout, self._expire)
        try:
            return await caller.granted
        except BaseException:
            with suppress(ValueError):
                self._callers.remove(caller)
            raise

    def first(self) -> Caller | None:
        """The first that waits, out of the line."""
        while self._callers:
            caller = self._callers.popleft()
            if caller.waits:
                return caller
        return None

    def withdraw(self, caller: Caller) -> bool:
        """Take one out of the line, to hand it `SERVED` or to `put_back`; False if it does not wait there."""
        if not caller.waits:
            return False
        self._callers.remove(caller)
        caller.withdrawn = True
        return True

    def put_back(self, callers: Iterable[Caller]) -> bool:
        """Those withdrawn that still wait are the first again, in their order. Whether there are any."""
        back = [caller for caller in callers if caller.withdrawn]
        for caller in back:
            caller.withdrawn = False
        back = [caller for caller in back if caller.waits]
        self._callers.extendleft(reversed(back))
        return bool(back)

    def expire(self) -> None:
        """Look at once for those who waited too long: others have come to the front."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._expire()

    def _expire(self) -> None:
        """Tell those who waited too long. All wait equally long, so one timer, for the first in line, will do."""
        now = monotonic()
        self._alarm = None
        while self._callers:
            caller = self._callers[0]
            if caller.waits:
                if caller.deadline > now:
                    self._alarm = self._loop.call_later(caller.deadline - now, self._expire)
                    return
                self.timeouts += 1
                caller.refuse(
                    PoolTimeoutError(
                        f"no connection became free within {self._options.acquire_timeout:g} seconds; all "
                        f"{self._options.size} are in use (pool_size), perhaps by transactions that do not end"
                    )
                )
            self._callers.popleft()

    def close(self) -> None:
        """Turn away all who wait."""
        if self._alarm is not None:
            self._alarm.cancel()
        while (caller := self.first()) is not None:
            caller.refuse(AdapterStateError("the adapter was closed"))
