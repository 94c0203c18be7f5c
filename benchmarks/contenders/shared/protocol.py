"""What a contender does. Each does the same work: same tables, same data, same results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol, TypeAlias

from auth_adapters.ids import random_id

__all__ = ["OPERATIONS", "Contender", "ContenderClass", "Record", "SignUp", "new_id", "now"]

Record: TypeAlias = dict[str, Any]
OPERATIONS: Final[Mapping[str, str]] = {
    "a2": "session, then its user",
    "aj": "session and user, one JOIN",
    "b": "user by email",
    "c": "create session",
    "d": "update session, return it",
    "e": "delete session",
    "consume": "one-time token",
    "f": "sign-up transaction",
}
BUSY_SECONDS: Final = 30

new_id: Callable[[], str] = random_id
"""Every contender makes its ids with this."""


def now() -> datetime:
    """The current time to the millisecond."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """What a sign-up stores in one transaction. account and session lack `user_id`, which is the new user's."""

    user: Record
    account: Record
    session: Record


class Contender(Protocol):
    """One way to reach the database. Data comes without `id`, `created_at` and `updated_at`: the contender adds them.

    Records are dicts of plain values with aware datetimes and real booleans.
    """

    async def open(self, target: str, connections: int) -> None:
        """Connect to the database of its own, given as a URL, by so many connections at most (if it is a server's)."""
        ...

    async def close(self) -> None:
        """Let go of it."""
        ...

    async def a2(self, token: str) -> Record | None:
        """The session with its user under "user", in two queries."""
        ...

    async def aj(self, token: str) -> Record | None:
        """The same in one query."""
        ...

    async def b(self, email: str) -> Record | None:
        """The user of this e-mail address."""
        ...

    async def c(self, data: Record) -> Record:
        """Store a session; it as stored."""
        ...

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        """Prolong a session; it as it is now, `updated_at` refreshed."""
        ...

    async def e(self, token: str) -> bool:
        """Remove a session; whether there was one."""
        ...

    async def consume(self, identifier: str) -> Record | None:
        """Remove one verification and return it."""
        ...

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        """Store user, account and session in one transaction."""
        ...


class ContenderClass(Protocol):
    """How a contender is listed. lacks: operations that it does not have. weight: timed so many times as often."""

    name: str
    lacks: frozenset[str]
    weight: int

    def __call__(self) -> Contender:
        """A new one, not open."""
        ...
