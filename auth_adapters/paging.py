"""Sorting and paging: the order of records, and what comes after a given one. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from auth_adapters.codec import ModelCodec
from auth_adapters.errors import InvalidQueryError, InvalidValueError
from auth_adapters.ids import Unparsable
from auth_adapters.physical import AllOf, AnyOf, Condition, Op, Order, Test

__all__ = [
    "MAX_PAGE",
    "After",
    "Sorting",
    "after_condition",
    "check_batch",
    "check_page",
    "orders",
    "read_after",
    "read_sort",
]

Sorting: TypeAlias = tuple[tuple[str, bool], ...]
MAX_PAGE: Final = 2**63 - 1


class After(NamedTuple):
    """Where a page begins: behind these values of the sort fields (stored form), None where `nulls` says so."""

    nulls: tuple[bool, ...]
    values: tuple[Any, ...]


def read_sort(codec: ModelCodec, sort: Sequence[str]) -> Sorting:
    """Field names and whether each descends; the primary key comes last so that no two records are equal.

    "-created_at" descends. Raises `InvalidQueryError` for what cannot be sorted by.
    """
    if isinstance(sort, str) or not isinstance(sort, Sequence):
        raise InvalidQueryError(f'sort takes a list of fields, such as ["-created_at"], not one {type(sort).__name__}')
    sorting: dict[str, bool] = {}
    for entry in sort:
        if not isinstance(entry, str):
            raise InvalidQueryError(f"sort takes names of fields, not {type(entry).__name__}")
        name = entry.removeprefix("-")
        if not codec.field(name).sortable:
            raise InvalidQueryError(f"{codec.name}.{name} cannot be sorted by")
        if name in sorting:
            raise InvalidQueryError(f"sort names {name!r} twice")
        sorting[name] = entry.startswith("-")
    for name in codec.model.primary_key:
        sorting.setdefault(name, False)
    return tuple(sorting.items())


def orders(codec: ModelCodec, sorting: Sorting) -> tuple[Order, ...]:
    """The same, as a statement says it."""
    return tuple(Order(codec.fields[name].column, descending) for name, descending in sorting)


def check_page(limit: int | None, offset: int) -> None:
    """Raise `InvalidQueryError` unless limit and offset are whole numbers from 0 on."""
    for name, number in (("limit", limit), ("offset", offset)):
        if number is None and name == "limit":
            continue
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_PAGE:
            raise InvalidQueryError(f"{name} takes a whole number from 0 on")


def check_batch(batch: int) -> None:
    """Raise `InvalidQueryError` unless the batch is a whole number from 1 on."""
    if not isinstance(batch, int) or isinstance(batch, bool) or not 1 <= batch <= MAX_PAGE:
        raise InvalidQueryError("batch takes a whole number from 1 on")


def read_after(codec: ModelCodec, sorting: Sorting, after: Any) -> After:
    """The sort values of a record, or the values themselves, in stored form.

    Raises `InvalidQueryError` if one is missing, `InvalidValueError` if one does not fit.
    """
    names = [name for name, _ in sorting]
    if isinstance(after, Mapping):
        missing = [name for name in names if name not in after]
        if missing:
            raise InvalidQueryError(f"after takes a record with its sort fields; missing: {', '.join(missing)}")
        given = [after[name] for name in names]
    elif isinstance(after, Sequence) and not isinstance(after, str | bytes):
        given = list(after)
    else:
        raise InvalidQueryError("after takes a record, or the values of the sort fields and the primary key")
    if len(given) != len(names):
        raise InvalidQueryError(f"after takes {len(names)} values: {', '.join(names)}")
    stored = []
    for name, value in zip(names, given, strict=True):
        try:
            stored.append(None if value is None else codec.fields[name].compare(value))
        except Unparsable:
            raise InvalidValueError(f"{codec.name}.{name} in after is not an id of this schema") from None
    return After(tuple(value is None for value in stored), tuple(value for value in stored if value is not None))


def after_condition(codec: ModelCodec, sorting: Sorting, nulls: tuple[bool, ...], first_slot: int) -> Condition:
    """What comes behind the values: larger in the first field, or as large there and behind them in the rest."""
    slots = []
    for null in nulls:
        slots.append(None if null else first_slot)
        first_slot += 0 if null else 1
    condition: Condition = AnyOf(())
    for (name, descending), slot in zip(reversed(sorting), reversed(slots), strict=True):
        column = codec.fields[name].column
        if slot is None:
            empty = Test(column, "is_null")
            condition = AllOf((empty, condition)) if descending else AnyOf((_present(column), condition))
            continue
        strictly: Op = "lt" if descending else "gt"
        at_least: Op = "lte" if descending else "gte"
        beyond: Condition = Test(column, strictly, slot)
        if descending and not codec.fields[name].field.required:
            beyond = AnyOf((beyond, Test(column, "is_null")))
        condition = AnyOf((beyond, AllOf((Test(column, at_least, slot), condition))))
    return condition


def _present(column: str) -> Test:
    return Test(column, "is_null", None, True)
