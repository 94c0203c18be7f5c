"""What runs on a SQLite connection's thread: whole operations, from BEGIN to COMMIT."""

import sqlite3
from collections.abc import Callable
from copy import copy
from typing import Any, Final, TypeVar

from auth_adapters.backends.sql.operations import Answer, Request, Work
from auth_adapters.backends.sqlite.errors import sqlite_error
from auth_adapters.backends.sqlite.lane import Occupied
from auth_adapters.backends.sqlite.service import Job, Outcome, attempt
from auth_adapters.errors import AuthAdapterError, TransientError
from auth_adapters.physical import Layout

__all__ = ["OnThread"]

T = TypeVar("T")
EXECUTE: Final = sqlite3.Connection.execute
"""Not that of our own kind of connection, which is for more than statements."""


class OnThread:
    """Operations on the connection they are given, their errors mapped."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.statements: int = 0
        self._shares = True

    def together(self, jobs: list[Job], connection: sqlite3.Connection) -> list[Outcome]:
        """Writes of one statement each, for callers of their own, under one COMMIT: one flush to the disk for all.

        A statement that fails undoes itself and nothing else, so each job has its own outcome. What could undo more
        (a full disk, a trigger or a deferred constraint of the application's own tables) leaves nothing stored of
        any, which all of them are told; from then on each commits by itself.
        """
        if connection.in_transaction:
            return [(None, Occupied()) for _ in jobs]
        if len(jobs) == 1 or not self._shares:
            return [attempt(job, connection) for job in jobs]
        outcomes: list[Outcome] = []
        try:
            self.execute(connection, "BEGIN IMMEDIATE")
            for job in jobs:
                outcomes.append(attempt(job, connection))
                if not connection.in_transaction:
                    break
            self.commit(connection)
        except BaseException as error:  # noqa: BLE001  (handed to every caller)
            self._shares = isinstance(error, TransientError) and not outcomes
            kept = [failure for _, failure in outcomes] + [None] * (len(jobs) - len(outcomes))
            return [(None, failure or copy(error)) for failure in kept]
        return outcomes

    def alone(self, work: Work, connection: sqlite3.Connection) -> Any:
        """An operation of several statements by itself: committed when it returns."""
        if connection.in_transaction:
            raise Occupied
        self.execute(connection, "BEGIN IMMEDIATE")
        try:
            result = self.within(work, connection)
            self.execute(connection, "COMMIT")
        except BaseException:
            self.roll_back(connection)
            raise
        return result

    def within(self, work: Work, connection: sqlite3.Connection) -> Any:
        """An operation inside whatever transaction there is."""
        if isinstance(work, Request):
            return self.single(work, connection)
        operation = work.operation
        failure: AuthAdapterError | None = None
        try:
            request = next(operation)
            while True:
                self.statements += 1
                try:
                    answer = _execute(connection, request)
                except sqlite3.Error as error:
                    failure = sqlite_error(error, self._layout)
                if failure is None:
                    request = operation.send(answer)
                else:
                    thrown, failure = failure, None
                    request = operation.throw(thrown)
        except StopIteration as end:
            return end.value

    def single(self, request: Request, connection: sqlite3.Connection) -> Any:
        """An operation that is one request."""
        self.statements += 1
        try:
            return request.result(EXECUTE(connection, request.text, request.parameters).fetchall())
        except sqlite3.Error as error:
            failure = sqlite_error(error, self._layout)
        raise failure from None

    def execute(self, connection: sqlite3.Connection, *statements: str) -> None:
        """Statements without parameters."""
        failure = None
        for statement in statements:
            try:
                connection.execute(statement).fetchall()
            except sqlite3.Error as error:
                failure = sqlite_error(error, self._layout)
            if failure is not None:
                raise failure

    def roll_back(self, connection: sqlite3.Connection) -> None:
        """Undo what is open, if anything is."""
        if connection.in_transaction:
            self.execute(connection, "ROLLBACK")

    def first(self, job: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
        """The first job of a transaction, behind its BEGIN."""
        self.execute(connection, "BEGIN IMMEDIATE")
        return job(connection)

    def create(self, statements: list[str], connection: sqlite3.Connection) -> None:
        """Create tables and indexes, all or none."""
        if connection.in_transaction:
            raise Occupied
        try:
            self.execute(connection, "BEGIN IMMEDIATE", *statements, "COMMIT")
        except BaseException:
            self.roll_back(connection)
            raise

    def commit(self, connection: sqlite3.Connection) -> None:
        """Commit, or undo everything and say why not."""
        if not connection.in_transaction:
            raise TransientError("the database had undone the transaction; safe to retry")
        try:
            self.execute(connection, "COMMIT")
        except BaseException:
            self.roll_back(connection)
            raise


def _execute(connection: sqlite3.Connection, request: Request) -> Answer:
    if request.many:
        connection.executemany(request.text, request.parameters)
        return Answer([], 0)
    cursor = connection.execute(request.text, request.parameters)
    return Answer(cursor.fetchall(), cursor.rowcount)
