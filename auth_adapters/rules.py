"""What a write must respect, for backends whose database does not check it. Pure.

`check_references` asks as `cascades.plan_delete` does: it yields `Find`s and is sent the rows that hold the values.
"""

import math
from collections.abc import Generator, Mapping
from typing import Any, Final, TypeAlias

from auth_adapters.cascades import Find
from auth_adapters.errors import (
    BackendError,
    ForeignKeyViolationError,
    InvalidValueError,
    NotNullViolationError,
    UniqueViolationError,
)
from auth_adapters.physical import Layout, Table

__all__ = [
    "added",
    "check_references",
    "check_required",
    "column_missing",
    "key_values",
    "unfounded",
    "unique_violation",
]

StoredRow: TypeAlias = Mapping[str, Any]
INTEGERS: Final = range(-(2**63), 2**63)


def check_required(table: Table, row: StoredRow) -> None:
    """Raise `NotNullViolationError` if a column that must hold a value does not."""
    for column in table.columns.values():
        if row[column.name] is None and not column.nullable:
            raise NotNullViolationError(
                f"{table.model}.{column.field} is required", model=table.model, fields=(column.field,)
            )


def key_values(columns: tuple[str, ...], row: StoredRow) -> tuple[Any, ...] | None:
    """What a row holds in a unique key; None if it cannot collide, because one of the values is NULL."""
    values = tuple([row[column] for column in columns])
    return None if None in values else values


def column_missing(code: Any = None) -> BackendError:
    """The error for a table that is older than the schema."""
    return BackendError("a table that is there lacks a column of the schema; create_tables adds none to it", code=code)


def unique_violation(
    table: Table, columns: tuple[str, ...], *, constraint: str | None = None, code: str | int | None = None
) -> UniqueViolationError:
    """The error for a unique key whose values another row holds."""
    fields = table.fields(columns)
    return UniqueViolationError(
        f"another {table.model} has the same {', '.join(fields)}",
        model=table.model,
        fields=fields,
        constraint=constraint,
        code=code,
    )


def check_references(
    layout: Layout, table: Table, before: StoredRow | None, after: StoredRow
) -> Generator[Find, list[Any], None]:
    """Raise `ForeignKeyViolationError` if a row of `table` cannot change from `before` (None: it is new) to `after`:
    it would refer to nothing, or another row refers to what it held.
    """
    for key in table.foreign_keys:
        value = after[key.column]
        if value is None or (before is not None and before[key.column] == value):
            continue
        if key.target == table.name and after[key.target_column] == value:
            continue
        if not (yield Find(layout.tables[key.target], key.target_column, [value])):
            raise unfounded(table, key.column)
    if before is None:
        return
    for child, key in layout.children(table):
        old = before[key.target_column]
        if old is None or old == after[key.target_column]:
            continue
        if (yield Find(child, key.column, [old])):
            raise unfounded(child, key.column, "refers to what would change")


def unfounded(table: Table, column: str, problem: str = "refers to nothing") -> ForeignKeyViolationError:
    """The error for a row of `table` whose reference leads nowhere, or would."""
    fields = table.fields((column,))
    return ForeignKeyViolationError(f"{table.model}.{fields[0]} {problem}", model=table.model, fields=fields)


def added(stored: Any, delta: Any) -> Any:
    """The sum of an increment, NULL counting as 0. Raises `InvalidValueError` unless it is a 64-bit integer or a finite
    double.
    """
    total = (stored or 0) + delta
    fits = total in INTEGERS if isinstance(total, int) else math.isfinite(total)
    if not fits:
        raise InvalidValueError("the sum does not fit the field: 64-bit integers, finite doubles")
    return total
