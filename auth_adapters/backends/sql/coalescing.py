"""Look-ups of one shape that wait for a connection at the same moment travel as one statement.

Each stands in line by itself. The one whose turn comes takes along those that still wait with the same words, and
answers them; each is handed the rows that hold its own value, and nothing else can reach it. Who is not answered, for
whatever reason, goes back to its place in line and asks alone, as if nothing had been.
"""

from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Any, Final

from auth_adapters.backends.sql.connections import Lease
from auth_adapters.backends.sql.line import Caller
from auth_adapters.backends.sql.lookups import Shape
from auth_adapters.backends.sql.operations import LookUp, Request
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.backends.sql.settling import settle
from auth_adapters.errors import AuthAdapterError, ConnectionFailedError, OperationTimeoutError
from auth_adapters.physical import Row

__all__ = ["Coalescer"]

MAX_TAKEN: Final = 64
"""So many are taken along at most."""


class Waiting(Caller):
    """A look-up in line. tried: it was taken along once without being answered, and goes alone from now on."""

    __slots__ = ("rows", "tried", "value")

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value: Any = value
        self.tried: bool = False
        self.rows: list[Row] = []


class Coalescer:
    """For the look-ups on one pool. ask: a request on a connection."""

    def __init__(self, pool: Pool, ask: Callable[[Any, Request], Awaitable[list[Row]]]) -> None:
        self._pool = pool
        self._ask = ask
        self._waiting: dict[Shape, dict[Waiting, None]] = {}

    @property
    def gathers(self) -> bool:
        """Whether a look-up that comes now would have to wait."""
        return self._pool.crowded

    async def ask(self, work: LookUp) -> list[Row]:
        """The rows of one look-up. Raises what asking alone would raise."""
        own = Waiting(work.value)
        self._waiting.setdefault(work.shape, {})[own] = None
        try:
            lease = await self._pool.acquire_unless_served(own)
        finally:
            self._forget(work.shape, [own])
        if lease is None:
            return own.rows
        taken = [] if own.tried else self._take_along(work.shape)
        try:
            rows = await self._ask_together(lease, work, taken) if taken else []
            if not rows:
                rows = await self._ask(lease.connection, work)
        except BaseException as error:
            self._put_back(work.shape, taken, again=not isinstance(error, Exception))
            await settle(self._pool, lease, error)
            raise
        self._pool.release(lease)
        return rows

    async def _ask_together(self, lease: Lease, work: LookUp, taken: list[Waiting]) -> list[Row]:
        """Answer those that were taken along, or put them back. What was found of the look-up's own, if anything."""
        values = list(dict.fromkeys([work.value, *(one.value for one in taken)]))
        found: dict[Any, list[Row]] = {value: [] for value in values}
        try:
            rows = await self._ask(lease.connection, Request(*work.shape.asked(values)))
        except (ConnectionFailedError, OperationTimeoutError):
            raise
        except AuthAdapterError:  # perhaps of one value alone
            rows = []
        for row in rows:
            value = row[work.shape.at]
            if value in found:  # else the database compares in a way that is not ours
                found[value].append(row)
        for one in taken:
            one.rows = list(found[one.value])
            if one.rows:
                self._pool.serve(one)
        self._put_back(work.shape, taken)
        return found[work.value]

    def _take_along(self, shape: Shape) -> list[Waiting]:
        """Those that wait with the same words, out of the line."""
        taken = list(islice(self._waiting.get(shape, ()), MAX_TAKEN))
        self._forget(shape, taken)
        return [one for one in taken if self._pool.withdraw(one)]

    def _put_back(self, shape: Shape, taken: Sequence[Waiting], *, again: bool = False) -> None:
        """Those that were not answered, into the line. again: another may answer them, for it was not their doing."""
        left = [one for one in taken if one.withdrawn]
        for one in left:
            one.tried = not again
        if left and again:
            self._waiting.setdefault(shape, {}).update(dict.fromkeys(left))
        self._pool.put_back(left)

    def _forget(self, shape: Shape, ended: Sequence[Waiting]) -> None:
        waiting = self._waiting.get(shape, {})
        for one in ended:
            waiting.pop(one, None)
        if not waiting:
            self._waiting.pop(shape, None)
