"""The data of the memory backend: rows, who holds which unique values, and the way back when a verb fails."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from auth_adapters.cascades import Key
from auth_adapters.errors import TableMissingError
from auth_adapters.physical import Table
from auth_adapters.rules import check_required, unique_violation

__all__ = ["MemoryStore", "Stored", "Tables"]

T = TypeVar("T")
Stored = dict[str, Any]


class Tables:
    """Every row, and for each unique key who holds which values. A verb that fails leaves it as it was."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[Key, Stored]] = {}
        self.taken: dict[tuple[str, tuple[str, ...]], dict[Key, Key]] = {}
        self.undo: list[tuple[Table, Key, Stored | None]] = []

    def copy(self) -> "Tables":
        """Another one with the same rows; rows themselves are never changed in place."""
        other = Tables()
        other.rows = {name: dict(rows) for name, rows in self.rows.items()}
        other.taken = {name: dict(keys) for name, keys in self.taken.items()}
        return other

    def create(self, table: Table) -> None:
        """Make room for a table that is absent."""
        self.rows.setdefault(table.whole_name, {})
        for key in table.unique_keys:
            self.taken.setdefault((table.whole_name, key), {})

    def of(self, table: Table) -> dict[Key, Stored]:
        """The rows of a table."""
        try:
            return self.rows[table.whole_name]
        except KeyError:
            raise TableMissingError(
                f"the table of {table.model!r} is not there; await adapter.create_tables()"
            ) from None

    def atomically(self, work: Callable[[], T]) -> T:
        """Do the work, or none of it."""
        self.undo = []
        try:
            return work()
        except BaseException:
            for table, key, before in reversed(self.undo):
                self._place(table, key, before)
            raise

    def put(self, table: Table, key: Key, row: Stored | None) -> None:
        """Store a row, or remove it (None). Raises `UniqueViolationError`, `NotNullViolationError`."""
        before = self.of(table).get(key)
        if row is not None:
            check_required(table, row)
            for columns in table.unique_keys:
                values = tuple(row[column] for column in columns)
                holder = self.taken[table.whole_name, columns].get(values)
                if None not in values and holder is not None and (before is None or holder != key):
                    raise unique_violation(table, columns)
        self._place(table, key, row)
        self.undo.append((table, key, before))

    def _place(self, table: Table, key: Key, row: Stored | None) -> None:
        rows = self.rows[table.whole_name]
        before = rows.pop(key, None) if row is None else rows.get(key)
        for columns in table.unique_keys:
            taken = self.taken[table.whole_name, columns]
            if before is not None:
                taken.pop(tuple(before[column] for column in columns), None)
            if row is not None:
                values = tuple(row[column] for column in columns)
                if None not in values:
                    taken[values] = key
        if row is not None:
            rows[key] = row


class MemoryStore:
    """The data, apart from any adapter: several adapters may share one, and it outlives them."""

    def __init__(self) -> None:
        self.tables: Tables = Tables()
        self.serials: dict[str, int] = {}
        self._writer: tuple[asyncio.AbstractEventLoop | None, asyncio.Lock] = (None, asyncio.Lock())

    @property
    def writer(self) -> asyncio.Lock:
        """Held by whoever writes. A lock serves one event loop."""
        loop = asyncio.get_running_loop()
        if self._writer[0] is not loop:
            self._writer = (loop, asyncio.Lock())
        return self._writer[1]

    def next_serial(self, table: Table) -> int:
        """A number that was never given before."""
        self.serials[table.whole_name] = self.serials.get(table.whole_name, 0) + 1
        return self.serials[table.whole_name]

    def note_serial(self, table: Table, given: int) -> None:
        """Never give a number again that was given by hand."""
        self.serials[table.whole_name] = max(self.serials.get(table.whole_name, 0), given)
