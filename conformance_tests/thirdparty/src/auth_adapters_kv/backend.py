"""The backend: the physical verbs over `Batch`, one verb at a time."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.matching import chosen, matcher
from auth_adapters.physical import (
    Condition,
    Count,
    Delete,
    Increment,
    Insert,
    Layout,
    Row,
    Select,
    Table,
    Update,
    Upsert,
    Values,
    pinned_key,
)
from auth_adapters.protocols import BackendTransaction, Isolation
from auth_adapters.rules import added

from auth_adapters_kv.batch import Batch, StoredRow, index_bucket
from auth_adapters_kv.store import KeyValueStore

__all__ = ["KeyValueBackend"]


class KeyValueBackend:
    """A `Backend` on a `KeyValueStore`, without transactions: it declares no capability at all."""

    storage = Storage()
    capabilities = Capabilities()

    def __init__(self, store: KeyValueStore) -> None:
        self._store = store

    async def open(self, layout: Layout) -> None:
        self._layout = layout
        self._store.connect()

    async def close(self) -> None:
        async with self._store.lock:
            self._store.disconnect()

    async def create_tables(self) -> None:
        for table in self._layout.tables.values():
            await self._store.create(table.name)
            for columns in table.unique_keys[1:]:
                await self._store.create(index_bucket(table, columns))

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        raise NotImplementedError("never called: transactions are not declared")

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        raise NotImplementedError("never called: bind is not declared")

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        async with self._writing() as batch:
            for row in rows:
                await batch.put(statement.table, dict(zip(statement.columns, row, strict=True)))
        return [() for _ in rows]

    async def select(self, statement: Select, values: Values) -> list[Row]:
        rows = await self._matching(self._batch(), statement.table, statement.condition, values)
        return chosen(statement, rows, values)

    async def count(self, statement: Count, values: Values) -> int:
        return len(await self._matching(self._batch(), statement.table, statement.condition, values))

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        async with self._writing() as batch:
            for row in await self._matching(batch, statement.table, statement.condition, values):
                return await self._change(batch, statement, row, values, {})
        return None

    async def update_many(self, statement: Update, values: Values) -> int:
        async with self._writing() as batch:
            rows = await self._matching(batch, statement.table, statement.condition, values)
            for row in rows:
                await self._change(batch, statement, row, values, {})
        return len(rows)

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        async with self._writing() as batch:
            for row in await self._matching(batch, statement.table, statement.condition, values):
                sums = {column: added(row[column], values[slot]) for column, slot in statement.increments}
                return await self._change(batch, statement, row, values, sums)
        return None

    async def delete(self, statement: Delete, values: Values) -> int:
        async with self._writing() as batch:
            rows = await self._matching(batch, statement.table, statement.condition, values)
            doomed = rows if statement.limit is None else rows[: values[statement.limit]]
            await batch.remove(statement.table, doomed)
        return len(doomed)

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        async with self._writing() as batch:
            for row in await self._matching(batch, statement.table, statement.condition, values):
                await batch.remove(statement.table, [row])
                return tuple(row[column] for column in statement.returning)
        return None

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        new = dict(zip(statement.columns, values, strict=False))
        async with self._writing() as batch:
            row = await batch.row(statement.table, statement.key, tuple(new[column] for column in statement.key))
            if row is not None:
                return await self._change(batch, statement, row, values, {}), False
            await batch.put(statement.table, new)
        return tuple(new[column] for column in statement.returning), True

    def _batch(self) -> Batch:
        return Batch(self._store, self._layout)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Batch]:
        """One writer at a time; what it wrote is stored at the end, unless it raises."""
        async with self._store.lock:
            batch = self._batch()
            yield batch
            await batch.flush()

    async def _matching(self, batch: Batch, table: Table, condition: Condition, values: Values) -> list[StoredRow]:
        pinned = pinned_key(table, condition)
        if pinned:
            columns = tuple(column for column, _ in pinned)
            row = await batch.row(table, columns, tuple(values[slot] for _, slot in pinned))
            candidates = [] if row is None else [row]
        else:
            candidates = await batch.rows(table)
        matches = matcher(condition)
        return [row for row in candidates if matches(row, values)]

    async def _change(
        self, batch: Batch, statement: Update | Increment | Upsert, row: StoredRow, values: Values, sums: StoredRow
    ) -> Row:
        changed = {**row, **{column: values[slot] for column, slot in statement.assignments}, **sums}
        await batch.put(statement.table, changed, row)
        return tuple(changed[column] for column in statement.returning)
