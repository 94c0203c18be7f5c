"""What callers ask with: predicates, joins and typed model references. Logical names only; no I/O.

>>> from auth_adapters import field
>>> field("email").eq("ada@example.com") & ~field("name").starts_with("A", mode="insensitive")
<And of 2: email, name>
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, Literal, TypeAlias

from typing_extensions import TypeVar

from auth_adapters.errors import InvalidQueryError

__all__ = [
    "ALL", "All", "Direction", "FieldRef", "Join", "Mode", "ModelRef", "Predicate", "Record", "Where", "all_of",
    "any_of", "field",
]  # fmt: skip

MAX_DEPTH: Final = 32
MAX_CONDITIONS: Final = 1_000
MAX_IN_VALUES: Final = 100_000

Record: TypeAlias = dict[str, Any]
Mode: TypeAlias = Literal["sensitive", "insensitive"]
Direction: TypeAlias = Literal["forward", "backward"]
Shape: TypeAlias = tuple[Any, ...]
R_co = TypeVar("R_co", default=dict[str, Any], covariant=True)


class All(Enum):
    """The type of `ALL`."""

    ALL = "ALL"

    def __repr__(self) -> str:
        return "ALL"


ALL: Final = All.ALL
"""Say this, and only this, to update or delete a whole table."""


@dataclass(frozen=True)  # with slots, calling a subscripted generic fails before Python 3.13
class ModelRef(Generic[R_co]):
    """A model's name together with the type of its records: `ModelRef[User]("user")`."""

    name: str


class Predicate:
    """A question about one record. Built from `field(...)`, combined with `&`, `|`, `~`, `all_of` and `any_of`. Frozen.

    `shape` is its structure without the values: two predicates of one shape share one compiled plan.
    """

    __slots__ = ("conditions", "depth", "shape", "values")

    conditions: int
    depth: int
    shape: Shape
    values: tuple[Any, ...]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a predicate is frozen")

    def _fix(self, *, shape: Shape, values: tuple[Any, ...], depth: int, conditions: int) -> None:
        if depth > MAX_DEPTH:
            raise InvalidQueryError(f"the predicate is nested deeper than {MAX_DEPTH} levels")
        if conditions > MAX_CONDITIONS:
            raise InvalidQueryError(f"the predicate has more than {MAX_CONDITIONS} conditions")
        for name, value in (("shape", shape), ("values", values), ("depth", depth), ("conditions", conditions)):
            object.__setattr__(self, name, value)

    def __and__(self, other: "Predicate") -> "Predicate":
        return And.of(self, other) if isinstance(other, Predicate) else NotImplemented

    def __or__(self, other: "Predicate") -> "Predicate":
        return Or.of(self, other) if isinstance(other, Predicate) else NotImplemented

    def __invert__(self) -> "Predicate":
        return Not(self)

    def __bool__(self) -> bool:
        raise InvalidQueryError("a predicate has no truth value: combine with &, | and ~, not with and, or and not")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Predicate):
            return NotImplemented
        return self.shape == other.shape and self.values == other.values

    def __hash__(self) -> int:
        return hash(self.shape)

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a predicate cannot be pickled; build it where it is used")


class Comparison(Predicate):
    """One field compared with one value, or tested for None."""

    __slots__ = ("field", "insensitive", "nullness", "op")

    field: str
    op: str
    insensitive: bool
    nullness: bool

    def __init__(self, name: str, op: str, value: Any, *, insensitive: bool = False) -> None:
        values: tuple[Any, ...] = (value,)
        nullness = False
        if op == "eq" and value is None:
            op, values = "is_null", ()
        elif op == "in":
            nullness = any(item is None for item in value)
            if nullness:
                values = (tuple(item for item in value if item is not None),)
        for key, part in (("field", name), ("op", op), ("insensitive", insensitive), ("nullness", nullness)):
            object.__setattr__(self, key, part)
        self._fix(shape=(op, name, insensitive, nullness), values=values, depth=1, conditions=1)

    def __repr__(self) -> str:
        return f"<{self.field} {self.op}>"


