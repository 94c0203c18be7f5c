"""The SQL of the contenders that write it by hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.contenders.shared.protocol import Record, new_id, now

__all__ = ["ACCOUNT", "COLUMNS", "MOMENTS", "SESSION", "USER", "VERIFICATION", "Statements", "columns", "complete"]

USER: Final = ("id", "name", "email", "email_verified", "image", "created_at", "updated_at")
SESSION: Final = (
    "id", "user_id", "token", "expires_at", "ip_address", "user_agent", "created_at", "updated_at"
)  # fmt: skip
ACCOUNT: Final = (
    "id", "user_id", "account_id", "provider_id", "access_token", "refresh_token", "id_token",
    "access_token_expires_at", "refresh_token_expires_at", "scope", "password", "created_at", "updated_at",
)  # fmt: skip
VERIFICATION: Final = ("id", "identifier", "value", "expires_at", "created_at", "updated_at")
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "user": USER, "session": SESSION, "account": ACCOUNT, "verification": VERIFICATION
}  # fmt: skip
MOMENTS: Final = frozenset(
    {"expires_at", "created_at", "updated_at", "access_token_expires_at", "refresh_token_expires_at"}
)


def columns(names: Sequence[str], table: str = "") -> str:
    """A list of columns."""
    return ", ".join(f"{table}{name}" for name in names)


@dataclass(frozen=True, slots=True)
class Statements:
    """The statements that look alike on every database. mark: the n-th parameter. quote: what surrounds a name."""

    mark: Callable[[int], str]
    quote: str = '"'

    def insert(self, table: str) -> str:
        """INSERT of all columns."""
        names = COLUMNS[table]
        marks = ", ".join(map(self.mark, range(1, len(names) + 1)))
        return f"INSERT INTO {self.quote}{table}{self.quote} ({columns(names)}) VALUES ({marks})"

    def select(self, table: str, by: str) -> str:
        """SELECT by one column."""
        return f"SELECT {columns(COLUMNS[table])} FROM {self.quote}{table}{self.quote} WHERE {by} = {self.mark(1)}"

    def session_with_user(self) -> str:
        """SELECT of the session with a token, and of its user."""
        return (
            f"SELECT {columns(SESSION, 's.')}, {columns(USER, 'u.')} FROM session s "
            f"LEFT JOIN {self.quote}user{self.quote} u ON s.user_id = u.id WHERE s.token = {self.mark(1)}"
        )

    def update_session(self) -> str:
        """UPDATE of the times of the session with a token."""
        expires_at, updated_at, token = map(self.mark, (1, 2, 3))
        return f"UPDATE session SET expires_at = {expires_at}, updated_at = {updated_at} WHERE token = {token}"

    def delete_session(self) -> str:
        """DELETE of the session with a token."""
        return f"DELETE FROM session WHERE token = {self.mark(1)}"


def complete(names: Sequence[str], data: Mapping[str, Any]) -> Record:
    """A new record: the data, an id, the times, None for what is left out."""
    at = now()
    return dict.fromkeys(names) | {"id": new_id(), "created_at": at, "updated_at": at} | dict(data)
