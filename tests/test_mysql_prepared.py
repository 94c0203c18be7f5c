"""Whether asyncmy's short way to rows is what we know, and what is done where it is not."""

from typing import Any

import pytest

from auth_adapters.backends.mysql.prepared import PreparedStatements, goes_straight

pytestmark = pytest.mark.asyncio


class Result:
    """What asyncmy has of a statement's result. rows: None where it has none."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows


class Public:
    """A prepared statement with asyncmy's public methods."""

    def __init__(self, connection: "Connection", text: str) -> None:
        self.connection = connection
        self.text = text
        self.executed = 0

    async def execute(self, parameters: Any) -> Result:
        """Its result."""
        self.executed += 1
        return Result(((parameters[0], 1),))

    async def close(self) -> None:
        """The server forgets it."""


class Known(Public):
    """The short way as it is: the first rows are in the connection's result, later ones are handed over."""

    kept_back = 1
    """So many times."""

    async def _execute_cursor(self, parameters: Any, cursor: Any) -> bool:
        self.executed += 1
        rows = ((parameters[0], 1),) if self.text.startswith("SELECT") else None
        if rows is None or self.executed <= self.kept_back:
            self.connection._result = Result(rows)
            return False
        cursor._set_cached_rows(rows, ("column",))
        return True


class InPieces(Known):
    """The same where some answers do not arrive at once."""

    kept_back = 4


class NeverHandsOver(Known):
    """The short way, but all is in the connection's result."""

    kept_back = 1_000_000


class AtOnce(Known):
    """The short way, but the first rows are handed over too."""

    kept_back = 0


class WithoutRowsToo(Known):
    """The short way, but all is handed over, though there be no rows."""

    async def _execute_cursor(self, parameters: Any, cursor: Any) -> bool:
        await super()._execute_cursor(parameters, cursor)
        return True


class Rearranged(Public):
    """The same with other arguments."""

    async def _execute_cursor(self, cursor: Any) -> bool:
        return True


class HandsOverOtherwise(Public):
    """The short way, to a cursor with another method."""

    async def _execute_cursor(self, parameters: Any, cursor: Any) -> bool:
        cursor.take(((parameters[0], 1),))
        return True


class Wrong(Known):
    """The short way to something else."""

    async def _execute_cursor(self, parameters: Any, cursor: Any) -> bool:
        return await super()._execute_cursor((parameters[0] + parameters[0],), cursor)


class Connection:
    """A connection that prepares statements of one kind."""

    def __init__(self, kind: type[Public]) -> None:
        self._kind = kind
        self._result: Result | None = None
        self.made: list[Public] = []

    async def prepare(self, text: str) -> Public:
        """A statement."""
        self.made.append(self._kind(self, text))
        return self.made[-1]


@pytest.mark.parametrize(
    ("kind", "straight"),
    [
        (Known, True),
        (InPieces, True),
        (NeverHandsOver, None),
        (Public, False),
        (AtOnce, False),
        (WithoutRowsToo, False),
        (Rearranged, False),
        (HandsOverOtherwise, False),
        (Wrong, False),
    ],
)
async def test_it_is_known_by_what_it_does(kind: type[Public], straight: bool | None) -> None:
    assert await goes_straight(Connection(kind)) is straight


@pytest.mark.parametrize(("kind", "straight"), [(Known, True), (Public, False)])
async def test_both_ways_lead_to_the_same_rows(kind: type[Public], straight: bool) -> None:
    connection = Connection(kind)
    statements = PreparedStatements(connection, straight=straight)
    sent: list[str] = []

    async def as_text(to: Any, text: str, parameters: Any) -> Result:
        assert to is connection
        sent.append(text)
        return Result(((parameters[0], 1),))

    for value in "abcd":
        result = await statements.execute("SELECT %s, 1", (value,), 2**24, as_text)
        assert result.rows == ((value, 1),)
    assert sent == ["SELECT %s, 1"], "prepared from the second time on"
    assert [statement.executed for statement in connection.made] == [3]
