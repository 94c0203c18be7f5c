"""What an adapter asks a backend for: tables, conditions and statements. Physical names only; pure data.

A statement is a *shape*: it holds no values. Where a value belongs it names a *slot*, a position in the tuple of
values that travels beside it. The same question with other values is the same statement object, so a backend may
keep whatever it made of a statement (compiled SQL, a filter) under the object itself. Values are already in the form
that the backend's `Storage` asks for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from auth_adapters.schema.fields import OnDelete

__all__ = [
    "AllOf",
    "AnyOf",
    "Column",
    "ColumnKind",
    "Condition",
    "Count",
    "Delete",
    "ForeignKey",
    "Increment",
    "Insert",
    "JoinOne",
    "Layout",
    "Op",
    "Order",
    "PerParent",
    "Row",
    "Select",
    "Slot",
    "Statement",
    "Table",
    "TableIndex",
    "Test",
    "Update",
    "Upsert",
    "Values",
    "pinned_key",
    "tests_of",
]

Slot: TypeAlias = int
Values: TypeAlias = tuple[Any, ...]
Row: TypeAlias = tuple[Any, ...]
ColumnKind: TypeAlias = Literal[
    "string",
    "text",
    "integer",
    "float",
    "boolean",
    "datetime",
    "json",
    "string[]",
    "integer[]",
    "bytes",
    "uuid",
    "objectid",
]
Op: TypeAlias = Literal["eq", "lt", "lte", "gt", "gte", "in", "contains", "starts_with", "ends_with", "is_null"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. field: the logical name it stands for (errors speak of that). length: of a string, in characters.

    default: a constant in stored form, or None. generated: the database makes the value when none is given.
    """

    name: str
    field: str
    kind: ColumnKind
    nullable: bool
    length: int | None = None
    default: Any = None
    generated: Literal["serial", "database"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """`column` of the table that holds this refers to `target_column` of the table named `target`."""

    name: str
    column: str
    target: str
    target_column: str
    on_delete: OnDelete


@dataclass(frozen=True, slots=True, kw_only=True)
class TableIndex:
    """An index over columns, in that order."""

    name: str
    columns: tuple[str, ...]
    unique: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """One table. model: the logical name it stands for. expires: the column of when a row is of no use any more.

    makes_id: whether the primary key of a new row is made for it, so that no other row has it.
    """

    name: str
    model: str
    schema: str | None
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    indexes: tuple[TableIndex, ...]
    foreign_keys: tuple[ForeignKey, ...]
    expires: str | None = None
    makes_id: bool = False

    @property
    def whole_name(self) -> str:
        """The name among the tables of all database schemas."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    @property
    def unique_keys(self) -> tuple[tuple[str, ...], ...]:
        """The primary key, then every unique index."""
        return (self.primary_key, *(index.columns for index in self.indexes if index.unique))

    def fields(self, columns: tuple[str, ...]) -> tuple[str, ...]:
        """The logical names of columns, for an error."""
        return tuple(dict.fromkeys(self.columns[name].field for name in columns if name in self.columns))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Every table of a schema, by physical name."""

    tables: Mapping[str, Table]

    def children(self, table: Table) -> Iterator[tuple[Table, ForeignKey]]:
        """The foreign keys that refer to `table`, each with the table that holds it."""
        for child in self.tables.values():
            for key in child.foreign_keys:
                if key.target == table.name:
                    yield child, key


@dataclass(frozen=True, slots=True)
class Test:
    """One column against one value.

    A NULL never matches, `is_null` apart. `negated` is the exact complement: then a NULL does match (`is_null`
    apart). `in` takes a list without NULLs, which may be empty. `insensitive` folds at least A to Z on both sides.
    """

    __test__ = False

    column: str
    op: Op
    slot: Slot | None = None
    negated: bool = False
    insensitive: bool = False


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every part matches. Without parts: always."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one part matches. Without parts: never."""

    parts: "tuple[Condition, ...]"


Condition: TypeAlias = Test | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Order:
    """Sort by a column. NULLs come first ascending and last descending; text goes by code point."""

    column: str
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinOne:
    """At most one row of `table` beside each row: where `target_column` of it equals `column` and `condition` matches.

    A left join: without such a row all its `columns` are NULL.
    """

    table: Table
    column: str
    target_column: str
    columns: tuple[str, ...]
    condition: Condition


@dataclass(frozen=True, slots=True)
class PerParent:
    """At most `values[slot]` rows for each value of `column`, the first ones in the statement's order."""

    column: str
    slot: Slot


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Select:
    """Rows of `table`. A row has the values of `columns`, then those of each join's columns.

    limit, offset: slots of whole numbers >= 0, or None for no limit and no offset.
    """

    table: Table
    columns: tuple[str, ...]
    condition: Condition
    order: tuple[Order, ...] = ()
    limit: Slot | None = None
    offset: Slot | None = None
    joins: tuple[JoinOne, ...] = ()
    per_parent: PerParent | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Count:
    """How many rows match."""

    table: Table
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Insert:
    """A new row with a value for each of `columns`; what is left out is made by the database and is in `returning`."""

    table: Table
    columns: tuple[str, ...]
    returning: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Update:
    """Assign `values[slot]` to columns of rows that match. `returning` is for the one-row form."""

    table: Table
    condition: Condition
    assignments: tuple[tuple[str, Slot], ...]
    returning: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Increment:
    """Add `values[slot]` to columns of one row that matches (NULL counts as 0), and assign others."""

    table: Table
    condition: Condition
    increments: tuple[tuple[str, Slot], ...]
    assignments: tuple[tuple[str, Slot], ...]
    returning: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delete:
    """Remove rows that match, at most `values[limit]` of them. `returning` is for `consume_one`."""

    table: Table
    condition: Condition
    limit: Slot | None
    returning: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Upsert:
    """Insert a row (the slots 0 to n-1 are the values of `columns`) or, where a row has the same `key`, assign.

    Without assignments a row that is there stays as it is.
    """

    table: Table
    columns: tuple[str, ...]
    key: tuple[str, ...]
    assignments: tuple[tuple[str, Slot], ...]
    returning: tuple[str, ...]


Statement: TypeAlias = Select | Count | Insert | Update | Increment | Delete | Upsert


def tests_of(condition: Condition) -> Iterator[Test]:
    """Every test in a condition."""
    if isinstance(condition, Test):
        yield condition
    else:
        for part in condition.parts:
            yield from tests_of(part)


def pinned_key(table: Table, condition: Condition) -> tuple[tuple[str, Slot], ...] | None:
    """The first unique key that the condition fixes to single values, so that at most one row can match.

    None if there is none. The condition may ask for more than the key.
    """
    parts = condition.parts if isinstance(condition, AllOf) else (condition,)
    fixed = {
        part.column: part.slot
        for part in parts
        if isinstance(part, Test)
        and part.op == "eq"
        and not part.negated
        and not part.insensitive
        and part.slot is not None
    }
    for key in table.unique_keys:
        if all(column in fixed for column in key):
            return tuple((column, fixed[column]) for column in key)
    return None
