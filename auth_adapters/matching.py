"""A condition against a row, in plain Python: the meaning of every operator, and help for small backends.

>>> matches = matcher(condition)          # doctest: +SKIP
>>> [row for row in rows if matches(row, values)]          # doctest: +SKIP
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cmp_to_key
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Final, TypeAlias

from auth_adapters.physical import AllOf, AnyOf, Condition, Order, Select, Test, Values

__all__ = ["Matches", "chosen", "fold", "in_order", "matcher"]

StoredRow: TypeAlias = Mapping[str, Any]
Matches: TypeAlias = Callable[[StoredRow, Values], bool]

FOLDED: Final = str.maketrans(ascii_uppercase, ascii_lowercase)
COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": lambda stored, value: bool(stored == value),
    "lt": lambda stored, value: bool(stored < value),
    "lte": lambda stored, value: bool(stored <= value),
    "gt": lambda stored, value: bool(stored > value),
    "gte": lambda stored, value: bool(stored >= value),
    "in": lambda stored, value: stored in value,
    "contains": lambda stored, value: value in stored,
    "starts_with": lambda stored, value: bool(stored.startswith(value)),
    "ends_with": lambda stored, value: bool(stored.endswith(value)),
}


def fold(value: Any) -> Any:
    """The value with A to Z as a to z; in a list, each."""
    if isinstance(value, str):
        return value.translate(FOLDED)
    return [fold(one) for one in value] if isinstance(value, list) else value


def matcher(condition: Condition) -> Matches:
    """A function of a row (by column name) and the values, true where the row matches."""
    if isinstance(condition, Test):
        return _test(condition)
    parts = [matcher(part) for part in condition.parts]
    if isinstance(condition, AllOf):
        return lambda row, values: all(part(row, values) for part in parts)
    assert isinstance(condition, AnyOf)
    return lambda row, values: any(part(row, values) for part in parts)


def _test(test: Test) -> Matches:
    column, slot, negated = test.column, test.slot, test.negated
    if test.op == "is_null" or slot is None:
        return lambda row, _: (row[column] is None) != negated
    compare, folded = COMPARE[test.op], test.insensitive

    def matches(row: StoredRow, values: Values) -> bool:
        stored, value = row[column], values[slot]
        if stored is None:
            return negated
        if folded:
            stored, value = fold(stored), fold(value)
        return compare(stored, value) != negated

    return matches


def in_order(rows: Iterable[StoredRow], order: tuple[Order, ...]) -> list[StoredRow]:
    """The rows sorted: NULLs first ascending and last descending."""
    found = list(rows)
    for one in reversed(order):
        column = one.column
        found.sort(key=cmp_to_key(lambda a, b: _compare(a[column], b[column])), reverse=one.descending)  # noqa: B023
    return found


def _compare(left: Any, right: Any) -> int:
    if left is None or right is None:
        return (left is not None) - (right is not None)
    return int(left > right) - int(left < right)


def chosen(statement: Select, rows: Iterable[StoredRow], values: Values) -> list[tuple[Any, ...]]:
    """What a select without native joins answers, from all rows of its table: matched, sorted, cut to size."""
    matches = matcher(statement.condition)
    found = in_order((row for row in rows if matches(row, values)), statement.order)
    if statement.per_parent:
        column, limit = statement.per_parent.column, values[statement.per_parent.slot]
        seen: dict[Any, int] = {}
        kept = []
        for row in found:
            seen[row[column]] = seen.get(row[column], 0) + 1
            if seen[row[column]] <= limit:
                kept.append(row)
        found = kept
    start = 0 if statement.offset is None else values[statement.offset]
    stop = None if statement.limit is None else start + values[statement.limit]
    return [tuple(row[column] for column in statement.columns) for row in found[start:stop]]
