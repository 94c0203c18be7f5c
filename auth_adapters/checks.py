"""What a verb that writes must be given, beyond what its fields say: checked before anything is planned."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from auth_adapters.codec import ModelCodec
from auth_adapters.errors import InvalidQueryError
from auth_adapters.query import ALL, Predicate

__all__ = ["check_changes", "check_deltas", "check_guarded", "check_ids", "check_key"]

NUMBERS: Final = frozenset({"integer", "float"})


def check_ids(codec: ModelCodec, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the ids of new records are given: of every one or of none."""
    given = {"id" in data for data in rows}
    if len(given) > 1:
        raise InvalidQueryError(f"{codec.name}: give the id of every row or of none")
    return given == {True}


def check_guarded(codec: ModelCodec, where: Any, *, allow_all: bool) -> None:
    """Refuse a `where` that would reach any record. allow_all: unless it is `ALL`."""
    if (type(where) is dict and where) or (where is ALL and allow_all):
        return
    if isinstance(where, Predicate) or (isinstance(where, Mapping) and where):
        return
    if isinstance(where, Mapping) or where is None or where is ALL:
        hint = "; say ALL for the whole table" if allow_all else ""
        raise InvalidQueryError(f"{codec.name}: an empty where would reach any record{hint}")


def check_changes(codec: ModelCodec, changes: Mapping[str, Any]) -> None:
    """Refuse changes of fields that are not there, and none at all."""
    codec.check_names(changes)
    if not changes:
        raise InvalidQueryError(f"{codec.name}: there is nothing to change")


def check_deltas(codec: ModelCodec, increment: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers to add, by column, in stored form; refuse what is no plain number."""
    codec.check_names(increment)
    if not increment:
        raise InvalidQueryError(f"{codec.name}: there is nothing to increment")
    deltas = {}
    for name, delta in increment.items():
        field = codec.fields[name]
        plain = field.field.references is None and field.field.transforms is None
        if field.field.type not in NUMBERS or not plain or name in codec.model.primary_key:
            raise InvalidQueryError(f"{field.where} cannot be incremented: it is not a plain number")
        if delta is None:
            raise InvalidQueryError(f"{field.where} cannot be incremented by None")
        deltas[field.column] = field.store(delta)
    return deltas


def check_key(codec: ModelCodec, data: Mapping[str, Any], on: Sequence[str]) -> tuple[str, ...]:
    """The declared unique key that `on` names; refuse another, and one without values in `data`."""
    if isinstance(on, str) or not isinstance(on, Collection) or not all(isinstance(name, str) for name in on):
        raise InvalidQueryError(f"on takes a list of fields of {codec.name}")
    codec.check_names(data)
    wanted = set(on)
    keys = [key for key in codec.model.unique_keys if set(key) == wanted]
    if not keys or (keys[0] == ("id",) and codec.model.makes_id):
        declared = [key for key in codec.model.unique_keys if not (key == ("id",) and codec.model.makes_id)]
        known = "; ".join(", ".join(key) for key in declared) or "none"
        raise InvalidQueryError(f"{codec.name}: on names one declared unique key, of which there are: {known}")
    for name in keys[0]:
        if data.get(name) is None:
            raise InvalidQueryError(f"{codec.name}.{name} is part of the key: data must hold a value for it")
    return keys[0]
