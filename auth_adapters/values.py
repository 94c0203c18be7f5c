"""One value at a time: does it fit its field, how is it stored, how does it come back. Pure.

This is the only place where a Python value and a stored value meet. Errors name the field and the rule, never the
value.
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from auth_adapters.capabilities import Storage
from auth_adapters.datetimes import DATETIMES
from auth_adapters.errors import InvalidValueError
from auth_adapters.ids import OBJECT_ID_LENGTH, IdScheme, Unparsable
from auth_adapters.physical import ColumnKind
from auth_adapters.schema.fields import DEFAULT_LENGTH, Field

__all__ = ["ValueCodec", "check_text", "value_codec"]

Convert: TypeAlias = Callable[[Any], Any]

MIN_INTEGER: Final = -(2**63)
MAX_INTEGER: Final = 2**63 - 1
MAX_TEXT: Final = 1_048_576
MAX_JSON_DEPTH: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueCodec:
    """The conversions of one field. `store` checks everything and raises `InvalidValueError`; `compare` is for values
    in a predicate, where a text of any length may be asked for, and `equal` for those that a value is to equal, where
    they may be others; `load` is None where the stored value is the record's. `reload` is for a value as `store` made
    it, where that does not come back in the same form.

    `compare` of an id raises `Unparsable` for a text that no id is written as.
    """

    kind: ColumnKind
    length: int | None
    store: Convert
    compare: Convert
    load: Convert | None
    equal: Convert | None = None
    reload: Convert | None = None


def value_codec(where: str, field: Field, storage: Storage, ids: IdScheme | None) -> ValueCodec:
    """The conversions of the field called `where` (model.field), which holds ids of `ids` if that is given."""
    if ids is not None:
        return _id_codec(where, ids, storage)
    maker = MAKERS[field.type]
    return maker(where, field, storage)


def _wrong(where: str, rule: str) -> InvalidValueError:
    return InvalidValueError(f"{where} {rule}")


def check_text(where: str, value: Any) -> str:
    """The value as a plain string, without NUL and lone surrogates."""
    if type(value) is str and value.isascii() and "\0" not in value:  # the common case at once, here and below
        return value
    if not isinstance(value, str):
        raise _wrong(where, f"takes a string, not {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _wrong(where, "takes text without lone surrogates") from None
    if "\0" in value:
        raise _wrong(where, "takes text without NUL characters")
    return value if type(value) is str else str.__str__(value)


def _sized_text(where: str, limit: int, value: Any) -> str:
    if type(value) is str and len(value) <= limit and value.isascii() and "\0" not in value:
        return value
    text = check_text(where, value)
    if len(text) > limit:
        raise _wrong(where, f"takes at most {limit} characters")
    return text


def _big_text(where: str, value: Any) -> str:
    text = check_text(where, value)
    if len(text) > MAX_TEXT // 4 and len(text.encode()) > MAX_TEXT:
        raise _wrong(where, f"takes at most {MAX_TEXT} bytes of UTF-8")
    return text


def _string(where: str, field: Field, storage: Storage) -> ValueCodec:
    length = field.length or DEFAULT_LENGTH
    return ValueCodec(
        kind="string",
        length=length,
        store=partial(_sized_text, where, length),
        compare=partial(check_text, where),
        load=None,
    )


def _text(where: str, field: Field, storage: Storage) -> ValueCodec:
    return ValueCodec(
        kind="text", length=None, store=partial(_big_text, where), compare=partial(check_text, where), load=None
    )


def _enum_member(where: str, members: frozenset[str], value: Any) -> str:
    text = check_text(where, value)
    if text not in members:
        raise _wrong(where, f"takes one of: {', '.join(sorted(members))}")
    return text


def _enum(where: str, field: Field, storage: Storage) -> ValueCodec:
    store = partial(_enum_member, where, frozenset(field.values))
    length = max(DEFAULT_LENGTH, *map(len, field.values))
    return ValueCodec(kind="string", length=length, store=store, compare=store, load=None)


def _check_integer(where: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(where, f"takes an integer, not {type(value).__name__}")
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise _wrong(where, "takes an integer of 64 bits")
    return int(value)


def _integer(where: str, field: Field, storage: Storage) -> ValueCodec:
    store = partial(_check_integer, where)
    return ValueCodec(kind="integer", length=None, store=store, compare=store, load=None)


def _check_float(where: str, value: Any) -> float:
    if not isinstance(value, float | int) or isinstance(value, bool):
        raise _wrong(where, f"takes a number, not {type(value).__name__}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(where, "takes a finite number")
    return number + 0.0


def _float(where: str, field: Field, storage: Storage) -> ValueCodec:
    store = partial(_check_float, where)
    return ValueCodec(kind="float", length=None, store=store, compare=store, load=float)


def _check_boolean(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(where, f"takes True or False, not {type(value).__name__}")
    return value


def _boolean(where: str, field: Field, storage: Storage) -> ValueCodec:
    check = partial(_check_boolean, where)
    if storage.boolean:
        return ValueCodec(kind="boolean", length=None, store=check, compare=check, load=None)
    store = partial(_boolean_as_integer, where)
    return ValueCodec(kind="boolean", length=None, store=store, compare=store, load=bool)


def _boolean_as_integer(where: str, value: Any) -> int:
    return int(_check_boolean(where, value))


def _datetime(where: str, field: Field, storage: Storage) -> ValueCodec:
    check, load, reload = DATETIMES[storage.datetime]
    store = partial(check, where)
    return ValueCodec(kind="datetime", length=None, store=store, compare=store, load=load, reload=reload)


def check_json(where: str, value: Any, depth: int = 0) -> Any:
    """A copy of the value with plain types only, or `InvalidValueError`."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return check_text(where, value)
    if isinstance(value, int):
        return _check_integer(where, value)
    if isinstance(value, float):
        return _check_float(where, value)
    if depth >= MAX_JSON_DEPTH:
        raise _wrong(where, f"takes JSON nested at most {MAX_JSON_DEPTH} levels deep")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise _wrong(where, "takes JSON objects with string keys only")
        return {check_text(where, key): check_json(where, item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [check_json(where, item, depth + 1) for item in value]
    raise _wrong(where, f"takes JSON values, not {type(value).__name__}")


def _load(text: str) -> Any:
    """JSON from text. A database may write out a large float digit by digit; integers have 64 bits."""
    return json.loads(text, parse_int=_number)


def _number(digits: str) -> int | float:
    number = int(digits)
    return number if MIN_INTEGER <= number <= MAX_INTEGER else float(digits)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _no_comparison(where: str, value: Any) -> Any:
    raise _wrong(where, "holds JSON or a list: it can only be compared with None")


def _structure(kind: ColumnKind, where: str, check: Convert, native: bool) -> ValueCodec:
    def store_text(value: Any) -> str:
        return _dump(check(value))

    return ValueCodec(
        kind=kind,
        length=None,
        store=check if native else store_text,
        compare=partial(_no_comparison, where),
        load=_load if not native else None if kind == "json" else list,  # a row may be that of several callers
    )


def _json(where: str, field: Field, storage: Storage) -> ValueCodec:
    return _structure("json", where, partial(check_json, where), storage.json)


def _check_list(where: str, check: Convert, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, f"takes a list, not {type(value).__name__}")
    return [check(item) for item in value]


def _strings(where: str, field: Field, storage: Storage) -> ValueCodec:
    return _structure("string[]", where, partial(_check_list, where, partial(check_text, where)), storage.arrays)


def _integers(where: str, field: Field, storage: Storage) -> ValueCodec:
    return _structure("integer[]", where, partial(_check_list, where, partial(_check_integer, where)), storage.arrays)


def _check_bytes(where: str, value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise _wrong(where, f"takes bytes, not {type(value).__name__}")
    return bytes(value)


def _bytes(where: str, field: Field, storage: Storage) -> ValueCodec:
    store = partial(_check_bytes, where)
    if storage.bytes:
        return ValueCodec(kind="bytes", length=None, store=store, compare=store, load=None)
    written = partial(_bytes_as_text, where)
    return ValueCodec(kind="bytes", length=None, store=written, compare=written, load=bytes.fromhex)


def _bytes_as_text(where: str, value: Any) -> str:
    return _check_bytes(where, value).hex()


MAKERS: Final[Mapping[str, Callable[[str, Field, Storage], ValueCodec]]] = {
    "string": _string,
    "text": _text,
    "enum": _enum,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "datetime": _datetime,
    "json": _json,
    "string[]": _strings,
    "integer[]": _integers,
    "bytes": _bytes,
}


def _id_codec(where: str, ids: IdScheme, storage: Storage) -> ValueCodec:
    if ids.kind == "objectid":
        return _object_id_codec(where, ids, storage)
    as_text = ids.kind == "uuid" and not storage.uuid

    def compare(value: Any) -> Any:
        parsed = ids.parse(check_text(where, value))
        return str(parsed) if as_text else parsed

    store = partial(_store_id, where, compare)
    if ids.kind == "string":
        return ValueCodec(
            kind="string",
            length=DEFAULT_LENGTH,
            store=partial(_text_id, store),
            compare=partial(_text_id, compare),
            load=None,
        )
    return ValueCodec(
        kind=ids.kind,
        length=None,
        store=store,
        compare=compare,
        load=None if as_text else ids.render,
    )


def _object_id_codec(where: str, ids: IdScheme, storage: Storage) -> ValueCodec:
    wrap = storage.object_id

    def compare(value: Any) -> Any:
        text = ids.parse(check_text(where, value))
        return wrap(text) if wrap else text

    def equal(value: Any) -> Any:
        try:
            return compare(value)
        except Unparsable:
            return value  # a document that others wrote may have a text for an id

    return ValueCodec(
        kind="objectid" if wrap else "string",
        length=None if wrap else OBJECT_ID_LENGTH,
        store=partial(_store_id, where, compare),
        compare=compare,
        equal=equal if wrap else None,
        load=ids.render if wrap else None,
    )


def _text_id(convert: Convert, value: Any) -> Any:
    if type(value) is str and 0 < len(value) <= DEFAULT_LENGTH and value.isascii() and "\0" not in value:
        return value
    return convert(value)


def _store_id(where: str, compare: Convert, value: Any) -> Any:
    try:
        return compare(value)
    except Unparsable:
        raise _wrong(where, "takes an id as this schema writes them") from None
