"""The SQL of the contenders that write it by hand, and what they make of MariaDB's rows."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from benchmarks.contenders.shared.protocol import Record
from benchmarks.contenders.shared.statements import SESSION, USER, VERIFICATION, Statements, columns

STATEMENTS: Final = Statements(lambda _: "%s", "`")
SESSION_BY_TOKEN: Final = STATEMENTS.select("session", "token")
USER_BY_ID: Final = STATEMENTS.select("user", "id")
USER_BY_EMAIL: Final = STATEMENTS.select("user", "email")
SESSION_WITH_USER: Final = STATEMENTS.session_with_user()
INSERT_USER: Final = STATEMENTS.insert("user")
INSERT_SESSION: Final = STATEMENTS.insert("session")
INSERT_ACCOUNT: Final = STATEMENTS.insert("account")
UPDATE_SESSION: Final = STATEMENTS.update_session()
DELETE_SESSION: Final = STATEMENTS.delete_session()
CONSUME: Final = f"DELETE FROM verification WHERE identifier = %s LIMIT 1 RETURNING {columns(VERIFICATION)}"
WIDTH: Final = len(SESSION)


def arguments(target: str) -> dict[str, Any]:
    """What asyncmy takes, of a URL."""
    given = urlsplit(target)
    return {
        "host": given.hostname,
        "port": given.port,
        "user": unquote(given.username or "root"),
        "password": unquote(given.password or ""),
        "db": given.path.strip("/"),
        "charset": "utf8mb4",
        "autocommit": True,
    }


def session(row: Sequence[Any]) -> Record:
    """A session. The server keeps times without their offset, which is UTC."""
    made = _timed(dict(zip(SESSION, row, strict=True)))
    made["expires_at"] = made["expires_at"].replace(tzinfo=UTC)
    return made


def user(row: Sequence[Any]) -> Record:
    """A user. The server keeps a truth value as a number."""
    made = _timed(dict(zip(USER, row, strict=True)))
    made["email_verified"] = bool(made["email_verified"])
    return made


def verification(row: Sequence[Any]) -> Record:
    """A one-time token."""
    made = _timed(dict(zip(VERIFICATION, row, strict=True)))
    made["expires_at"] = made["expires_at"].replace(tzinfo=UTC)
    return made


def session_with_user(row: Sequence[Any]) -> Record:
    """A row of `SESSION_WITH_USER`."""
    made = session(row[:WIDTH])
    made["user"] = user(row[WIDTH:])
    return made


def _timed(made: Record) -> Record:
    made["created_at"] = made["created_at"].replace(tzinfo=UTC)
    made["updated_at"] = made["updated_at"].replace(tzinfo=UTC)
    return made
