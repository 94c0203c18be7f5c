"""How the tables hold times where the database has no type for them."""

from datetime import datetime

__all__ = ["moment", "stored_moment"]


def stored_moment(value: datetime) -> str:
    """A UTC time as the tables hold it: text of fixed width."""
    return value.isoformat(timespec="milliseconds")[:23] + "Z"


def moment(stored: str) -> datetime:
    """The way back."""
    return datetime.fromisoformat(stored)
