"""The two contracts: `Adapter`, which auth code holds, and `Backend`, which a database implements.

Everything that a verb of `Adapter` promises is said here, and holds on every backend.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Literal, Protocol, Self, TypeAlias, runtime_checkable

from typing_extensions import TypeVar

from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.physical import Count, Delete, Increment, Insert, Layout, Row, Select, Update, Upsert, Values
from auth_adapters.query import All, Join, ModelRef, Where
from auth_adapters.schema.composition import Schema

__all__ = ["Adapter", "Backend", "BackendTransaction", "Executor", "Isolation"]

R = TypeVar("R", default=dict[str, Any])
T = TypeVar("T")
Isolation: TypeAlias = Literal["read_committed", "repeatable_read", "serializable"]


@runtime_checkable
class Adapter(Protocol):
    """Storage for auth models. An async context manager: entering opens, leaving closes.

    In every verb `model` is a logical name or a `ModelRef`, fields are logical names, records are plain dicts that
    belong to the caller. Every verb may raise, before any I/O: `UnknownModelError`, `UnknownFieldError`,
    `InvalidQueryError` for a wrong question, `InvalidValueError` for a value that does not fit its field, and
    `AdapterStateError` for an adapter that is not open; from the database: `BackendError` and what is below it.
    Outside a transaction each verb is atomic by itself and has committed when it returns.
    """

    @property
    def schema(self) -> Schema:
        """What is stored."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this instance can do. `AdapterStateError` until it is open: only then is it known."""
        ...

    async def open(self) -> None:
        """Connect. Once; an open adapter stays as it is, a closed one may be opened again.

        Raises `ConnectionFailedError`, or `UnsupportedOperationError` where the schema asks for what the backend
        does not have.
        """
        ...

    async def close(self) -> None:
        """Let go of every connection that this adapter opened, after the operations under way. Idempotent."""
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc: object) -> None: ...

    async def create_tables(self) -> None:
        """Create the tables, indexes and constraints that are absent. Never alters what is there. Idempotent."""
        ...

    def bind(self, connection_or_session: Any) -> "Adapter":
        """An adapter that works on the application's own connection or session, in its transaction.

        Sync and cheap. The owner commits, rolls back and closes; this never does, and an error from the database does
        not make it refuse further verbs: whether the transaction can go on is between its owner and the database.
        `transaction()` on it is a savepoint. Raises `UnsupportedOperationError`
        where the backend has no such thing and `ConfigurationError` for an object of another kind.
        """
        ...

    async def create(
        self,
        model: ModelRef[R] | str,
        data: Mapping[str, Any],
        *,
        select: Collection[str] | None = None,
        force_id: bool = False,
    ) -> R:
        """Store a new record and return it as stored, defaults and id included.

        A missing key takes its default; an explicit None does not. `select` names the fields to return. `force_id`
        lets `data` hold the id. Raises `InvalidValueError` for a required field without a value,
        `UniqueViolationError`, `ForeignKeyViolationError`; nothing is stored then.
        """
        ...

    async def create_many(
        self, model: ModelRef[R] | str, rows: Sequence[Mapping[str, Any]], *, force_id: bool = False
    ) -> list[R]:
        """Store new records, all or none, and return them in the given order. No rows: `[]`.

        More than one row raises `UnsupportedOperationError` without the capability `atomic_batches`.
        """
        ...

    async def find_one(
        self,
        model: ModelRef[R] | str,
        where: Where,
        *,
        select: Collection[str] | None = None,
        join: Collection[str] | Mapping[str, Join] = (),
        sort: Sequence[str] = (),
    ) -> R | None:
        """A record that matches, or None. Which of several is unspecified unless sorted.

        `select` leaves out every field not named, the id too; joined records come anyway.
        """
        ...

    async def find_many(
        self,
        model: ModelRef[R] | str,
        where: Where | All | None = None,
        *,
        select: Collection[str] | None = None,
        sort: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
        after: Mapping[str, Any] | Sequence[Any] | None = None,
        join: Collection[str] | Mapping[str, Join] = (),
    ) -> list[R]:
        """Every record that matches; there is no hidden limit.

        `sort=["-created_at", "name"]` descends and then ascends; None sorts first ascending and last descending;
        the primary key breaks ties, and is the order without `sort`. `limit=0` gives `[]`. `after` is the last record
        of the page before (with its sort fields and primary key), or those values in that order: records behind it.
        """
        ...

    def iterate(
        self,
        model: ModelRef[R] | str,
        where: Where | All | None = None,
        *,
        select: Collection[str] | None = None,
        sort: Sequence[str] = (),
        join: Collection[str] | Mapping[str, Join] = (),
        batch: int = 500,
    ) -> AsyncIterator[R]:
        """Every record that matches, fetched `batch` at a time by keyset: bounded memory. Not a snapshot: records
        written meanwhile may or may not appear; none appears twice unless its sort fields change.
        """
        ...

    async def count(self, model: ModelRef[Any] | str, where: Where | All | None = None) -> int:
        """How many records match."""
        ...

    async def update(self, model: ModelRef[R] | str, where: Where, changes: Mapping[str, Any]) -> R | None:
        """Change at most one record that matches and return it as it is now; None if none matches.

        Which of several is unspecified. A change to the values that are there already returns the record too.
        Fields with `on_update` are refreshed unless given. Raises `InvalidQueryError` for an empty `where`, no
        changes, or a change of the primary key; `ConstraintError` and its kin, with nothing changed.
        """
        ...

    async def update_many(self, model: ModelRef[Any] | str, where: Where | All, changes: Mapping[str, Any]) -> int:
        """Change every record that matches; how many matched. The whole table only with `ALL`. All or none, where the
        capability `atomic_bulk` says so.
        """
        ...

    async def delete(self, model: ModelRef[Any] | str, where: Where) -> bool:
        """Remove at most one record that matches; whether one was removed.

        What refers to it is removed, emptied, or refuses (`ForeignKeyViolationError`), as the schema declares.
        """
        ...

    async def delete_many(self, model: ModelRef[Any] | str, where: Where | All) -> int:
        """Remove every record that matches; how many matched. The whole table only with `ALL`."""
        ...

    async def consume_one(self, model: ModelRef[R] | str, where: Where) -> R | None:
        """Remove one record that matches and return it; None if none matches.

        Atomic: of N concurrent callers over M matching records min(N, M) get one each, no two the same. It waits for
        transactions that hold a matching record and never skips one.
        """
        ...

    async def increment_one(
        self,
        model: ModelRef[R] | str,
        where: Where,
        increment: Mapping[str, Any],
        changes: Mapping[str, Any] | None = None,
    ) -> R | None:
        """Add to number fields of one record that matches, set `changes`, and return it; None if none matches.

        Atomic, and `where` is selector and guard in one: `field("remaining").gt(0)` never lets it fall below zero.
        None counts as 0. Raises `InvalidValueError` if a sum does not fit the field; nothing is changed then. With
        `changes`, `increment` may be empty: that is `update`.
        """
        ...

    async def upsert(
        self,
        model: ModelRef[R] | str,
        data: Mapping[str, Any],
        *,
        on: Sequence[str],
        changes: Mapping[str, Any] | None = None,
    ) -> tuple[R, bool]:
        """Store `data`, or change the record that has the same key; the record, and whether this call stored it.

        `on` names the fields of one declared unique key (not an id that is made), all with values in `data`. An
        existing record gets `changes`; without them, `data` (key and primary key apart); with `{}` it stays as it is. A
        conflict on any other key raises `UniqueViolationError` and changes nothing. Atomic.
        """
        ...

    async def purge_expired(self, *, now: datetime | None = None, batch: int = 1000) -> dict[str, int]:
        """Remove every record whose expiry field is at or before `now` (default: the current time), at most `batch`
        records at a time, each batch atomic by itself; how many, by model that declares an expiry field. An adapter may
        take smaller batches to let others in between.
        """
        ...

    def transaction(self, *, isolation: Isolation | None = None) -> AbstractAsyncContextManager["Adapter"]:
        """A transaction: `async with adapter.transaction() as tx`, then every verb on `tx`.

        A normal exit commits; any exception, cancellation included, rolls back. Inside a transaction it is a
        savepoint (capability `savepoints`). `isolation` is a minimum; None is the database's default.

        After an error from the database the transaction has failed: further verbs raise `AdapterStateError`, and a
        normal exit rolls back and raises it, or `TransientError` if that was the error: the whole is safe to retry. To
        catch an error and go on, nest. `AdapterStateError` also meets the outer adapter when used by the task that
        holds the transaction, `tx` used by two tasks at once, and `tx`, or a savepoint in it, after its end. Raises
        `UnsupportedOperationError` without the capability `transactions`.
        """
        ...

    async def run_transaction(
        self, work: Callable[["Adapter"], Awaitable[T]], *, isolation: Isolation | None = None, attempts: int = 3
    ) -> T:
        """`await work(tx)` in a transaction, and again in a new one after a `TransientError`, up to `attempts` times in
        all with short random pauses between. Returns what `work` returned; the last error is raised. `work` must be
        free of side effects outside the transaction. Inside a transaction it runs once, in a savepoint.
        """
        ...


