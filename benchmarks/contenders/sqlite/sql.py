"""The SQL of the contenders that write it by hand, and what they make of SQLite's rows."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from benchmarks.contenders.shared.protocol import Record
from benchmarks.contenders.shared.statements import MOMENTS, SESSION, USER, VERIFICATION, Statements, columns
from benchmarks.contenders.shared.stored import moment, stored_moment

STATEMENTS: Final = Statements(lambda _: "?")
SESSION_BY_TOKEN: Final = STATEMENTS.select("session", "token")
USER_BY_ID: Final = STATEMENTS.select("user", "id")
USER_BY_EMAIL: Final = STATEMENTS.select("user", "email")
SESSION_WITH_USER: Final = STATEMENTS.session_with_user()
INSERT_USER: Final = STATEMENTS.insert("user")
INSERT_SESSION: Final = STATEMENTS.insert("session")
INSERT_ACCOUNT: Final = STATEMENTS.insert("account")
UPDATE_SESSION: Final = f"{STATEMENTS.update_session()} RETURNING {columns(SESSION)}"
DELETE_SESSION: Final = STATEMENTS.delete_session()
CONSUME: Final = (
    "DELETE FROM verification WHERE id IN (SELECT id FROM verification WHERE identifier = ? LIMIT 1) "
    f"RETURNING {columns(VERIFICATION)}"
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


def parameters(made: Iterable[Any]) -> tuple[Any, ...]:
    """Values as they are stored."""
    return tuple(stored_moment(value) if isinstance(value, datetime) else value for value in made)
