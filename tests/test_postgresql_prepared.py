"""Whether asyncpg's one step to the server is what we know, and what is done where it is not."""

from typing import Any

import pytest

from auth_adapters.backends.postgresql.prepared import goes_straight, prepare

pytestmark = pytest.mark.asyncio


class Statement:
    """A prepared statement with asyncpg's public methods. state: what is behind them."""

    def __init__(self, **private: Any) -> None:
        vars(self).update(private)

    async def fetch(self, *parameters: Any) -> list[tuple[Any, ...]]:
        """Its rows."""
        return [(*parameters, 1)]

    def get_statusmsg(self) -> str:
        """The server's status."""
        return "SELECT 1"


class Protocol:
    """What talks to the server."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def bind_execute(self, state: Any, args: Any, portal: str, limit: int, extra: bool, _: Any) -> Any:
        """Rows, status, and whether that is all."""
        return self.answer


class Rearranged(Protocol):
    """The same with other arguments."""

    async def bind_execute(self, state: Any, args: Any) -> Any:  # type: ignore[override]
        """Rows, status, and whether that is all."""
        return self.answer


class Connection:
    """A connection that prepares `Statement`s."""

    def __init__(self, protocol: Any, **private: Any) -> None:
        self._protocol = protocol
        self._private = private

    async def prepare(self, text: str) -> Statement:
        """A statement."""
        return Statement(**self._private)


KNOWN = ([("a", 1)], b"SELECT 1", True)


@pytest.mark.parametrize(
    ("connection", "straight"),
    [
        (Connection(Protocol(KNOWN), _state=object()), True),
        (Connection(Protocol(KNOWN)), False),
        (Connection(object(), _state=object()), False),
        (Connection(Rearranged(KNOWN), _state=object()), False),
        (Connection(Protocol(KNOWN[:2]), _state=object()), False),
        (Connection(Protocol(None), _state=object()), False),
        (Connection(Protocol(([("b", 1)], b"SELECT 1", True)), _state=object()), False),
        (Connection(Protocol(([("a", 1)], "SELECT 1", True)), _state=object()), False),
    ],
)
async def test_it_is_known_by_what_it_does(connection: Any, straight: bool) -> None:
    assert await goes_straight(connection) is straight


async def test_fetch_does_the_same() -> None:
    connection: Any = Connection(None)
    prepared = await prepare(connection, "SELECT $1, 1", straight=False)
    assert await prepared.fetch(("a",)) == [("a", 1)]
    assert await prepared.execute(prepared.state, ("a",), "", 0, True, None) == ([("a", 1)], b"SELECT 1", True)
