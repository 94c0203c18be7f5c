"""One SQLite connection on its own thread, with as few trips there and back as possible.

aiosqlite owns the thread and the connection. A whole operation (execute, fetch, commit) is one trip, and operations
that wait while another is under way travel together in the next one.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, Final, TypeVar

import aiosqlite

from auth_adapters.cancellation import uninterrupted
from auth_adapters.errors import AdapterStateError, TransientError

__all__ = ["Gate", "Lane", "Occupied"]

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
MAX_TRIP: Final = 64
"""So many jobs travel together at most, that the first need not wait for all."""


class Occupied(Exception):  # noqa: N818  (a state of affairs, caught next door)
    """A job found the connection inside a transaction of somebody else. Internal."""


class Batch:
    """Jobs for one trip, and what became of each."""

    __slots__ = ("jobs", "outcomes")

    def __init__(self, jobs: list[Job]) -> None:
        self.jobs: list[Job] = jobs
        self.outcomes: list[tuple[Any, BaseException | None]] = []

    def run(self, connection: sqlite3.Connection) -> None:
        """On the thread: every job in turn; one that fails does not stop the next."""
        for job in self.jobs:
            try:
                self.outcomes.append((job(connection), None))
            except BaseException as error:  # noqa: BLE001  (handed to the caller that waits for this job)
                self.outcomes.append((None, error))

    def fetchall(self) -> list[Any]:
        """What a cursor would have; aiosqlite asks for it."""
        return self.outcomes


class JobConnection(sqlite3.Connection):
    """A connection whose `execute` also takes a batch of jobs: the door through which they reach the thread."""

    def execute(self, work: Any, parameters: Any = ()) -> Any:
        """Run a batch, or a statement as ever."""
        if isinstance(work, Batch):
            work.run(self)
            return work
        return super().execute(work, parameters)


class Lane:
    """The connection, its thread, and the jobs that wait for it. setup: the statements that begin a connection."""

    def __init__(self, path: str, *, timeout: float, setup: tuple[str, ...]) -> None:
        self.path: str = path
        self._timeout = timeout
        self._setup = setup
        self._connection: aiosqlite.Connection | None = None
        self._waiting: deque[tuple[Job, asyncio.Future[Any]]] = deque()
        self._under_way = False
        self._driver: asyncio.Task[None] | None = None
        self._at_rest: list[asyncio.Future[None]] = []

    async def open(self) -> None:
        """Connect. Errors are the driver's own."""
        connection = aiosqlite.connect(
            self.path,
            timeout=self._timeout,
            isolation_level=None,
            factory=JobConnection,
            cached_statements=512,
        )
        connection._thread.daemon = True  # an adapter that nobody closes must not keep the process from ending
        try:
            await uninterrupted(self._arrive(connection))
            await self.run(self._prepare)
        except BaseException:
            await uninterrupted(self.close())
            raise

    async def _arrive(self, connection: aiosqlite.Connection) -> None:
        self._connection = await connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for statement in self._setup:
            connection.execute(statement).fetchall()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run a job on the thread, after those that came before. A caller that is cancelled leaves its job behind:
        one that has begun is finished, one that has not is dropped.
        """
        if self._under_way:
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._waiting.append((job, future))
            return await future
        self._under_way = True
        batch = Batch([job])
        try:
            await self._trip(batch)
        finally:
            self._next()
        result, error = batch.outcomes[0]
        if error is not None:
            raise error
        value: T = result
        return value

    async def _trip(self, batch: Batch) -> None:
        if self._connection is None:
            raise AdapterStateError("the adapter was closed")
        await self._connection.execute_fetchall(batch)

    def _next(self) -> None:
        if self._waiting:
            self._driver = asyncio.get_running_loop().create_task(self._drive())
        else:
            self._rest()

    async def _drive(self) -> None:
        while self._waiting:
            taken: list[tuple[Job, asyncio.Future[Any]]] = []
            while self._waiting and len(taken) < MAX_TRIP:
                job, future = self._waiting.popleft()
                if not future.done():
                    taken.append((job, future))
            batch = Batch([job for job, _ in taken])
            try:
                await self._trip(batch)
            except Exception as error:  # noqa: BLE001  (handed to every caller that waits)
                batch.outcomes = [(None, error)] * len(taken)
            for (_, future), (result, failure) in zip(taken, batch.outcomes, strict=True):
                if future.done():
                    continue
                if failure is None:
                    future.set_result(result)
                else:
                    future.set_exception(failure)
        self._driver = None
        self._rest()

    def _rest(self) -> None:
        self._under_way = False
        while self._at_rest:
            waiter = self._at_rest.pop()
            if not waiter.done():
                waiter.set_result(None)

    async def close(self) -> None:
        """Finish what is waiting, then end the thread."""
        while self._under_way:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._at_rest.append(waiter)
            await waiter
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class Gate:
    """Who may write: transactions one at a time, single writes between them, all first come first served."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._held = False
        self._waiting: deque[tuple[asyncio.Future[None], bool]] = deque()

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
