"""Statements that a connection is asked again: prepared on the server, so that no value is written into their text and
what the server says of their columns is read once.

Its errors tell nothing more than those of the text do, so a statement that cannot be prepared is sent as text.
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
LOST: Final = frozenset({1210, 1243, 1615})
"""The server no longer knows the statement as it was prepared, and has not executed it."""


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
        if statement is None or _length(parameters) * MORE_BYTES >= limit:
            return None
        try:
            return await statement.execute(parameters)
        except MySQLError as error:
            if not error.args or error.args[0] not in LOST:
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
        except MySQLError:
            if not self._connection.connected:
                raise
            self._seen[text] = NEVER  # what is wrong with it is said of its text
            return None
        return made


def _native(mark: re.Match[str]) -> str:
    return "?" if mark[0] == "%s" else "%"


def _length(parameters: Sequence[Any]) -> int:
    """Characters and bytes."""
    return sum([len(one) for one in parameters if type(one) is str or type(one) is bytes])
