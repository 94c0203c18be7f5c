"""The application's own pool of driver connections, which is never closed by us."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from auth_adapters.backends.sql.connections import Lease, PoolFigures
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.errors import AdapterStateError, AuthAdapterError, PoolTimeoutError

__all__ = ["ForeignPool"]

CLOSING = 10.0
"""Seconds that closing waits for what is under way."""
RECOVERY = 5.0
"""Seconds that an interrupted connection is given to become usable again."""


class ForeignPool:
    """`pool.acquire()` and `pool.release(connection)` of the application's, as a `Connections`.

    acquire_timeout: seconds to wait for a connection.
    """

    def __init__(self, driver: Driver, pool: Any, acquire_timeout: float) -> None:
        self._driver = driver
        self._pool = pool
        self._timeout = acquire_timeout
        self._leased: set[Lease] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = self._acquired = self._timeouts = self._lost = 0
        self._closed = False
        self._all_back = asyncio.Event()

    @property
    def figures(self) -> PoolFigures:
        """What we have of it. How many connections it holds in all is for its owner to say."""
        return PoolFigures(
            size=len(self._leased),
            in_use=len(self._leased),
            idle=0,
            waiting=self._waiting,
            wait_time=0.0,
            acquired=self._acquired,
            waited=0,
            timeouts=self._timeouts,
            opened=0,
            lost=self._lost,
            failures=0,
        )

    def take(self) -> Lease | None:
        """Nothing: its owner's pool is asked each time."""
        return None

    async def acquire(self) -> Lease:
        """A connection of the application's pool. Raises `PoolTimeoutError` after `acquire_timeout`."""
        if self._closed:
            raise AdapterStateError("the adapter was closed")
        self._waiting += 1
        failure: AuthAdapterError | None = None
        try:
            connection = await self._arrival()
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = error if isinstance(error, PoolTimeoutError) else self._driver.error(error)
        finally:
            self._waiting -= 1
        if failure is not None:
            raise failure from None
        lease = Lease(connection, 0.0, 0.0)
        self._leased.add(lease)
        self._acquired += 1
        return lease

    async def _arrival(self) -> Any:
        """A connection of the pool's. One that arrives after its caller has left goes back at once."""
        arriving = asyncio.ensure_future(self._pool.acquire())
        arrived = False
        try:
            async with asyncio.timeout(self._timeout):
                connection = await asyncio.shield(arriving)
            arrived = True
        except TimeoutError:
            self._timeouts += 1
            raise PoolTimeoutError(f"no connection became free within {self._timeout:g} seconds") from None
        else:
            return connection
        finally:
            if not arrived:  # it may be there all the same, in the very turn in which its caller was cancelled
                arriving.add_done_callback(self._late)
                arriving.cancel()

    def _late(self, arrived: "asyncio.Future[Any]") -> None:
        if not arrived.cancelled() and arrived.exception() is None:
            self._background(self._return(arrived.result()))

    def release(self, lease: Lease) -> None:
        """Give it back to the application's pool."""
        self._leave(lease)
        self._background(self._return(lease.connection))

    def discard(self, lease: Lease) -> None:
        """End it, and let its pool see."""
        self._lost += 1
        self._driver.terminate(lease.connection)
        self.release(lease)

    def interrupted(self, lease: Lease) -> asyncio.Task[None]:
        """Make it usable again, or end it, and give it back."""
        return self._background(self._recover(lease))

    async def _recover(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(RECOVERY):
                await self._driver.recover(lease.connection)
        except (TimeoutError, AuthAdapterError):
            self._lost += 1
            self._driver.terminate(lease.connection)
        self._leave(lease)
        await self._return(lease.connection)

    def _leave(self, lease: Lease) -> None:
        self._leased.discard(lease)
        if not self._leased:
            self._all_back.set()

    async def _return(self, connection: Any) -> None:
        with suppress(Exception):  # a connection that is broken is its pool's to replace
            await self._pool.release(connection)

    def _background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Wait until what we took is back, ten seconds at most. The pool stays open."""
        self._closed = True
        self._all_back.clear() if self._leased else self._all_back.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                await self._all_back.wait()
        while self._tasks:
            await asyncio.wait(self._tasks)
