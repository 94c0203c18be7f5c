"""One field of a model: what it holds and the rules it follows."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

__all__ = ["MISSING", "Field", "FieldType", "OnDelete", "Reference", "Transforms", "utc_now"]

FieldType: TypeAlias = Literal[
    "id", "string", "text", "integer", "float", "boolean", "datetime", "json", "string[]", "integer[]", "bytes", "enum"
]
OnDelete: TypeAlias = Literal["cascade", "set_null", "restrict"]

FIELD_TYPES: Final = frozenset(FieldType.__args__)  # type: ignore[attr-defined]
ON_DELETE: Final = frozenset(OnDelete.__args__)  # type: ignore[attr-defined]
DEFAULT_LENGTH: Final = 255


class Missing(Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing.MISSING
"""No default was given. (None is a default like any other.)"""


def utc_now() -> datetime:
    """The current time, aware, in UTC: the default of `created_at`."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The field holds a value of another model's field: its primary key unless `field` names another unique one.

    on_delete says what happens to this record when that one is deleted: "cascade" deletes it, "set_null" empties
    the field, "restrict" refuses the delete.
    """

    model: str
    field: str = "id"
    on_delete: OnDelete = "cascade"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transforms:
    """Pure functions at the adapter's edge. None is never passed to them.

    input: applied to every value that the caller writes or compares with. output: applied to every value read.
    A transformed field is compared for equality only, and cannot be sorted by, referenced or a primary key.
    """

    input: Callable[[Any], Any] | None = None
    output: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """What a field holds and how.

    type: "string" (at most `length` characters, 255 unless given), "text" (to 1 MB, never indexed or sorted by),
        "integer" (64 bits), "float", "boolean", "datetime" (aware, UTC, milliseconds), "json", "string[]",
        "integer[]", "bytes", "enum" (one of `values`). "id" is the schema's id mode, for the primary key `id`; a
        field with `references` takes the type of what it refers to.
    required: None is refused. Not required: a missing key is None.
    default: a value, or a function without arguments that makes one, for a key that is missing on create.
    on_update: the same, for a key that is missing on update, and on create where there is no default.
    column: the physical name, where the schema's naming is not to decide.
    returned, input: what `schema.public` and `schema.accept` go by; the adapter itself hides nothing.
    sortable: False refuses to sort by it. text, json and arrays never are.
    case_insensitive: (string) equality and uniqueness go by `str.lower()`; the spelling is kept.
    """

    type: FieldType
    _: KW_ONLY
    required: bool = True
    unique: bool = False
    index: bool = False
    default: Any = MISSING
    on_update: Any = MISSING
    references: Reference | None = None
    column: str | None = None
    length: int | None = None
    values: tuple[str, ...] = ()
    transforms: Transforms | None = None
    returned: bool = True
    input: bool = True
    sortable: bool = True
    case_insensitive: bool = False
