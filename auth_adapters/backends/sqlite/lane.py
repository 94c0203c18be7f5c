"""One SQLite connection on its own thread, with as few trips there and back as possible.

aiosqlite owns the thread and the connection. A whole operation (execute, fetch, commit) is one trip, and operations
that wait while another is under way travel together in the next one.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, TypeAlias, TypeVar

import aiosqlite

from auth_adapters.cancellation import uninterrupted
from auth_adapters.errors import AdapterStateError, TransientError

__all__ = ["Gate", "Job", "Lane", "Occupied", "Outcome", "attempt"]

T = TypeVar("T")
Job: TypeAlias = Callable[[sqlite3.Connection], Any]
Outcome: TypeAlias = tuple[Any, BaseException | None]
Together: TypeAlias = Callable[[list[Job], sqlite3.Connection], list[Outcome]]
MAX_TRIP: Final = 64
"""So many jobs travel together at most, that the first need not wait for all."""


class Occupied(Exception):  # noqa: N818  (a state of affairs, caught next door)
    """A job found the connection inside a transaction of somebody else. Internal."""


def attempt(job: Job, connection: sqlite3.Connection) -> Outcome:
    """What becomes of a job: its answer, or its error."""
    try:
        return job(connection), None
    except BaseException as error:  # noqa: BLE001  (handed to the caller that waits for this job)
        return None, error


class Batch:
    """Jobs for one trip, each with whether it may share a commit, and what became of each."""

    __slots__ = ("jobs", "outcomes", "together")

    def __init__(self, jobs: Sequence[tuple[Job, bool]], together: Together | None) -> None:
        self.jobs: Sequence[tuple[Job, bool]] = jobs
        self.together: Together | None = together
        self.outcomes: list[Outcome] = []

    def run(self, connection: sqlite3.Connection) -> None:
        """On the thread: every job in turn; one that fails does not stop the next."""
        if len(self.jobs) == 1:
            ((job, sharing),) = self.jobs
            self._do([job], sharing, connection)
            return
        for sharing, group in groupby(self.jobs, itemgetter(1)):
            self._do([job for job, _ in group], sharing, connection)

    def _do(self, jobs: list[Job], sharing: bool, connection: sqlite3.Connection) -> None:
        if sharing and self.together:
            self.outcomes += self.together(jobs, connection)
        else:
            self.outcomes += [attempt(job, connection) for job in jobs]

    def fetchall(self) -> list[Outcome]:
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
    """The connection, its thread, and the jobs that wait for it. setup: the statements that begin a connection.

    together: runs jobs that may share a commit, where several of them come to travel side by side.
    """

    def __init__(self, path: str, *, timeout: float, setup: tuple[str, ...], together: Together | None = None) -> None:
        self.path: str = path
        self._timeout = timeout
        self._setup = setup
        self._together = together
        self._connection: aiosqlite.Connection | None = None
        self._waiting: deque[tuple[Job, bool, asyncio.Future[Any]]] = deque()
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

    async def run(self, job: Callable[[sqlite3.Connection], T], *, shares: bool = False) -> T:
        """Run a job on the thread, after those that came before. A caller that is cancelled leaves its job behind:
        one that has begun is finished, one that has not is dropped. shares: it may be committed with others.
        """
        if self._under_way:
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._waiting.append((job, shares, future))
            return await future
        self._under_way = True
        batch = Batch(((job, shares),), self._together)
        try:
            await self._trip(batch)
        finally:
            self._next()
        result, error = batch.outcomes[0]
        if error is not None:
            raise error
        value: T = result
        return value

    def _trip(self, batch: Batch) -> Awaitable[Any]:
        if self._connection is None:
            raise AdapterStateError("the adapter was closed")
        return self._connection.execute_fetchall(batch)

    def _next(self) -> None:
        if self._waiting:
            self._driver = asyncio.get_running_loop().create_task(self._drive())
        else:
            self._rest()

    async def _drive(self) -> None:
        while self._waiting:
            jobs: list[tuple[Job, bool]] = []
            futures: list[asyncio.Future[Any]] = []
            while self._waiting and len(jobs) < MAX_TRIP:
                job, shares, future = self._waiting.popleft()
                if not future.done():
                    jobs.append((job, shares))
                    futures.append(future)
            batch = Batch(jobs, self._together)
            try:
                await self._trip(batch)
            except Exception as error:  # noqa: BLE001  (handed to every caller that waits)
                batch.outcomes = [(None, error)] * len(jobs)
            for future, (result, failure) in zip(futures, batch.outcomes, strict=True):
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
