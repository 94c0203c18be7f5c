"""From a condition to what MongoDB filters by. Pure: made once per shape, filled with values for each call.

A value is a text, a number, a time or bytes by now, never a mapping, so it cannot become an operator; inside an
expression it travels in `$literal`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from auth_adapters.backends.mongodb.names import KEY, paths
from auth_adapters.matching import fold
from auth_adapters.physical import AllOf, AnyOf, Condition, Slot, Table, Test, Values

__all__ = ["Document", "Filter", "filter_of"]

Document: TypeAlias = dict[str, Any]
Filter: TypeAlias = Callable[[Values], Document]
Expression: TypeAlias = Callable[[Any], Any]

NEVER: Final[Mapping[str, Any]] = {KEY: {"$in": []}}
PLAIN: Final = {"lt": "$lt", "lte": "$lte", "gt": "$gt", "gte": "$gte", "in": "$in"}
FOLDED: Final = {"eq": "$eq", "lt": "$lt", "lte": "$lte", "gt": "$gt", "gte": "$gte", "in": "$in"}
LAST_CHARACTER: Final = "\U0010ffff"
SURROGATES: Final = range(0xD800, 0xE000)
LISTING: Final = frozenset({"json", "string[]", "integer[]"})
"""Kinds of columns that may hold an array, which MongoDB takes for equal to each of its elements."""


def filter_of(condition: Condition, table: Table) -> Filter:
    """A function from the values to the filter of documents of `table`."""
    parts = _flat(condition, AllOf)
    pairs = _equalities(parts, paths(table))
    if pairs is not None:
        return _equal(pairs)
    if isinstance(condition, Test):
        return _test(condition, table)
    if isinstance(condition, AllOf):
        return _joined("$and", [filter_of(part, table) for part in parts])
    choices = _flat(condition, AnyOf)
    return _joined("$or", [filter_of(part, table) for part in choices]) if choices else lambda _: dict(NEVER)


def _flat(condition: Condition, kind: type[AllOf | AnyOf]) -> list[Condition]:
    """The parts, those of parts of the same kind included: MongoDB nests to a depth of 100 only."""
    if not isinstance(condition, kind):
        return [condition]
    return [one for part in condition.parts for one in _flat(part, kind)]


def _equalities(parts: list[Condition], found_at: Mapping[str, str]) -> tuple[tuple[str, Slot], ...] | None:
    """Key and slot of each part, if all are plain equalities with different keys: the usual case."""
    found: dict[str, Slot] = {}
    for part in parts:
        plain = isinstance(part, Test) and part.op == "eq" and not part.negated and not part.insensitive
        if not plain or part.slot is None or found_at[part.column] in found:  # type: ignore[union-attr]
            return None
        found[found_at[part.column]] = part.slot  # type: ignore[union-attr]
    return tuple(found.items())


def _equal(pairs: tuple[tuple[str, Slot], ...]) -> Filter:
    if len(pairs) == 1:
        ((path, slot),) = pairs
        return lambda values: {path: values[slot]}
    return lambda values: {path: values[slot] for path, slot in pairs}


def _joined(operator: str, parts: list[Filter]) -> Filter:
    return lambda values: {operator: [part(values) for part in parts]}


def _test(test: Test, table: Table) -> Filter:
    slot, path = test.slot, paths(table)[test.column]
    if test.op == "is_null" or slot is None:
        null = _null(path, test.negated, listing=table.columns[test.column].kind in LISTING)
        return lambda _: dict(null)
    ranged = test.op == "starts_with" and not test.insensitive
    said = test.insensitive or (test.op in SEARCHES and not ranged)
    make = _expression(test, path) if said else _plain(test, path)
    if test.negated:
        return lambda values: {"$nor": [make(values[slot])]}
    return lambda values: make(values[slot])


def _null(path: str, negated: bool, *, listing: bool) -> Document:
    if not listing:
        return {path: {"$ne": None} if negated else None}
    null: Document = {path: {"$eq": None, "$not": {"$type": "array"}}}
    return {"$nor": [null]} if negated else null


def _plain(test: Test, path: str) -> Expression:
    if test.op == "eq":
        return lambda value: {path: value}
    if test.op == "starts_with":
        return lambda value: {path: _range_of(value)}
    operator = PLAIN[test.op]
    return lambda value: {path: {operator: value}}


def _range_of(prefix: str) -> Document:
    """The texts that begin with `prefix`, as a range, which an index serves."""
    stem = prefix.rstrip(LAST_CHARACTER)
    if not stem:
        return {"$gte": prefix}
    following = ord(stem[-1]) + 1
    if following in SURROGATES:
        following = SURROGATES.stop
    return {"$gte": prefix, "$lt": stem[:-1] + chr(following)}


def _expression(test: Test, path: str) -> Expression:
    """A test that only an expression can say, on texts alone: on anything else it would raise or be true."""
    text: Any = {"$cond": [{"$eq": [{"$type": f"${path}"}, "string"]}, f"${path}", ""]}
    if test.insensitive:
        text = {"$toLower": text}
    compare = SEARCHES.get(test.op) or _comparison(FOLDED[test.op])
    folded = test.insensitive

    def make(value: Any) -> Document:
        return {path: {"$gte": ""}, "$expr": compare(text, fold(value) if folded else value)}

    return make


def _comparison(operator: str) -> Callable[[Any, Any], Document]:
    return lambda text, value: {operator: [text, {"$literal": value}]}


def _contains(text: Any, value: str) -> Document:
    return {"$gte": [{"$indexOfBytes": [text, {"$literal": value}]}, 0]}


def _starts_with(text: Any, value: str) -> Document:
    return {"$eq": [{"$indexOfBytes": [text, {"$literal": value}, 0, len(value.encode())]}, 0]}


def _ends_with(text: Any, value: str) -> Document:
    """What is found from where it would have to begin."""
    start = {"$subtract": [{"$strLenBytes": text}, len(value.encode())]}
    found = {"$indexOfBytes": [text, {"$literal": value}, {"$max": [0, start]}]}
    return {"$and": [{"$gte": [start, 0]}, {"$gte": [found, 0]}]}


SEARCHES: Final[Mapping[str, Callable[[Any, Any], Document]]] = {
    "contains": _contains,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
}
