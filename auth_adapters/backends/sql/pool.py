"""A lean pool of driver connections: bounded, first in first out, safe to cancel.

It knows no database: a `Driver` makes, tries and ends connections. A caller that waits is handed the connection that
comes back, before anybody who asks later.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable
from time import monotonic
from typing import Any, Final

from auth_adapters.backends.sql.connections import Connector, Lease, PoolFigures, PoolOptions
from auth_adapters.backends.sql.line import SERVED, Caller, Granted, Line, Served
from auth_adapters.errors import AdapterStateError, AuthAdapterError, ConnectionFailedError

__all__ = ["Pool"]

RECOVERY: Final = 5.0
"""Seconds that an interrupted connection is given to become usable again."""


class Pool:
    """Connections of one driver on one event loop. `take` or `acquire` one, then `release` it exactly once."""

    def __init__(self, connector: Connector, options: PoolOptions) -> None:
        self._connector = connector
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._ping_after = options.ping_after
        self._idle: deque[Lease] = deque()
        self._line = Line(options)
        self._leased: set[Lease] = set()
        self._reserved = 0
        self._closed = False
        self._all_back: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._acquired = self._opened = self._lost = self._failures = 0
        self._wait_time = 0.0

    @property
    def figures(self) -> PoolFigures:
        """How it is doing."""
        return PoolFigures(
            size=len(self._idle) + len(self._leased) + self._reserved,
            in_use=len(self._leased) + self._reserved,
            idle=len(self._idle),
            waiting=self._line.waiting,
            wait_time=self._wait_time,
            acquired=self._acquired,
            waited=self._line.waited,
            timeouts=self._line.timeouts,
            opened=self._opened,
            lost=self._lost,
            failures=self._failures,
        )

    @property
    def coalesces(self) -> bool:
        """Whether look-ups that wait for it may go together."""
        return self._options.coalesce

    @property
    def crowded(self) -> bool:
        """Whether who needs a connection now has to wait."""
        return bool(self._line or not (self._idle or self._has_room()))

    def take(self) -> Lease | None:
        """An idle connection that can be used as it is, if there is one and nobody waits."""
        if not self._idle or self._line or self._closed:
            return None
        lease = self._idle[-1]
        if monotonic() >= lease.fresh_until or not self._connector.is_alive(lease.connection):
            return None
        del self._idle[-1]
        self._leased.add(lease)
        self._acquired += 1
        return lease

    async def acquire(self) -> Lease:
        """A connection, waiting for one if need be.

        Raises `PoolTimeoutError` after `acquire_timeout`, or at once where too many wait, and what making one raises.
        """
        lease = await self.acquire_unless_served(Caller())
        assert lease is not None
        return lease

    async def acquire_unless_served(self, caller: Caller) -> Lease | None:
        """A connection as by `acquire`, or None once the caller was served while it stood in line."""
        self._check_open()
        started = monotonic()
        try:
            while True:
                if self.crowded:
                    lease = await self._turn(caller)
                    if isinstance(lease, Served):
                        return None
                    if lease is not None and monotonic() < lease.fresh_until:
                        break  # it comes straight from the one before
                elif self._idle:
                    lease = self._idle.pop()
                    self._leased.add(lease)
                else:
                    self._reserved += 1
                    lease = None
                if lease is None:  # there is room for it, which is reserved
                    lease = await self._make()
                    break
                if await self._usable(lease):
                    break
        finally:
            self._wait_time += monotonic() - started
        self._acquired += 1
        return lease

    def _has_room(self) -> bool:
        return len(self._leased) + self._reserved < self._options.size

    async def _turn(self, caller: Caller) -> Granted:
        try:
            return await self._line.stand(caller)
        except asyncio.CancelledError:
            granted = caller.granted
            if granted is not None and granted.done() and not granted.cancelled() and granted.exception() is None:
                self._give_back(granted.result())  # it came just as the caller left
            raise

    # ----- callers that another sees to

    def withdraw(self, caller: Caller) -> bool:
        """Take one out of the line, to `serve` it or to `put_back`; False if it does not wait there."""
        return self._line.withdraw(caller)

    def serve(self, caller: Caller) -> None:
        """One that was withdrawn needs no connection any more."""
        caller.withdrawn = False
        if caller.waits:
            caller.hand(SERVED)

    def put_back(self, callers: Iterable[Caller]) -> None:
        """Those withdrawn that were not served are first in line again, and wait no longer than they would have."""
        if not self._line.put_back(callers):
            return
        if self._closed:
            self._line.close()
            return
        while self._idle and (first := self._line.first()) is not None:
            lease = self._idle.pop()
            self._leased.add(lease)
            first.hand(lease)
        while self._line and self._has_room():
            self._room()
        self._line.expire()

    def _give_back(self, granted: Granted) -> None:
        """What was granted to a caller that no longer wants it."""
        if isinstance(granted, Served):
            return
        if granted is None:
            self._reserved -= 1
            self._room()
        else:
            self.release(granted)

    async def _make(self) -> Lease:
        """A new connection in a place that is reserved."""
        try:
            try:
                async with asyncio.timeout(self._options.connect_timeout):
                    connection = await self._connector.connect()
            except TimeoutError:
                raise ConnectionFailedError(
                    f"the database did not answer within {self._options.connect_timeout:g} seconds (connect_timeout)"
                ) from None
        except BaseException:
            self._failures += 1
            self._reserved -= 1
            self._room()
            raise
        self._reserved -= 1
        lease = Lease(connection, monotonic(), self._options.max_lifetime)
        self._leased.add(lease)
        self._opened += 1
        if self._closed:
            self._drop(lease)
            self._check_open()
        return lease

    async def _usable(self, lease: Lease) -> bool:
        """Whether a leased connection can be used; one that is not fresh is tried, one that cannot is dropped."""
        now = monotonic()
        if now >= lease.expires:
            self._retire(lease)
            return False
        if not self._connector.is_alive(lease.connection):
            self._lost += 1
            self._drop(lease)
            return False
        if now < lease.fresh_until:
            return True
        try:
            async with asyncio.timeout(self._options.connect_timeout):
                await self._connector.ping(lease.connection)
        except (TimeoutError, AuthAdapterError):
            self._lost += 1
            self._drop(lease)
            return False
        except BaseException:
            self._drop(lease)
            raise
        return True

    def release(self, lease: Lease) -> None:
        """Give a connection back, unharmed: to who waits, if it lives; else who takes it next will see."""
        now = monotonic()
        if self._closed or now >= lease.expires:
            if lease in self._leased:  # closing does not wait for ever: it may have been ended already
                self._retire(lease)
            return
        lease.used = now
        lease.fresh_until = min(now + self._ping_after, lease.expires)
        if self._line:
            if not self._connector.is_alive(lease.connection):
                self.discard(lease)
                return
            if (first := self._line.first()) is not None:
                first.hand(lease)
                return
        self._leased.discard(lease)
        self._idle.append(lease)
        if self._timer is None:
            self._timer = self._loop.call_later(self._options.max_idle, self._tend)

    def discard(self, lease: Lease) -> None:
        """Give back a connection that is lost. Those that lie idle are tried before their next use."""
        self._lost += 1
        for other in (*self._idle, *self._leased):  # of those in use, only one that was just handed on is not yet used
            other.fresh_until = 0.0
        self._drop(lease)

    def interrupted(self, lease: Lease) -> asyncio.Task[None]:
        """Give back a connection whose statement or transaction was interrupted. The task, which goes on whoever waits
        for it, makes it usable again or ends it.
        """
        return self._background(self._recover(lease))

    async def _recover(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(RECOVERY):
                await self._connector.recover(lease.connection)
        except (TimeoutError, AuthAdapterError):
            self._lost += 1
            self._drop(lease)
        except BaseException:
            self._drop(lease)
            raise
        else:
            self.release(lease)

    def _drop(self, lease: Lease) -> None:
        self._connector.terminate(lease.connection)
        self._leave(lease)

    def _retire(self, lease: Lease) -> None:
        """End a connection that did nothing wrong. Its place is free when it is closed."""
        self._leased.add(lease)
        self._background(self._close_one(lease))

    async def _close_one(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(RECOVERY):
                await self._connector.close(lease.connection)
        except (TimeoutError, AuthAdapterError):
            self._connector.terminate(lease.connection)
        except BaseException:
            self._connector.terminate(lease.connection)
            raise
        finally:
            self._leave(lease)

    def _leave(self, lease: Lease) -> None:
        self._leased.discard(lease)
        self._room()

    def _room(self) -> None:
        """There is room for one more connection: for whoever waits first. (Or nobody is left, when closing.)"""
        if not self._closed and (first := self._line.first()) is not None:
            self._reserved += 1
            first.hand(None)
            return
        if self._all_back is not None and not self._leased and not self._reserved and not self._all_back.done():
            self._all_back.set_result(None)

    def _tend(self) -> None:
        """Close what was idle for too long."""
        now = monotonic()
        oldest = now
        for lease in list(self._idle):
            if not self._connector.is_alive(lease.connection):
                self._idle.remove(lease)
                self._lost += 1
                self._drop(lease)
            elif now - lease.used >= self._options.max_idle or now >= lease.expires:
                self._idle.remove(lease)
                self._retire(lease)
            else:
                oldest = min(oldest, lease.used)
        self._timer = None
        if self._idle:
            self._timer = self._loop.call_later(oldest + self._options.max_idle - now, self._tend)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _check_open(self) -> None:
        if self._closed:
            raise AdapterStateError("the adapter was closed")

    async def close(self) -> None:
        """Refuse new callers, wait for what is under way up to `close_timeout`, end every connection."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        self._line.close()
        while self._idle:
            self._retire(self._idle.pop())
        try:
            if self._leased or self._reserved:
                self._all_back = self._loop.create_future()
                async with asyncio.timeout(self._options.close_timeout):
                    await self._all_back
        except TimeoutError:
            pass
        finally:
            for lease in list(self._leased):
                self._drop(lease)
        while self._tasks:
            await asyncio.wait(self._tasks)
