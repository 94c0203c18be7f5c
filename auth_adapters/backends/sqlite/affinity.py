"""Keeps a connection's thread on the CPU of the event loop that asks it, and out of its way there.

The two take turns. On two CPUs each turn wakes a CPU out of its idleness, which costs, on virtual machines above all,
more than the query. On one, a thread that is asked would push the event loop aside at once, only to find that it needs
the interpreter, which the event loop still holds: twice there and back for each question. Linux only; elsewhere, and
where it is not allowed, the thread stays where the kernel puts it and runs when the kernel lets it.
"""

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from time import monotonic
from typing import Final

__all__ = ["Follower"]

SETTLING: Final = 0.005
"""Seconds after a move in which the CPU that was left falls so fast asleep that the kernel prefers to leave it so."""


def _current_cpu() -> Callable[[], int] | None:
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:  # a Python may be built without ctypes, a C library without the function
        function: Callable[[], int] = import_module("ctypes").PyDLL(None).sched_getcpu
    except (ImportError, AttributeError, OSError):
        return None
    return function


CURRENT_CPU = _current_cpu()
"""The number of the CPU that runs the caller, or below zero."""


class Follower:
    """A thread that goes where another is."""

    def __init__(self) -> None:
        self._thread: int | None = None
        self._cpu = -1
        self._settled = 0.0

    def enlist(self) -> None:
        """On the thread that will follow. From now on it pushes nobody aside when it is woken, and waits its turn."""
        if CURRENT_CPU is None:
            return
        self._thread = threading.get_native_id()
        with suppress(OSError):  # not allowed here
            if os.sched_getscheduler(0) == os.SCHED_OTHER:  # else it was chosen with care, and not by us
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

    def leave(self) -> None:
        """On the thread, before it ends: its number may become another's."""
        self._thread = None

    def follow(self) -> None:
        """On the thread that leads, while the other sleeps: moving one that runs costs more than it saves."""
        if self._thread is None or CURRENT_CPU is None:
            return
        cpu = CURRENT_CPU()
        if cpu == self._cpu or cpu < 0:
            return
        self._cpu = cpu
        try:
            os.sched_setaffinity(self._thread, {cpu})
        except OSError:  # not allowed here
            self._thread = None
        else:
            self._settled = monotonic() + SETTLING

    def give_way(self) -> None:
        """On the thread that leads, when there is work for the other: soon after a move, let it have the CPU at once.

        A leader that sleeps until it is answered would be woken on the CPU that it left, which is idle but still awake,
        and the two would move after each other for ever.
        """
        if not self._settled:
            return
        if monotonic() < self._settled:
            os.sched_yield()
        else:
            self._settled = 0.0
