"""Transactions and savepoints on the writing connection."""

import sqlite3
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from auth_adapters.backends.sql.operations import Operations, Work
from auth_adapters.backends.sql.verbs import SqlVerbs
from auth_adapters.backends.sqlite.lane import Gate, Lane
from auth_adapters.backends.sqlite.thread import OnThread
from auth_adapters.protocols import BackendTransaction

__all__ = ["LaneSavepoint", "LaneTransaction"]

T = TypeVar("T")


class LaneTransaction(SqlVerbs):
    """A transaction on the writing connection; other writers wait at the gate until it ends.

    BEGIN travels with its first statement, which is where a lock of another process is met.
    """

    def __init__(self, lane: Lane, operations: Operations, thread: OnThread, gate: Gate) -> None:
        self._lane = lane
        self._operations = operations
        self._thread = thread
        self._gate = gate
        self._used = False

    def _perform(self, work: Work) -> Coroutine[Any, Any, Any]:
        return self.run(partial(self._thread.within, work))

    def run(self, job: Callable[[sqlite3.Connection], T]) -> Coroutine[Any, Any, T]:
        """Run a job inside the transaction."""
        if self._used:
            return self._lane.run(job)
        self._used = True
        return self._lane.run(partial(self._thread.first, job))

    async def commit(self) -> None:
        try:
            if self._used:
                await self._lane.run(self._thread.commit)
        finally:
            self._gate.leave()

    async def rollback(self) -> None:
        try:
            if self._used:
                await self._lane.run(self._thread.roll_back)
        finally:
            self._gate.leave()

    async def savepoint(self) -> BackendTransaction:
        return await LaneSavepoint.begin(self, 1)


class LaneSavepoint(SqlVerbs):
    """A part of a transaction on the writing connection."""

    def __init__(self, outer: LaneTransaction, depth: int) -> None:
        self._outer = outer
        self._operations = outer._operations
        self._name = f"auth_adapters_{depth}"
        self._depth = depth

    @classmethod
    async def begin(cls, outer: LaneTransaction, depth: int) -> "LaneSavepoint":
        """Begin one inside `outer`."""
        savepoint = cls(outer, depth)
        await savepoint._say(f"SAVEPOINT {savepoint._name}")
        return savepoint

    def _perform(self, work: Work) -> Coroutine[Any, Any, Any]:
        return self._outer._perform(work)

    async def commit(self) -> None:
        await self._say(f"RELEASE {self._name}")

    async def rollback(self) -> None:
        await self._say(f"ROLLBACK TO {self._name}", f"RELEASE {self._name}")

    async def savepoint(self) -> BackendTransaction:
        return await LaneSavepoint.begin(self._outer, self._depth + 1)

    async def _say(self, *statements: str) -> None:
        thread = self._outer._thread
        await self._outer.run(lambda connection: thread.execute(connection, *statements))
