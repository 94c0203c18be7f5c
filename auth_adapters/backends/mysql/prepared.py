"""Statements that a connection is asked again: prepared on the server, so that no value is written into their text and
what the server says of their columns is read once.

A statement that the server cannot prepare is sent as text. Any other error of preparing one is the statement's own: it
may have undone the whole transaction, and what was sent after it would be kept.

asyncmy's cursors have a shorter way to the rows of a prepared statement than its public `execute`. It is tried on the
first connection, and where it is not what we know, `execute` it is.
"""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, Final, TypeAlias

from asyncmy.errors import MySQLError

__all__ = ["MAX_PREPARED", "AsText", "PreparedStatements", "goes_straight"]

AsText: TypeAlias = Callable[[Any, str, Sequence[Any]], Awaitable[Any]]
"""Sends a statement as text, on a connection."""

MAX_PREPARED: Final = 64
"""Of each connection. (A server keeps 16,382 for all, unless max_prepared_stmt_count says otherwise.)"""
USES: Final = 2
"""With so many uses a statement is prepared."""
NEVER: Final = -(2**63)
MAX_SEEN: Final = 512
MORE_BYTES: Final = 4
"""Bytes that a character takes at most."""
MARK: Final = re.compile("%[s%]")
UNPREPARED: Final = frozenset({1064, 1295, 1390, 1461})
"""Not of this syntax, not of this kind, not with so many values, not so many: nothing was done."""
TRIES: Final = 8
LOST: Final = frozenset({1210, 1243, 1615})
"""The server no longer knows the statement as it was prepared: nothing was done."""


class Taken:
    """The rows of a statement, taken as a cursor of asyncmy's is given them; to read like one of its results."""

    __slots__ = ("description", "rows")

    message: ClassVar[None] = None
    insert_id: ClassVar[int] = 0

    @property
    def affected_rows(self) -> int:
        """How many there are."""
        return len(self.rows)

    def _set_cached_rows(self, rows: tuple[Any, ...], description: Any) -> None:
        self.rows: tuple[Any, ...] = rows
        self.description: Any = description


class PreparedStatements:
    """The prepared statements of one connection, by their text. straight: executed as asyncmy's cursors do it."""

    __slots__ = ("_connection", "_kept", "_seen", "_straight")

    def __init__(self, connection: Any, *, straight: bool) -> None:
        self._connection = connection
        self._straight = straight
        self._kept: dict[str, Any] = {}
        self._seen: dict[str, int] = {}

    async def execute(self, text: str, parameters: Sequence[Any], limit: int, as_text: AsText) -> Any:
        """What asyncmy has of the statement's result. limit: bytes that a statement may have at most."""
        statement = self._kept.get(text)
        if statement is None:
            statement = await self._prepare(text)
        elif len(self._kept) == MAX_PREPARED:  # the next to make room is the one not used for longest
            self._kept[text] = self._kept.pop(text)
        if statement is not None and not _may_exceed(limit, parameters):
            try:
                if not self._straight:
                    return await statement.execute(parameters)
                taken = Taken()
                known = await statement._execute_cursor(parameters, taken)
            except MySQLError as error:
                if not _is_one(error, LOST):
                    raise
                del self._kept[text]
            else:
                return taken if known else self._connection._result
        return await as_text(self._connection, text, parameters)

    async def _prepare(self, text: str) -> Any:
        """The statement, prepared if it was asked for often enough; else None."""
        times = self._seen.pop(text, 0) + 1
        if len(self._seen) >= MAX_SEEN:
            del self._seen[next(iter(self._seen))]
        self._seen[text] = times
        if times < USES:
            return None
        if len(self._kept) >= MAX_PREPARED:
            oldest = next(iter(self._kept))
            self._seen.pop(oldest, None)
            await self._kept.pop(oldest).close()
        try:
            made = self._kept[text] = await self._connection.prepare(MARK.sub(_native, text))
        except MySQLError as error:
            if not _is_one(error, UNPREPARED):
                raise
            self._seen[text] = NEVER
            return None
        return made


async def goes_straight(connection: Any) -> bool | None:
    """Whether this version of asyncmy can do it; None if that cannot be told now. If not, the connection may not be
    usable any more.
    """
    try:
        if not await _does_without_rows(connection):
            return False
        return await _hands_over_rows(connection)
    except (AttributeError, TypeError, ValueError):
        return False
    except MySQLError as error:
        if not _is_one(error, UNPREPARED):
            raise
        return None


async def _does_without_rows(connection: Any) -> bool:
    statement = await connection.prepare("DO ?")
    handed_over = [await statement._execute_cursor((text,), Taken()) for text in ("a", "b")]
    await statement.close()
    return handed_over == [False, False]


async def _hands_over_rows(connection: Any) -> bool | None:
    """Never those of the first time, and later unless they arrive in pieces."""
    statement = await connection.prepare("SELECT ?, 1")
    handed_over = None
    for attempt in range(TRIES):
        taken, text = Taken(), f"{attempt}"
        handed_over = await statement._execute_cursor((text,), taken)
        rows = taken.rows if handed_over else connection._result.rows
        if rows != ((text, 1),) or (handed_over and not attempt):
            return False
        if handed_over:
            break
    await statement.close()
    return handed_over or None


def _is_one(error: MySQLError, codes: frozenset[int]) -> bool:
    return bool(error.args) and error.args[0] in codes


def _native(mark: re.Match[str]) -> str:
    return "?" if mark[0] == "%s" else "%"


def _may_exceed(limit: int, parameters: Sequence[Any]) -> bool:
    length = 0  # characters and bytes
    for one in parameters:
        if type(one) is str or type(one) is bytes:
            length += len(one)
    return length * MORE_BYTES >= limit
