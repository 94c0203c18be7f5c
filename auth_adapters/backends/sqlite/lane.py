"""One SQLite connection on its own thread, with as few trips there and back as possible.

aiosqlite owns the thread and the connection. A whole operation (execute, fetch, commit) is one trip, and operations
that wait while another is under way travel together in the next one.
"""

import asyncio
import sqlite3
import warnings
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import aiosqlite

from auth_adapters.backends.sqlite.service import Service, ServingConnection, Together
from auth_adapters.cancellation import uninterrupted
from auth_adapters.errors import AdapterStateError, TransientError

__all__ = ["Gate", "Lane", "Occupied"]

T = TypeVar("T")


class Occupied(Exception):  # noqa: N818  (a state of affairs, caught next door)
    """A job found the connection inside a transaction of somebody else. Internal."""


class Lane:
    """The connection, its thread, and the jobs that wait for it. setup: the statements that begin a connection.

    together: runs jobs that may share a commit, where several of them come to travel side by side.
    """

    def __init__(self, path: str, *, timeout: float, setup: tuple[str, ...], together: Together | None = None) -> None:
        self.path: str = path
        self._timeout = timeout
        self._setup = setup
        self._together = together
        self._connection: aiosqlite.Connection | None = None

    async def open(self) -> None:
        """Connect. Errors are the driver's own."""
        self._loop = asyncio.get_running_loop()
        connection = aiosqlite.connect(
            self.path,
            timeout=self._timeout,
            isolation_level=None,
            factory=ServingConnection,
            cached_statements=512,
        )
        connection._thread.daemon = True  # an adapter that nobody closes must not keep the process from ending
        try:
            await uninterrupted(self._arrive(connection))
        except BaseException:
            await uninterrupted(self.close())
            raise

    async def _arrive(self, connection: aiosqlite.Connection) -> None:
        await connection
        try:
            self._service = Service(self._loop, self._together)
        except BaseException:
            await connection.close()
            raise
        serving = self._loop.create_task(_serve(connection, self._service))
        self._connection = connection
        try:
            await self.run(self._prepare)
        finally:
            serving.cancel()  # the thread goes on: whoever looks for tasks that are left finds none

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for statement in self._setup:
            connection.execute(statement).fetchall()

    async def run(self, job: Callable[[sqlite3.Connection], T], *, shares: bool = False) -> T:
        """Run a job on the thread, after those that came before. A caller that is cancelled leaves its job behind:
        one that has begun is finished, one that has not is dropped. shares: it may be committed with others.
        """
        if self._connection is None:
            raise AdapterStateError("the adapter was closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._service.ask((job, shares, future))
        return await future

    async def close(self) -> None:
        """Finish what is waiting, then end the thread."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._service.ask(None)
            await connection.close()

    def abandon(self) -> None:
        """Close without waiting; also when the event loop is closed already."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._loop.is_closed():  # aiosqlite's thread could not tell it that it ends
            self._service.ask((sqlite3.Connection.close, False, self._loop.create_future()))
        else:
            self._service.ask(None)
            connection.stop()

    def __del__(self) -> None:
        if self._connection is not None:
            self.abandon()
            warnings.warn(f"a connection to {self.path} was not closed", ResourceWarning, source=self, stacklevel=1)


async def _serve(connection: aiosqlite.Connection, service: Service) -> None:
    await connection.execute_fetchall(service)


class Gate:
    """Who may write: transactions one at a time, single writes between them, all first come first served."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._held = False
        self._waiting: deque[tuple[asyncio.Future[None], bool]] = deque()

    @property
    def open(self) -> bool:
        """Whether a single write may pass at once."""
        return not self._held and not self._waiting

    async def enter(self, *, alone: bool) -> None:
        """Wait for a turn; `alone` keeps it until `leave`. Raises `TransientError` after the timeout."""
        if not self._held and not self._waiting:
            self._held = alone
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, alone))
        timer = asyncio.get_running_loop().call_later(self._timeout, _expire, turn)
        try:
            await turn
        except BaseException:
            granted = turn.done() and not turn.cancelled() and turn.exception() is None
            if granted and alone:
                self.leave()
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """The turn is over: let in the next one that waits alone, and every single write before it."""
        self._held = False
        while self._waiting and not self._held:
            turn, alone = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._held = alone


def _expire(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TransientError("another transaction held the database for too long; safe to retry"))
