"""What one adapter instance can do beyond what every adapter must."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Capabilities", "Storage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Promises of an open adapter. Each is tested where it is True and must raise
    `UnsupportedOperationError` where it is False. What every adapter must do is not listed here.
    """

    transactions: bool = False
    """`transaction()` and `run_transaction()`: all or nothing, isolated from others."""
    serializable: bool = False
    """`transaction(isolation="serializable")`: as if one transaction ran after the other."""
    savepoints: bool = False
    """`transaction()` inside a transaction: the inner part can be undone alone."""
    atomic_batches: bool = False
    """`create_many` with more than one row: all rows or none."""
    atomic_bulk: bool = False
    """`update_many`, `delete_many` and cascades survive a crash whole or not at all. (No verb to refuse: a
    backend without it documents what a crash may leave.)"""
    serial_ids: bool = False
    """The id mode `serial`: ascending integers made by the database, never reused."""
    database_ids: bool = False
    """The id mode `database`: the database makes the id by its own means."""
    database_schemas: bool = False
    """Tables in a named schema of the database (`Naming.database_schema`)."""
    bind: bool = False
    """`bind(connection_or_session)`: work inside a transaction that the application owns."""
    native_joins: bool = False
    """A join to one record travels in the same statement. (No verb to refuse: without it, one statement more.)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Which Python values a backend stores as they are. The codec converts all others, once chosen at construction.

    boolean False: 0 and 1. json False: JSON text. arrays False: JSON text. uuid False: the canonical 36 characters;
    True: `uuid.UUID`. datetime: "text": `2026-01-31T12:00:00.000Z`, which sorts as time does. "aware": datetimes in
    UTC. "naive": datetimes in UTC without a time zone. "written": sent as that text, comes back aware in UTC.
    "written_naive": sent as `2026-01-31 12:00:00.000`, comes back as a datetime in UTC without a time zone. bytes
    False: hexadecimal text, which sorts as they do. object_id None: an id of 24 hexadecimal digits is text; else it is
    wrapped by this function, and `str` is the way back.
    """

    boolean: bool = False
    datetime: Literal["text", "aware", "naive", "written", "written_naive"] = "text"
    json: bool = False
    arrays: bool = False
    uuid: bool = False
    bytes: bool = True
    object_id: Callable[[str], Any] | None = None