class And(Predicate):
    """All parts hold."""

    __slots__ = ("parts",)
    parts: tuple[Predicate, ...]

    def __init__(self, parts: Sequence[Predicate]) -> None:
        _join_parts(self, "and", tuple(parts))

    @classmethod
    def of(cls, left: Predicate, right: Predicate) -> "And":
        """Combine, flattening what is an `And` already."""
        return cls(_flat(cls, left) + _flat(cls, right))

    def __repr__(self) -> str:
        return f"<And of {len(self.parts)}: {_names(self)}>"


class Or(Predicate):
    """At least one part holds."""

    __slots__ = ("parts",)
    parts: tuple[Predicate, ...]

    def __init__(self, parts: Sequence[Predicate]) -> None:
        _join_parts(self, "or", tuple(parts))

    @classmethod
    def of(cls, left: Predicate, right: Predicate) -> "Or":
        """Combine, flattening what is an `Or` already."""
        return cls(_flat(cls, left) + _flat(cls, right))

    def __repr__(self) -> str:
        return f"<Or of {len(self.parts)}: {_names(self)}>"


class Not(Predicate):
    """The exact complement of its part."""

    __slots__ = ("part",)
    part: Predicate

    def __init__(self, part: Predicate) -> None:
        object.__setattr__(self, "part", part)
        self._fix(shape=("not", part.shape), values=part.values, depth=part.depth + 1, conditions=part.conditions)

    def __repr__(self) -> str:
        return f"<Not of: {_names(self)}>"


def _flat(kind: type[And] | type[Or], part: Predicate) -> tuple[Predicate, ...]:
    return part.parts if isinstance(part, kind) else (part,)


def _join_parts(whole: And | Or, word: str, parts: tuple[Predicate, ...]) -> None:
    object.__setattr__(whole, "parts", parts)
    whole._fix(
        shape=(word, *[part.shape for part in parts]),
        values=tuple(value for part in parts for value in part.values),
        depth=1 + max((part.depth for part in parts), default=0),
        conditions=sum(part.conditions for part in parts),
    )


def _names(predicate: Predicate) -> str:
    if isinstance(predicate, Comparison):
        return predicate.field
    parts = predicate.parts if isinstance(predicate, And | Or) else (predicate.part,)  # type: ignore[attr-defined]
    names = ", ".join(_names(part) for part in parts[:3])
    return names + (", ..." if len(parts) > 3 else "")


@dataclass(frozen=True, slots=True)
class FieldRef:
    """One field, waiting for its comparison. Made by `field(name)`.

    A record that holds None: `ne` and `not_in` match it, the ordering and text comparisons do not, `~p` matches
    exactly what `p` does not. `mode="insensitive"` folds ASCII letters on every database.
    """

    name: str

    def eq(self, value: Any, *, mode: Mode = "sensitive") -> Predicate:
        """Equal to `value`; `eq(None)`: holds None."""
        return Comparison(self.name, "eq", value, insensitive=_insensitive(mode, value))

    def ne(self, value: Any, *, mode: Mode = "sensitive") -> Predicate:
        """Not equal to `value`, records that hold None included; `ne(None)`: holds a value."""
        return Not(self.eq(value, mode=mode))

    def lt(self, value: Any) -> Predicate:
        """Less than `value`."""
        return Comparison(self.name, "lt", self._present(value))

    def lte(self, value: Any) -> Predicate:
        """Less than or equal to `value`."""
        return Comparison(self.name, "lte", self._present(value))

    def gt(self, value: Any) -> Predicate:
        """Greater than `value`."""
        return Comparison(self.name, "gt", self._present(value))

    def gte(self, value: Any) -> Predicate:
        """Greater than or equal to `value`."""
        return Comparison(self.name, "gte", self._present(value))

    def in_(self, values: Iterable[Any], *, mode: Mode = "sensitive") -> Predicate:
        """Equal to one of `values`, of which None may be one; `in_([])` matches nothing."""
        if isinstance(values, str | bytes | Mapping):
            raise InvalidQueryError(f"in_ on {self.name!r} takes a list of values, not one {type(values).__name__}")
        try:
            listed = tuple(values)
        except TypeError:
            raise InvalidQueryError(f"in_ on {self.name!r} takes a list of values") from None
        if len(listed) > MAX_IN_VALUES:
            raise InvalidQueryError(f"in_ on {self.name!r} takes at most {MAX_IN_VALUES} values")
        return Comparison(self.name, "in", listed, insensitive=_insensitive(mode, listed))

    def not_in(self, values: Iterable[Any], *, mode: Mode = "sensitive") -> Predicate:
        """Equal to none of `values`; `not_in([])` matches everything."""
        return Not(self.in_(values, mode=mode))

    def contains(self, text: str, *, mode: Mode = "sensitive") -> Predicate:
        """Holds `text` somewhere. Every character of `text` stands for itself."""
        return self._text("contains", text, mode)

    def starts_with(self, text: str, *, mode: Mode = "sensitive") -> Predicate:
        """Begins with `text`. Every character of `text` stands for itself."""
        return self._text("starts_with", text, mode)

    def ends_with(self, text: str, *, mode: Mode = "sensitive") -> Predicate:
        """Ends with `text`. Every character of `text` stands for itself."""
        return self._text("ends_with", text, mode)

    def _text(self, op: str, text: str, mode: Mode) -> Predicate:
        return Comparison(self.name, op, self._present(text), insensitive=_insensitive(mode, text))

    def _present(self, value: Any) -> Any:
        if value is None:
            raise InvalidQueryError(
                f"{self.name!r} cannot be ordered or searched against None; use eq(None) or ne(None)"
            )
        return value