class Executor(Protocol):
    """The physical verbs. Each is atomic by itself, inside a transaction or out of one.

    A statement holds no values; they come beside it, by slot (see `physical`). Rows come back as tuples in the order
    of the statement's columns. Errors are those of `auth_adapters.errors`, with logical names from `Table.model` and
    `Table.fields`.
    """

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        """Store rows, all or none; for each, in order, the values of `statement.returning` (which may be none)."""
        ...

    async def select(self, statement: Select, values: Values) -> list[Row]:
        """The rows asked for."""
        ...

    async def count(self, statement: Count, values: Values) -> int:
        """How many rows match."""
        ...

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        """Change at most one row that matches; its `returning` values as they are now."""
        ...

    async def update_many(self, statement: Update, values: Values) -> int:
        """Change every row that matches; how many matched."""
        ...

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        """Add and assign in at most one row that matches; its `returning` values as they are now.

        `InvalidValueError`, with nothing changed, for a sum outside 64 bits or the finite doubles.
        """
        ...

    async def delete(self, statement: Delete, values: Values) -> int:
        """Remove the rows that match, at most as many as the limit says; how many. Carries out cascades."""
        ...

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        """Remove one row that matches and return its `returning` values. N racers over M rows get min(N, M)."""
        ...

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        """Insert, or assign to the row that has the same key; its `returning` values, and whether it was inserted."""
        ...


