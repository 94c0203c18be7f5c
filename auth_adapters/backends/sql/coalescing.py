"""Look-ups of one shape that wait for a connection at the same moment travel as one statement.

The first that has to wait stands in line for all. Who asks for another record in the same words before its turn comes
goes with it, and is handed the rows that hold its own value; nothing else can reach it. What goes wrong with the
statement of all may be the doing of one value: then each asks alone, unless it is the connection that failed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from time import monotonic
from typing import Any, Final, TypeAlias

from auth_adapters.backends.sql.connections import Connections
from auth_adapters.backends.sql.lookups import Shape
from auth_adapters.backends.sql.operations import LookUp, Request
from auth_adapters.backends.sql.settling import settle
from auth_adapters.errors import AdapterStateError, ConnectionFailedError, OperationTimeoutError, PoolTimeoutError
from auth_adapters.physical import Row

__all__ = ["Coalescer"]

Outcome: TypeAlias = list[Row] | None
"""The rows of one look-up; None where it has to ask alone."""
MAX_TOGETHER: Final = 64
JOINING: Final = 0.1
"""Of the time for which the first waits: who comes later would be told too early that it has waited in vain."""
SHARED: Final = (AdapterStateError, ConnectionFailedError, OperationTimeoutError, PoolTimeoutError)
"""Errors that are none of a look-up's own doing: everybody is told."""


class Gathering:
    """Look-ups that will go with the one that stands in line. until: when the next ones make another."""

    __slots__ = ("_size", "_waiting", "until")

    def __init__(self, until: float) -> None:
        self.until: float = until
        self._size = 0
        self._waiting: dict[Any, list[asyncio.Future[Outcome]]] = {}

    @property
    def full(self) -> bool:
        """Whether no more may go with it."""
        return self._size >= MAX_TOGETHER

    def join(self, value: Any, future: "asyncio.Future[Outcome]") -> None:
        """One more."""
        self._size += 1
        self._waiting.setdefault(value, []).append(future)

    @property
    def wanted(self) -> list[Any]:
        """The values that somebody still waits for."""
        return [value for value, futures in self._waiting.items() if not all(one.done() for one in futures)]

    def hand_out(self, found: dict[Any, list[Row]]) -> None:
        """To each the rows of its value."""
        for value, futures in self._waiting.items():
            for future in futures:
                if not future.done():
                    future.set_result(list(found.get(value, ())))

    def dissolve(self, error: BaseException) -> None:
        """Tell everybody of an error that is everybody's; after any other each goes alone."""
        for futures in self._waiting.values():
            for future in futures:
                if future.done():
                    continue
                if isinstance(error, SHARED):
                    future.set_exception(copy(error))
                else:
                    future.set_result(None)


class Coalescer:
    """For the look-ups on one pool. ask: a request on a connection. alone: a look-up by itself, from the beginning."""

    def __init__(
        self,
        pool: Connections,
        ask: Callable[[Any, Request], Awaitable[Any]],
        alone: Callable[[LookUp], Awaitable[Any]],
    ) -> None:
        self._pool = pool
        self._ask = ask
        self._alone = alone
        self._joining = pool.acquire_timeout * JOINING
        self._gatherings: dict[Shape, Gathering] = {}

    def gathers(self, work: LookUp) -> bool:
        """Whether the look-up goes with others: some are about to go, or it would have to wait anyway."""
        return work.shape in self._gatherings or self._pool.crowded

    async def ask(self, work: LookUp) -> list[Row]:
        """The rows of one look-up, of which `gathers` was true a moment ago."""
        gathering = self._gatherings.get(work.shape)
        if gathering is None or gathering.full or monotonic() >= gathering.until:
            rows = await self._lead(work)
        else:
            future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            gathering.join(work.value, future)
            rows = await future
        if rows is None:
            rows = await self._alone(work)
        return rows

    async def _lead(self, work: LookUp) -> Outcome:
        """Stand in line for all, then ask for all."""
        gathering = self._gatherings[work.shape] = Gathering(monotonic() + self._joining)
        try:
            lease = await self._pool.acquire()
        except BaseException as error:
            gathering.dissolve(error)
            raise
        finally:
            if self._gatherings.get(work.shape) is gathering:
                del self._gatherings[work.shape]
        wanted = gathering.wanted
        try:
            if not wanted:
                rows: list[Row] = await self._ask(lease.connection, work)
                found = None
            else:
                values = list(dict.fromkeys([work.value, *wanted]))
                rows = await self._ask(lease.connection, Request(*work.shape.asked(values)))
                found = _by_value(rows, work.shape.at, values)
        except BaseException as error:
            gathering.dissolve(error)
            await settle(self._pool, lease, error)
            if not wanted or not isinstance(error, Exception) or isinstance(error, SHARED):
                raise
            return None
        self._pool.release(lease)
        if found is None:
            return rows
        gathering.hand_out(found)
        return found[work.value]


class _OtherValueError(Exception):
    """A row came back with a value that nobody asked for: the database compares in a way that is not ours."""


def _by_value(rows: list[Row], at: int, values: list[Any]) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {value: [] for value in values}
    for row in rows:
        if row[at] not in found:
            raise _OtherValueError
        found[row[at]].append(row)
    return found