def _insensitive(mode: str, value: object) -> bool:
    if mode not in ("sensitive", "insensitive"):
        raise InvalidQueryError('mode is "sensitive" or "insensitive"')
    return mode == "insensitive" and value is not None


def field(name: str) -> FieldRef:
    """Begin a predicate about the field `name` (a logical name)."""
    if not isinstance(name, str):
        raise InvalidQueryError(f"a field's name is a string, not {type(name).__name__}")
    return FieldRef(name)


def all_of(parts: Iterable[Predicate]) -> Predicate:
    """All of `parts` hold: what `&` between them says, for a list that a program made.

    Of no parts it is refused, since it would match everything: a `where` of None says that, and to verbs that write,
    `ALL`.
    """
    listed = _predicates("all_of", parts)
    if not listed:
        raise InvalidQueryError("all_of takes at least one predicate; of none it would match everything")
    return _combined(And, listed)


def any_of(parts: Iterable[Predicate]) -> Predicate:
    """At least one of `parts` holds: what `|` between them says, for a list that a program made.

    `any_of([])` matches nothing.
    """
    return _combined(Or, _predicates("any_of", parts))


def _predicates(function: str, parts: Iterable[Predicate]) -> list[Predicate]:
    try:
        listed = list(parts)
    except TypeError:
        raise InvalidQueryError(f"{function} takes a list of predicates") from None
    for part in listed:
        if not isinstance(part, Predicate):
            raise InvalidQueryError(
                f"{function} takes predicates, such as field(...).eq(...), not {type(part).__name__}"
            )
    return listed


def _combined(kind: type[And] | type[Or], parts: list[Predicate]) -> Predicate:
    return parts[0] if len(parts) == 1 else kind([one for part in parts for one in _flat(kind, part)])


Where: TypeAlias = Mapping[str, Any] | Predicate


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """Records of another model beside each record, under the key this stands at in `join={...}`.

    model: the other model. on: the name of the reference field that links the two, on either side; may be left out
    where only one exists. direction: "forward" where this model holds the reference, "backward" where the other does;
    needed only where both do, as where a model refers to itself. A reference held by this model, or a unique
    reference held by the other, gives a record or None; any other gives a list. where, sort and limit (per parent)
    narrow a list; select names the fields.
    """

    model: str
    on: str | None = None
    direction: Direction | None = None
    select: Collection[str] | None = None
    where: Where | None = None
    sort: Sequence[str] = ()
    limit: int | None = None

    def __repr__(self) -> str:
        return f"<Join of {self.model!r}{f' on {self.on!r}' if self.on else ''}>"
