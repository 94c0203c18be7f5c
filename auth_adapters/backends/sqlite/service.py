"""How jobs reach the thread of a SQLite connection, and their answers the event loop.

The thread is aiosqlite's. Asked through aiosqlite, each job would cost a tenth more. So the thread is asked once, for a
`Service`, which takes jobs from a queue until it is told to end.
"""

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

from auth_adapters.backends.sqlite.affinity import Follower

__all__ = ["Asked", "Bell", "Job", "Outcome", "Service", "ServingConnection", "Together", "attempt"]

Job: TypeAlias = Callable[[sqlite3.Connection], Any]
Outcome: TypeAlias = tuple[Any, BaseException | None]
Together: TypeAlias = Callable[[list[Job], sqlite3.Connection], list[Outcome]]
Asked: TypeAlias = tuple[Job, bool, asyncio.Future[Any]]
"""A job, whether it may share a commit, and who waits for it."""
SHARES: Final = itemgetter(1)
MAX_TRIP: Final = 64
"""So many jobs are answered together at most, that the first need not wait for all."""


def attempt(job: Job, connection: sqlite3.Connection) -> Outcome:
    """What becomes of a job: its answer, or its error."""
    try:
        return job(connection), None
    except BaseException as error:  # noqa: BLE001  (handed to the caller that waits for this job)
        return None, error


class Bell:
    """Calls `answer` in the event loop, some time after `ring` on another thread: perhaps once for several."""

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Callable[[], None]) -> None:
        self._loop = loop
        self._answer = answer
        self._rung = False
        self._file: int | None = None
        if hasattr(os, "eventfd"):  # Linux: one write and one read, where call_soon_threadsafe makes three
            file = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            try:
                loop.add_reader(file, self._hear)
            except NotImplementedError:  # an event loop that watches no files
                os.close(file)
            except BaseException:
                os.close(file)
                raise
            else:
                self._file = file

    def ring(self) -> None:
        """On the other thread."""
        if self._rung:
            return
        self._rung = True
        if self._file is not None:
            os.eventfd_write(self._file, 1)
            return
        with suppress(RuntimeError):  # the event loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._hear)

    def _hear(self) -> None:
        if self._file is not None:
            os.eventfd_read(self._file)
        self._rung = False  # before looking: who rings from now on is heard again
        self._answer()

    def ring_for_the_last_time(self) -> None:
        """On the other thread: nobody rings any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._answer()
        if self._file is not None:
            self._loop.remove_reader(self._file)

    def __del__(self) -> None:
        if self._file is not None:  # not before: to who still rings, the number would be another file's
            os.close(self._file)


class Service:
    """Takes jobs in the order they come. together: runs those that may share a commit, where they come side by side."""

    def __init__(self, loop: asyncio.AbstractEventLoop, together: Together | None) -> None:
        self._asked: SimpleQueue[Asked | None] = SimpleQueue()
        self._follower = Follower()
        self._sleeps = False
        self._answered: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._bell = Bell(loop, self._hand_over)
        self._together = together

    def ask(self, asked: Asked | None) -> None:
        """In the event loop: put a job behind those that wait; None ends the service.

        A single write spends its time in the file, for which the thread has all at hand where it is.
        """
        leads = self._sleeps and asked is not None and not asked[1]
        if leads:
            self._follower.follow()
        self._asked.put(asked)
        if leads:
            self._follower.give_way()

    def run(self, connection: sqlite3.Connection) -> None:
        """On the thread, until None is asked. What its callers no longer want is left out."""
        self._follower.enlist()
        while self._trip(connection):
            pass  # and nothing of what was asked is kept while it waits
        self._follower.leave()
        self._bell.ring_for_the_last_time()

    def _trip(self, connection: sqlite3.Connection) -> bool:
        """Answer all who wait; whether there is more to come."""
        asked = self._asked
        self._sleeps = True
        one = asked.get()
        self._sleeps = False
        wanted = [] if one is None else [one]
        while one is not None and len(wanted) < MAX_TRIP and asked.qsize():
            one = asked.get()
            if one is not None:
                wanted.append(one)
        if wanted:
            self._do(wanted, connection)
        return one is not None

    def _do(self, asked: list[Asked], connection: sqlite3.Connection) -> None:
        """Every job in turn; one that fails does not stop the next."""
        answered = self._answered
        for shares, group in groupby(asked, SHARES) if len(asked) > 1 else ((asked[0][1], asked),):
            wanted = [one for one in group if not one[2].done()]
            if shares and self._together:
                outcomes = self._side_by_side(self._together, wanted, connection) if wanted else ()
                answered.extend([(one[2], *outcome) for one, outcome in zip(wanted, outcomes, strict=True)])
                continue
            for job, _, future in wanted:
                answered.append((future, *attempt(job, connection)))
        self._bell.ring()

    def _side_by_side(self, together: Together, wanted: list[Asked], connection: sqlite3.Connection) -> list[Outcome]:
        try:
            return together([job for job, _, _ in wanted], connection)
        except BaseException as error:  # noqa: BLE001  (handed to every caller: the service must go on)
            return [(None, error)] * len(wanted)

    def _hand_over(self) -> None:
        """In the event loop: what was answered, to who asked."""
        while self._answered:
            future, result, failure = self._answered.popleft()
            if future.done():
                continue
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    def fetchall(self) -> None:
        """What a cursor would have; aiosqlite asks for it."""


class ServingConnection(sqlite3.Connection):
    """A connection whose `execute` also takes a service, which keeps its thread until it ends."""

    def execute(self, work: Any, parameters: Any = ()) -> Any:
        """Run a service, or a statement as ever."""
        if isinstance(work, Service):
            work.run(self)
            return work
        return super().execute(work, parameters)
