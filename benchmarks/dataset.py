"""The data: the same in every run, whatever keeps it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

__all__ = ["Dataset"]

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATER: Final = datetime(2036, 1, 1, tzinfo=UTC)
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def _text(kind: str, number: int) -> str:
    return hashlib.blake2b(f"{kind}{number}".encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """users, two sessions each, and `spare` sessions and verifications to be removed. expired: sessions that are."""

    users: int
    spare: int
    expired: int = 0

    @property
    def sessions(self) -> int:
        """How many sessions stay."""
        return 2 * self.users

    def email(self, user: int) -> str:
        """The e-mail address of a user, by number."""
        return f"{_text('email', user)}@example.com"

    def token(self, session: int) -> str:
        """The token of a session, by number; those from `sessions` on are spare."""
        return _text("token", session)

    def identifier(self, verification: int) -> str:
        """What a verification is found by."""
        return _text("identifier", verification)

    def user_id(self, user: int) -> str:
        """The id of a user, by number."""
        return _text("user", user)

    def tables(self) -> Iterator[tuple[str, Iterator[tuple[Any, ...]]]]:
        """The tables in an order that suits their references, each with its rows; columns as in `COLUMNS`."""
        yield "user", self._users()
        yield "session", self._sessions()
        yield "verification", self._verifications()

    def _users(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.users):
            at = BEGINNING + timedelta(seconds=number)
            image = f"https://example.com/{number}.png" if number % 2 else None
            yield self.user_id(number), f"User {number}", self.email(number), number % 3 > 0, image, at, at

    def _sessions(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.sessions + self.spare + self.expired):
            at = BEGINNING + timedelta(seconds=number)
            until = LATER if number < self.sessions + self.spare else at
            user = self.user_id(number % self.users)
            yield _text("session", number), user, self.token(number), until, "192.0.2.1", AGENT, at, at

    def _verifications(self) -> Iterator[tuple[Any, ...]]:
        at, until = BEGINNING, LATER
        for number in range(self.spare):
            yield _text("verification", number), self.identifier(number), _text("value", number), until, at, at
