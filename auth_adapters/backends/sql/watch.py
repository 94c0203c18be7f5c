"""Statements under way, and the one timer that interrupts those that take too long."""

import asyncio
from time import monotonic
from types import TracebackType
from typing import Any
from weakref import WeakSet

__all__ = ["Watch", "Watched"]


class Watch:
    """Of the statements of one driver. seconds: what each may take, None for no limit.

    All may take equally long, so one timer, for the first of them, will do.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float | None = seconds
        self.alarm: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._watched: WeakSet[Watched] = WeakSet()

    def add(self, watched: "Watched") -> None:
        """In the event loop in which its statements will be: what another has left is none of ours."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self.alarm = loop, None
            self._watched.clear()
        self._watched.add(watched)

    def set_alarm(self) -> None:
        """There is none."""
        if self.seconds is not None and self._loop is not None:
            self.alarm = self._loop.call_later(self.seconds, self._interrupt, self._loop, self.seconds)

    @property
    def under_way(self) -> "list[Watched]":
        """Those in whose blocks somebody is."""
        return [one for one in self._watched if one.task is not None]

    def is_busy(self, connection: Any) -> bool:
        """Whether a statement is under way on it."""
        return any(one.connection is connection for one in self.under_way)

    def _interrupt(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        if loop is not self._loop:
            return
        self.alarm = None
        now = monotonic()
        waiting = [one for one in self.under_way if not one.interrupted]
        for one in waiting:
            if one.since + seconds <= now:
                one.interrupt()
        if left := [one.since for one in waiting if not one.interrupted]:
            self.alarm = loop.call_later(min(left) + seconds - now, self._interrupt, loop, seconds)


class Watched:
    """A block in which a statement is under way on a connection; raises `TimeoutError` when it is interrupted.

    It does what `asyncio.timeout` does, without a timer of its own. One serves all statements of its connection, one
    after the other, in the event loop in which it was made. task: whose block it is, None outside.
    """

    __slots__ = ("__weakref__", "_cancelling", "_watch", "connection", "interrupted", "since", "task")

    def __init__(self, watch: Watch, connection: Any) -> None:
        self._watch = watch
        self.connection: Any = connection
        self.interrupted: bool = False
        self.task: asyncio.Task[Any] | None = None
        watch.add(self)

    def __enter__(self) -> None:
        task = self.task = asyncio.current_task()
        assert task is not None
        self._cancelling = task.cancelling()
        self.since: float = monotonic()
        if self._watch.alarm is None:
            self._watch.set_alarm()

    def interrupt(self) -> None:
        """End what takes too long."""
        if self.task is not None:
            self.interrupted = True
            self.task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self.task = self.task, None  # what it holds must not outlive it
        if self.interrupted:
            self.interrupted = False
            if task and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
                raise TimeoutError from error
