"""Prepared statements, executed in as few steps as asyncpg has.

`PreparedStatement.fetch` is four coroutines around the one that talks to the server. That one is not part of asyncpg's
public interface: it is tried on the first connection, and where it is not what we know, `fetch` it is.
"""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeAlias

import asyncpg

__all__ = ["Prepared", "goes_straight", "prepare"]

Execute: TypeAlias = Callable[[Any, Sequence[Any], str, int, bool, float | None], Coroutine[Any, Any, Any]]
"""Takes the state, the parameters, and what is always the same; returns rows, the server's status, and more."""


class Prepared(NamedTuple):
    """A statement on one connection: `rows, status, _ = await execute(state, parameters, "", 0, True, None)`."""

    execute: Execute
    state: Any
    statement: Any

    async def fetch(self, parameters: Sequence[Any]) -> Any:
        """Its rows."""
        rows, _, _ = await self.execute(self.state, parameters, "", 0, True, None)
        return rows


async def prepare(connection: asyncpg.Connection, text: str, *, straight: bool) -> Prepared:
    """Prepare a statement on a connection. straight: to be executed in one step."""
    statement = await connection.prepare(text)
    if straight:
        return Prepared(connection._protocol.bind_execute, statement._state, statement)
    return Prepared(_by_fetch, statement, statement)


async def goes_straight(connection: asyncpg.Connection) -> bool:
    """Whether this version of asyncpg can do it. If not, the connection may not be usable any more."""
    try:
        prepared = await prepare(connection, "SELECT $1::text AS one, 1 AS two", straight=True)
        rows, status, _ = await prepared.execute(prepared.state, ("a",), "", 0, True, None)
    except (AttributeError, TypeError, ValueError):
        return False
    return [tuple(row) for row in rows] == [("a", 1)] and status == b"SELECT 1"


async def _by_fetch(statement: Any, parameters: Sequence[Any], *_: Any) -> Any:
    rows = await statement.fetch(*parameters)
    return rows, statement.get_statusmsg().encode(), True
