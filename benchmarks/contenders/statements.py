"""The SQL of the contenders that write it by hand, and what they make of its rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from benchmarks.contenders.protocol import Record, moment, new_id, now, stored_moment

USER: Final = ("id", "name", "email", "email_verified", "image", "created_at", "updated_at")
SESSION: Final = (
    "id", "user_id", "token", "expires_at", "ip_address", "user_agent", "created_at", "updated_at"
)  # fmt: skip
ACCOUNT: Final = (
    "id", "user_id", "account_id", "provider_id", "access_token", "refresh_token", "id_token",
    "access_token_expires_at", "refresh_token_expires_at", "scope", "password", "created_at", "updated_at",
)  # fmt: skip
VERIFICATION: Final = ("id", "identifier", "value", "expires_at", "created_at", "updated_at")
MOMENTS: Final = frozenset(
    {"expires_at", "created_at", "updated_at", "access_token_expires_at", "refresh_token_expires_at"}
)


def _columns(names: Sequence[str], table: str = "") -> str:
    return ", ".join(f"{table}{name}" for name in names)


def _insert(table: str, names: Sequence[str]) -> str:
    return f'INSERT INTO "{table}" ({_columns(names)}) VALUES ({", ".join("?" * len(names))})'


SESSION_BY_TOKEN: Final = f"SELECT {_columns(SESSION)} FROM session WHERE token = ?"
USER_BY_ID: Final = f'SELECT {_columns(USER)} FROM "user" WHERE id = ?'
USER_BY_EMAIL: Final = f'SELECT {_columns(USER)} FROM "user" WHERE email = ?'
SESSION_WITH_USER: Final = (
    f"SELECT {_columns(SESSION, 's.')}, {_columns(USER, 'u.')} "
    'FROM session s LEFT JOIN "user" u ON s.user_id = u.id WHERE s.token = ?'
)
INSERT_USER: Final = _insert("user", USER)
INSERT_SESSION: Final = _insert("session", SESSION)
INSERT_ACCOUNT: Final = _insert("account", ACCOUNT)
INSERT_VERIFICATION: Final = _insert("verification", VERIFICATION)
UPDATE_SESSION: Final = (
    f"UPDATE session SET expires_at = ?, updated_at = ? WHERE token = ? RETURNING {_columns(SESSION)}"
)
DELETE_SESSION: Final = "DELETE FROM session WHERE token = ?"
CONSUME: Final = (
    "DELETE FROM verification WHERE id IN (SELECT id FROM verification WHERE identifier = ? LIMIT 1) "
    f"RETURNING {_columns(VERIFICATION)}"
)


def record(names: Sequence[str], row: Sequence[Any]) -> Record:
    """A row as a record."""
    made: Record = {}
    for name, value in zip(names, row, strict=True):
        if name in MOMENTS and value is not None:
            made[name] = moment(value)
        elif name == "email_verified":
            made[name] = bool(value)
        else:
            made[name] = value
    return made


def session_with_user(row: Sequence[Any]) -> Record:
    """A row of `SESSION_WITH_USER` as a record."""
    session = record(SESSION, row[: len(SESSION)])
    session["user"] = record(USER, row[len(SESSION) :])
    return session


def complete(names: Sequence[str], data: Mapping[str, Any]) -> Record:
    """A new record: the data, an id, the times, None for what is left out."""
    at = now()
    return dict.fromkeys(names) | {"id": new_id(), "created_at": at, "updated_at": at} | dict(data)


def parameters(made: Record) -> tuple[Any, ...]:
    """The values of a record as they are stored."""
    return tuple(stored_moment(value) if isinstance(value, datetime) else value for value in made.values())
