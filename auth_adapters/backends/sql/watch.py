"""Statements under way, and the one timer that interrupts those that take too long."""

import asyncio
from time import monotonic
from types import TracebackType
from typing import Any

__all__ = ["Watch", "Watched"]


class Watch:
    """Of the statements of one driver. seconds: what each may take, None for no limit.

    All may take equally long, so one timer, for the first of them, will do: what a statement costs is two entries in a
    dict.
    """

    def __init__(self, seconds: float | None) -> None:
        self.seconds: float | None = seconds
        self.under_way: dict[Watched, None] = {}
        self.loop: asyncio.AbstractEventLoop | None = None
        self.alarm: asyncio.TimerHandle | None = None

    def set_alarm(self, loop: asyncio.AbstractEventLoop) -> None:
        """There is none yet in this event loop."""
        if loop is not self.loop:
            self.loop, self.alarm = loop, None
            self.under_way.clear()
        if self.alarm is None and self.seconds is not None:
            self.alarm = loop.call_later(self.seconds, self._interrupt, loop, self.seconds)

    def is_busy(self, connection: Any) -> bool:
        """Whether a statement is under way on it."""
        return any(one.connection is connection for one in self.under_way)

    def _interrupt(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        self.alarm = None
        now = monotonic()
        for watched in self.under_way:
            if watched.interrupted:
                continue
            if watched.since + seconds > now:
                self.alarm = loop.call_later(watched.since + seconds - now, self._interrupt, loop, seconds)
                return
            watched.interrupt()


class Watched:
    """A block in which a statement is under way on a connection; raises `TimeoutError` when it is interrupted.

    It does what `asyncio.timeout` does, without a timer of its own. One serves all statements of its connection, one
    after the other.
    """

    __slots__ = ("_cancelling", "_task", "_watch", "connection", "interrupted", "since")

    def __init__(self, watch: Watch, connection: Any) -> None:
        self._watch = watch
        self.connection: Any = connection
        self.interrupted: bool = False
        self._task: asyncio.Task[Any] | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling()
        self.interrupted = False
        self.since: float = monotonic()
        watch, loop = self._watch, task.get_loop()
        if watch.alarm is None or loop is not watch.loop:
            watch.set_alarm(loop)
        watch.under_way[self] = None

    def interrupt(self) -> None:
        """End what takes too long."""
        self.interrupted = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        task, self._task = self._task, None  # what it holds must not outlive it
        self._watch.under_way.pop(self, None)
        if self.interrupted and task and task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