class BackendTransaction(Executor, Protocol):
    """The physical verbs inside one transaction or savepoint, ended exactly once by `commit` or `rollback`."""

    async def commit(self) -> None:
        """Make it so. After an error nothing of it is stored."""
        ...

    async def rollback(self) -> None:
        """Undo it. Never raises for a transaction that the database has undone already."""
        ...

    async def savepoint(self) -> "BackendTransaction":
        """A part that can be undone alone. Only called where `capabilities.savepoints`."""
        ...


@runtime_checkable
class Backend(Executor, Protocol):
    """One database: what a new backend implements. The mapping to models and fields comes for free.

    `matching`, `cascades`, `rules` and the adapter's own joins serve a backend that has no query language.
    """

    storage: Storage
    """Which values it stores as they are. Fixed at construction."""

    capabilities: Capabilities
    """What it can do; final once `open` has returned."""

    async def open(self, layout: Layout) -> None:
        """Connect. `layout` holds the tables that will be asked for."""
        ...

    async def close(self) -> None:
        """Wait for what is under way, then let go of every connection that it opened itself."""
        ...

    async def create_tables(self) -> None:
        """Create what is absent of the layout."""
        ...

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        """Begin a transaction. Only called where `capabilities.transactions`."""
        ...

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        """The verbs on the application's own connection or session. Only called where `capabilities.bind`.

        Its `commit` and `rollback` are never called; its savepoints are.
        """
        ...
