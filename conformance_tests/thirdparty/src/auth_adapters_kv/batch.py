"""Rows in a key-value store: one blob each, and one entry for each unique key, written together at the end."""

import base64
import json
from typing import Any, TypeAlias

from auth_adapters.cascades import DeletePlan, Find, key_of, plan_delete, run_async
from auth_adapters.errors import TableMissingError
from auth_adapters.physical import Layout, Table
from auth_adapters.rules import check_references, check_required, key_values, unique_violation

from auth_adapters_kv.store import KeyValueStore

__all__ = ["Batch", "StoredRow"]

StoredRow: TypeAlias = dict[str, Any]


class Batch:
    """Reads and writes of one verb: its writes are visible to it at once, and to others when they are flushed."""

    def __init__(self, store: KeyValueStore, layout: Layout) -> None:
        self._store = store
        self._layout = layout
        self._changes: dict[tuple[str, str], str | None] = {}

    async def rows(self, table: Table) -> list[StoredRow]:
        """Every row of a table."""
        try:
            blobs: dict[str, str | None] = {**await self._store.scan(table.name)}
        except KeyError:
            raise TableMissingError(f"no bucket for {table.model!r}; await adapter.create_tables()") from None
        blobs |= {key: blob for (bucket, key), blob in self._changes.items() if bucket == table.name}
        return [load(blob) for blob in blobs.values() if blob is not None]

    async def row(self, table: Table, columns: tuple[str, ...], values: tuple[Any, ...]) -> StoredRow | None:
        """The row that holds the values in a unique key."""
        if columns != table.primary_key:
            holder = await self._get(table, index_bucket(table, columns), dump(values))
            return None if holder is None else await self.row(table, table.primary_key, load(holder))
        blob = await self._get(table, table.name, dump(values))
        return None if blob is None else load(blob)

    async def _get(self, table: Table, bucket: str, key: str) -> str | None:
        if (bucket, key) in self._changes:
            return self._changes[bucket, key]
        try:
            return await self._store.get(bucket, key)
        except KeyError:
            raise TableMissingError(f"no bucket for {table.model!r}; await adapter.create_tables()") from None

    async def find(self, question: Find) -> list[Any]:
        """The rows that hold one of the values in a column: what checks and cascades ask for."""
        table, columns = question.table, (question.column,)
        if columns in table.unique_keys:
            found = [await self.row(table, columns, (value,)) for value in question.values]
            return [row for row in found if row is not None]
        return [row for row in await self.rows(table) if row[question.column] in question.values]

    async def put(self, table: Table, row: StoredRow, before: StoredRow | None = None) -> None:
        """Store a row in place of `before` (None: it is new). Checks every constraint first."""
        check_required(table, row)
        for columns in table.unique_keys:
            values = key_values(columns, row)
            kept = before is not None and values == key_values(columns, before)
            if values is not None and not kept and await self.row(table, columns, values):
                raise unique_violation(table, columns)
        await run_async(check_references(self._layout, table, before, row), self.find)
        if before is not None:
            self._unlink(table, before)
        self._changes[table.name, dump(key_of(table, row))] = dump(row)
        for columns in table.unique_keys[1:]:
            values = key_values(columns, row)
            if values is not None:
                self._changes[index_bucket(table, columns), dump(values)] = dump(key_of(table, row))

    async def remove(self, table: Table, rows: list[StoredRow]) -> None:
        """Remove rows, and do to those that refer to them what the schema declares."""
        plan: DeletePlan = await run_async(plan_delete(self._layout, table, rows), self.find)
        for name, doomed in plan.removed.items():
            for row in doomed.values():
                self._unlink(self._layout.tables[name], dict(row))
        for (name, column), emptied in plan.emptied.items():
            child = self._layout.tables[name]
            for key in emptied:
                referring = await self.row(child, child.primary_key, key)
                if referring is not None:
                    await self.put(child, {**referring, column: None}, referring)

    def _unlink(self, table: Table, row: StoredRow) -> None:
        self._changes[table.name, dump(key_of(table, row))] = None
        for columns in table.unique_keys[1:]:
            values = key_values(columns, row)
            if values is not None:
                self._changes[index_bucket(table, columns), dump(values)] = None

    async def flush(self) -> None:
        """Write everything at once."""
        if self._changes:
            await self._store.write(self._changes)


def index_bucket(table: Table, columns: tuple[str, ...]) -> str:
    """The bucket that leads from the values of a unique key to the primary key."""
    return "/".join((table.name, *columns))


def dump(value: Any) -> str:
    """A row or a key as a blob."""
    return json.dumps(value, default=lambda data: {"": base64.b64encode(data).decode()})


def load(blob: str) -> Any:
    """The way back."""
    return json.loads(blob, object_hook=lambda found: base64.b64decode(found[""]) if "" in found else found)
