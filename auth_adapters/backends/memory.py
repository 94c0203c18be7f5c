"""The reference: exact semantics in plain dicts. Also a fast database for an application's tests.

Writers take turns, as in SQLite: a transaction works on a copy of its own, others read what was committed.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from uuid import uuid4

from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.cascades import Find, Key, key_of, plan_delete, run_sync
from auth_adapters.errors import TableMissingError, TransientError
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
from auth_adapters.protocols import BackendTransaction, Isolation
from auth_adapters.rules import added, check_references, check_required, unique_violation

__all__ = ["MemoryBackend", "MemoryStore"]

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


class MemoryBackend(MemoryVerbs):
    """A `Backend` in plain dicts. store: the data; a new one unless given. lock_timeout: seconds that a writer waits
    for a transaction of others before `TransientError`.
    """

    storage: Storage = Storage(boolean=True, datetime="aware")
    capabilities: Capabilities = Capabilities(
        transactions=True,
        serializable=True,
        savepoints=True,
        atomic_batches=True,
        atomic_bulk=True,
        serial_ids=True,
        database_ids=True,
        database_schemas=True,
    )

    def __init__(self, store: MemoryStore | None = None, *, lock_timeout: float = 10.0) -> None:
        super().__init__(store or MemoryStore())
        self._lock_timeout = lock_timeout

    async def open(self, layout: Layout) -> None:
        self._layout = layout

    async def close(self) -> None:
        async with self._turn():
            pass

    async def create_tables(self) -> None:
        assert self._layout is not None
        async with self._turn():
            for table in self._layout.tables.values():
                self._store.tables.create(table)

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        await self._acquire()
        assert self._layout is not None
        return MemoryTransaction(self._store, self._layout)

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        raise NotImplementedError("never called: the capability bind is not declared")

    def _tables(self) -> Tables:
        return self._store.tables

    async def _write(self, work: Callable[[], T]) -> T:
        if not self._store.writer.locked():
            return self._store.tables.atomically(work)
        async with self._turn():
            return self._store.tables.atomically(work)

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(self._lock_timeout):
                await self._store.writer.acquire()
        except TimeoutError:
            raise TransientError("another transaction held the store for too long") from None

    @asynccontextmanager
    async def _turn(self) -> Any:
        await self._acquire()
        try:
            yield
        finally:
            self._store.writer.release()


class MemoryTransaction(MemoryVerbs):
    """A transaction on a copy; committing puts the copy in place. It holds the writer's lock until its end."""

    def __init__(self, store: MemoryStore, layout: Layout) -> None:
        super().__init__(store)
        self._layout = layout
        self._own = store.tables.copy()

    def _tables(self) -> Tables:
        return self._own

    async def _write(self, work: Callable[[], T]) -> T:
        return self._own.atomically(work)

    async def commit(self) -> None:
        self._store.tables = self._own
        self._store.writer.release()

    async def rollback(self) -> None:
        self._store.writer.release()

    async def savepoint(self) -> BackendTransaction:
        return MemorySavepoint(self)

    def restore(self, tables: Tables) -> None:
        """Go back to an earlier state."""
        self._own = tables


class MemorySavepoint(MemoryVerbs):
    """A part of a transaction; rolling back restores the copy made at its beginning."""

    def __init__(self, outer: "MemoryTransaction | MemorySavepoint") -> None:
        super().__init__(outer._store)
        self._layout = outer._layout
        self._outer = outer
        self._before = outer._tables().copy()

    def _tables(self) -> Tables:
        return self._outer._tables()

    async def _write(self, work: Callable[[], T]) -> T:
        return self._tables().atomically(work)

    async def commit(self) -> None:
        pass

    async def rollback(self) -> None:
        self.restore(self._before)

    async def savepoint(self) -> BackendTransaction:
        return MemorySavepoint(self)

    def restore(self, tables: Tables) -> None:
        """Go back to an earlier state."""
        self._outer.restore(tables)
