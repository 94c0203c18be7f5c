"""From a predicate (logical) to a condition (physical), with negation pushed to the leaves. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from auth_adapters.codec import FieldCodec, ModelCodec
from auth_adapters.errors import InvalidQueryError
from auth_adapters.ids import Unparsable
from auth_adapters.physical import AllOf, AnyOf, Condition, Op, Test
from auth_adapters.query import ALL, And, Comparison, Not, Or, Predicate
from auth_adapters.values import Convert, check_text

__all__ = ["ALWAYS", "AskedFor", "Compiled", "compile_predicate", "encode_values", "parsable", "read_where"]

ALWAYS: Final = AllOf(())
ORDERING: Final = frozenset({"lt", "lte", "gt", "gte"})
SEARCHING: Final = frozenset({"contains", "starts_with", "ends_with"})


class AskedFor(NamedTuple):
    """A `where` taken apart: what it is a case of (a hashable key), its values, and itself as a predicate."""

    key: tuple[Any, ...]
    values: tuple[Any, ...]
    predicate: Callable[[], Predicate]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition whose slots begin at some number, and one conversion per slot."""

    condition: Condition
    encoders: tuple[Convert, ...]


def read_where(where: Any) -> AskedFor:
    """Take a `where` apart. None, an empty mapping and `ALL` ask for everything."""
    if type(where) is not dict:  # the common case first: the others cost more to tell apart
        if isinstance(where, Predicate):
            return AskedFor(where.shape, where.values, lambda: where)
        if where is None or where is ALL:
            return EVERYTHING
        if not isinstance(where, Mapping):
            raise InvalidQueryError(f"where takes a mapping or a predicate, not {type(where).__name__}")
    values = tuple(where.values())
    names = tuple(where)
    for value in values:
        if value is None:
            nulls = tuple(one is None for one in values)
            present = tuple(one for one in values if one is not None)
            return AskedFor(("mapping", names, nulls), present, partial(_as_predicate, where))
    return AskedFor(("mapping", names), values, partial(_as_predicate, where))


def _as_predicate(where: Mapping[str, Any]) -> Predicate:
    return And([Comparison(name, "eq", value) for name, value in where.items()])


EVERYTHING: Final = AskedFor(("mapping", ()), (), partial(_as_predicate, {}))


def compile_predicate(model: ModelCodec, predicate: Predicate, first_slot: int = 0) -> Compiled:
    """The condition of a predicate over `model`. Raises `UnknownFieldError` or `InvalidQueryError`."""
    encoders: list[Convert] = []
    condition = _walk(model, predicate, False, first_slot, encoders)
    return Compiled(condition, tuple(encoders))


def encode_values(encoders: tuple[Convert, ...], values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each value in stored form. Raises `InvalidValueError`, and `Unparsable` for what is no id."""
    return tuple([encode(value) for encode, value in zip(encoders, values, strict=True)])


def parsable(model: ModelCodec, predicate: Predicate) -> Predicate:
    """The same question without comparisons against what is no id: those match nothing."""
    if isinstance(predicate, And):
        return And([parsable(model, part) for part in predicate.parts])
    if isinstance(predicate, Or):
        return Or([parsable(model, part) for part in predicate.parts])
    if isinstance(predicate, Not):
        return Not(parsable(model, predicate.part))
    assert isinstance(predicate, Comparison)
    try:
        encode_values(compile_predicate(model, predicate).encoders, predicate.values)
    except Unparsable:
        return Comparison(predicate.field, "in", ())
    return predicate


def _walk(model: ModelCodec, predicate: Predicate, negated: bool, first: int, encoders: list[Convert]) -> Condition:
    if isinstance(predicate, Not):
        return _walk(model, predicate.part, not negated, first, encoders)
    if isinstance(predicate, And | Or):
        parts = tuple(_walk(model, part, negated, first, encoders) for part in predicate.parts)
        if len(parts) == 1:
            return parts[0]
        return AllOf(parts) if isinstance(predicate, And) != negated else AnyOf(parts)
    assert isinstance(predicate, Comparison)
    field = model.field(predicate.field)
    _check_operator(field, predicate)
    if predicate.op == "is_null":
        return Test(field.column, "is_null", None, negated)
    return _leaf(field, predicate, negated, first, encoders)


def _leaf(field: FieldCodec, asked: Comparison, negated: bool, first: int, encoders: list[Convert]) -> Condition:
    equality = asked.op in ("eq", "in")
    folded = field.shadow is not None and equality
    one: Convert = partial(check_text, field.where) if asked.op in SEARCHING else field.compare
    if equality:
        one = partial(_lowered, field.equal) if folded else field.equal
    slot = first + len(encoders)
    encoders.append(partial(_each, one) if asked.op == "in" else one)
    op: Op = asked.op  # type: ignore[assignment]
    column = field.shadow if folded and field.shadow else field.column
    test = Test(column, op, slot, negated, asked.insensitive and not folded)
    if not asked.nullness:
        return test
    null = Test(column, "is_null", None, negated)
    return AllOf((null, test)) if negated else AnyOf((null, test))


def _check_operator(field: FieldCodec, asked: Comparison) -> None:
    if asked.op in ORDERING and not field.ordered:
        raise InvalidQueryError(f"{field.where} cannot be ordered: it takes eq, ne, in_ and not_in at most")
    if asked.op in SEARCHING and not field.textual:
        raise InvalidQueryError(f"{field.where} cannot be searched: contains, starts_with and ends_with take text")
    if asked.insensitive and not field.textual:
        raise InvalidQueryError(f'{field.where} does not take mode="insensitive": it is not text')


def _lowered(encode: Convert, value: Any) -> Any:
    return encode(value).lower()


def _each(encode: Convert, values: tuple[Any, ...]) -> list[Any]:
    encoded = []
    for value in values:
        try:
            encoded.append(encode(value))
        except Unparsable:
            continue
    return encoded
