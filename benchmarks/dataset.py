"""The data: written once, copied for each contender, and the same in every run."""

import asyncio
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from auth_adapters import connect
from benchmarks.contenders import statements as sql
from benchmarks.contenders.protocol import stored_moment

__all__ = ["Dataset"]

BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
LATER: Final = datetime(2036, 1, 1, tzinfo=UTC)
AGENT: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def _text(kind: str, number: int) -> str:
    return hashlib.blake2b(f"{kind}{number}".encode(), digest_size=16).hexdigest()


def _settle(file: Path) -> None:
    """Have the file on the disk, or its writing would slow down what is measured."""
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


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

    async def write(self, path: Path) -> None:
        """Create the tables through auth_adapters, and fill them."""
        path.unlink(missing_ok=True)  # noqa: ASYNC240  (nothing else runs yet)
        async with connect(f"sqlite:///{path}") as adapter:
            await adapter.create_tables()
        await asyncio.to_thread(self._fill, path)
        _settle(path)

    def copy(self, path: Path, target: Path) -> Path:
        """A file of its own for one contender."""
        for ending in ("", "-wal", "-shm"):
            Path(f"{target}{ending}").unlink(missing_ok=True)
        shutil.copyfile(path, target)
        _settle(target)
        return target

    def _fill(self, path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode = DELETE", "synchronous = OFF", "cache_size = -400000"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        kept = indexes.fetchall()
        for name, _ in kept:
            connection.execute(f'DROP INDEX "{name}"')
        connection.execute("BEGIN")
        connection.executemany(sql.INSERT_USER, self._users())
        connection.executemany(sql.INSERT_SESSION, self._sessions())
        connection.executemany(sql.INSERT_VERIFICATION, self._verifications())
        connection.execute("COMMIT")
        for _, statement in kept:
            connection.execute(statement)
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.close()

    def _users(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.users):
            at = stored_moment(BEGINNING + timedelta(seconds=number))
            image = f"https://example.com/{number}.png" if number % 2 else None
            yield self.user_id(number), f"User {number}", self.email(number), number % 3 > 0, image, at, at

    def _sessions(self) -> Iterator[tuple[Any, ...]]:
        for number in range(self.sessions + self.spare + self.expired):
            at = stored_moment(BEGINNING + timedelta(seconds=number))
            until = stored_moment(LATER) if number < self.sessions + self.spare else at
            user = self.user_id(number % self.users)
            yield _text("session", number), user, self.token(number), until, "192.0.2.1", AGENT, at, at

    def _verifications(self) -> Iterator[tuple[Any, ...]]:
        at, until = stored_moment(BEGINNING), stored_moment(LATER)
        for number in range(self.spare):
            yield _text("verification", number), self.identifier(number), _text("value", number), until, at, at
