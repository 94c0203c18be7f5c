"""Statements that a connection is asked again: prepared on the server, so that no value is written into their text and
what the server says of their columns is read once.

A statement that the server cannot prepare is sent as text. Any other error of preparing one is the statement's own: it
may have undone the whole transaction, and what was sent after it would be kept.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from asyncmy.errors import MySQLError

__all__ = ["MAX_PREPARED", "PreparedStatements"]

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
LOST: Final = frozenset({1210, 1243, 1615})
"""The server no longer knows the statement as it was prepared: nothing was done."""


class PreparedStatements:
    """The prepared statements of one connection, by their text."""

    __slots__ = ("_connection", "_kept", "_seen")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._kept: dict[str, Any] = {}
        self._seen: dict[str, int] = {}

    async def execute(self, text: str, parameters: Sequence[Any], limit: int) -> Any:
        """What asyncmy has of the statement's result; None, and nothing was done, where it is to be sent as text.

        limit: bytes that a statement may have at most.
        """
        statement = self._kept.get(text)
        if statement is None:
            statement = await self._prepare(text)
        elif len(self._kept) == MAX_PREPARED:  # the next to make room is the one not used for longest
            self._kept[text] = self._kept.pop(text)
        if statement is None or _length(parameters) * MORE_BYTES >= limit:
            return None
        try:
            return await statement.execute(parameters)
        except MySQLError as error:
            if not _is_one(error, LOST):
                raise
        del self._kept[text]
        return None

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


def _is_one(error: MySQLError, codes: frozenset[int]) -> bool:
    return bool(error.args) and error.args[0] in codes


def _native(mark: re.Match[str]) -> str:
    return "?" if mark[0] == "%s" else "%"


def _length(parameters: Sequence[Any]) -> int:
    """Characters and bytes."""
    return sum([len(one) for one in parameters if type(one) is str or type(one) is bytes])
