"""The physical verbs on plain dicts: the reference for what every other backend does."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar
from uuid import uuid4

from auth_adapters.backends.memory.store import MemoryStore, Stored, Tables
from auth_adapters.cascades import Find, key_of, plan_delete, run_sync
from auth_adapters.matching import chosen, matcher
from auth_adapters.physical import (
    AllOf,
    Condition,
    Count,
    Delete,
    Increment,
    Insert,
    Layout,
    Row,
    Select,
    Table,
    Test,
    Update,
    Upsert,
    Values,
    pinned_key,
)
from auth_adapters.rules import added, check_references, unique_violation

__all__ = ["MemoryVerbs"]

T = TypeVar("T")


class MemoryVerbs:
    """The physical verbs over some `Tables`; each runs without a pause, so nothing can come between."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._layout: Layout | None = None

    def _tables(self) -> Tables:
        raise NotImplementedError

    async def _write(self, work: Callable[[], T]) -> T:
        raise NotImplementedError

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        return await self._write(lambda: [self._insert(statement, row) for row in rows])

    async def select(self, statement: Select, values: Values) -> list[Row]:
        return chosen(statement, self._candidates(statement.table, statement.condition, values), values)

    async def count(self, statement: Count, values: Values) -> int:
        return len(self._matching(statement.table, statement.condition, values))

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        def work() -> Row | None:
            for row in self._matching(statement.table, statement.condition, values, at_most=1):
                return self._change(statement, row, self._assigned(statement, values))
            return None

        return await self._write(work)

    async def update_many(self, statement: Update, values: Values) -> int:
        def work() -> int:
            rows = self._matching(statement.table, statement.condition, values)
            for row in rows:
                self._change(statement, row, self._assigned(statement, values))
            return len(rows)

        return await self._write(work)

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        def work() -> Row | None:
            for row in self._matching(statement.table, statement.condition, values, at_most=1):
                sums = {column: added(row[column], values[slot]) for column, slot in statement.increments}
                return self._change(statement, row, {**self._assigned(statement, values), **sums})
            return None

        return await self._write(work)

    async def delete(self, statement: Delete, values: Values) -> int:
        limit = None if statement.limit is None else values[statement.limit]
        return len(await self._write(lambda: self._delete(statement, values, limit)))

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        rows = await self._write(lambda: self._delete(statement, values, 1))
        return tuple(rows[0][column] for column in statement.returning) if rows else None

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        table = statement.table

        def work() -> tuple[Row, bool]:
            row = dict(zip(statement.columns, values, strict=False))
            key = tuple(row[column] for column in statement.key)
            rows = self._tables().of(table)
            holder = self._tables().taken[table.whole_name, statement.key].get(key)
            if holder is None:
                stored = self._store_new(table, row)
                return tuple(stored[column] for column in statement.returning), True
            return self._change(statement, rows[holder], self._assigned(statement, values)), False

        return await self._write(work)

    def _candidates(self, table: Table, condition: Condition, values: Values) -> Iterable[Stored]:
        rows = self._tables().of(table)
        pinned = pinned_key(table, condition)
        if pinned is None:
            return self._listed(table, condition, values)
        columns = tuple(column for column, _ in pinned)
        key = self._tables().taken[table.whole_name, columns].get(tuple(values[slot] for _, slot in pinned))
        return () if key is None else (rows[key],)

    def _listed(self, table: Table, condition: Condition, values: Values) -> Iterable[Stored]:
        """The rows that a list of values of a unique column allows, all without such a list."""
        rows = self._tables().of(table)
        for part in condition.parts if isinstance(condition, AllOf) else (condition,):
            if not isinstance(part, Test) or part.op != "in" or part.slot is None:
                continue
            if (part.column,) in table.unique_keys and not (part.negated or part.insensitive):
                taken = self._tables().taken[table.whole_name, (part.column,)]
                keys = [taken.get((value,)) for value in dict.fromkeys(values[part.slot])]
                return [rows[key] for key in keys if key is not None]
        return rows.values()

    def _matching(self, table: Table, condition: Condition, values: Values, at_most: int | None = None) -> list[Stored]:
        matches = matcher(condition)
        found: list[Stored] = []
        for row in self._candidates(table, condition, values):
            if at_most is not None and len(found) >= at_most:
                break
            if matches(row, values):
                found.append(row)
        return found

    def _assigned(self, statement: Update | Increment | Upsert, values: Values) -> Stored:
        return {column: values[slot] for column, slot in statement.assignments}

    def _insert(self, statement: Insert, row: Row) -> Row:
        stored = self._store_new(statement.table, dict(zip(statement.columns, row, strict=True)))
        return tuple(stored[column] for column in statement.returning)

    def _store_new(self, table: Table, row: Stored) -> Stored:
        for column in table.columns.values():
            if column.generated == "serial":
                if column.name in row:
                    self._store.note_serial(table, row[column.name])
                else:
                    row[column.name] = self._store.next_serial(table)
            elif column.generated == "database" and column.name not in row:
                row[column.name] = str(uuid4())
        if key_of(table, row) in self._tables().of(table):
            raise unique_violation(table, table.primary_key)
        self._tables().put(table, key_of(table, row), row)
        self._check_references(table, None, row)
        return row

    def _change(self, statement: Update | Increment | Upsert, row: Stored, changes: Stored) -> Row:
        table, changed = statement.table, {**row, **changes}
        self._tables().put(table, key_of(table, row), changed)
        self._check_references(table, row, changed)
        return tuple(changed[column] for column in statement.returning)

    def _check_references(self, table: Table, before: Stored | None, after: Stored) -> None:
        assert self._layout is not None
        run_sync(check_references(self._layout, table, before, after), self._holding)

    def _delete(self, statement: Delete, values: Values, limit: int | None) -> list[Stored]:
        assert self._layout is not None
        table, tables = statement.table, self._tables()
        rows = self._matching(table, statement.condition, values, at_most=limit)
        plan = run_sync(plan_delete(self._layout, table, rows), self._holding)
        for name, doomed in plan.removed.items():
            for key in doomed:
                tables.put(self._layout.tables[name], key, None)
        for (name, column), emptied in plan.emptied.items():
            for key in emptied:
                child = self._layout.tables[name]
                tables.put(child, key, {**tables.of(child)[key], column: None})
        return rows

    def _holding(self, question: Find) -> list[Any]:
        rows = self._tables().of(question.table)
        if question.table.primary_key == (question.column,):
            return [rows[value,] for value in question.values if (value,) in rows]
        wanted = set(question.values)
        return [row for row in rows.values() if row[question.column] in wanted]
