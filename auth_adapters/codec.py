"""Between records and rows: names, defaults, ids, values. Pure; made once per model from the schema."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from auth_adapters.capabilities import Storage
from auth_adapters.errors import (
    BackendError,
    InvalidQueryError,
    InvalidValueError,
    UnknownFieldError,
)
from auth_adapters.ids import id_scheme
from auth_adapters.layout import column_name, field_codec, lay_out, shadow_name, table_name
from auth_adapters.physical import Layout, Row, Table
from auth_adapters.query import ModelRef, Record
from auth_adapters.schema.composition import Schema, model_name, unknown_model
from auth_adapters.schema.fields import MISSING, Field, utc_now
from auth_adapters.schema.models import Model
from auth_adapters.schema.validation import UNSORTED
from auth_adapters.values import Convert

__all__ = ["Codec", "Decoder", "FieldCodec", "ModelCodec"]

NOW: Final = object()
TEXTUAL: Final = frozenset({"string", "text", "enum"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldCodec:
    """One field: where it is stored, and its conversions with the transforms built in."""

    where: str
    name: str
    field: Field
    column: str
    shadow: str | None
    store: Convert
    compare: Convert
    equal: Convert
    load: Convert | None
    reload: Convert | None

    def encode(self, value: Any) -> Any:
        """The stored form; None stays None where the field allows it. Raises `InvalidValueError`."""
        if value is None:
            if self.field.required:
                raise InvalidValueError(f"{self.where} is required")
            return None
        return self.store(value)

    @property
    def initial(self) -> Any:
        """What a missing key means on create, or what makes it: the default, else that of an update, else None."""
        for default in (self.field.default, self.field.on_update):
            if default is not MISSING:
                return default
        return None

    @property
    def textual(self) -> bool:
        """Whether it takes contains, starts_with, ends_with and mode="insensitive"."""
        return self.field.type in TEXTUAL and self.field.references is None and self.field.transforms is None

    @property
    def ordered(self) -> bool:
        """Whether it takes lt, lte, gt and gte."""
        plain = self.field.type not in ("json", "string[]", "integer[]") or self.field.references is not None
        return plain and self.field.transforms is None

    @property
    def sortable(self) -> bool:
        """Whether records can be sorted by it."""
        stored = self.field.references is not None or self.field.type not in UNSORTED
        return stored and self.field.sortable and self.field.transforms is None


class Decoder:
    """From the first values of a row to a record, in one pass. sent: the row is as it was sent, not as it came."""

    __slots__ = ("conversions", "names")

    def __init__(self, fields: Sequence[FieldCodec], *, sent: bool = False) -> None:
        self.names: tuple[str, ...] = tuple(field.name for field in fields)
        loads = [(field.name, field.reload if sent else field.load) for field in fields]
        self.conversions: tuple[tuple[str, Convert], ...] = tuple((name, load) for name, load in loads if load)

    def __call__(self, row: Row) -> Record:
        record = dict(zip(self.names, row))  # noqa: B905  (a row may hold more; `strict` costs half as much again)
        try:
            for name, load in self.conversions:
                value = record[name]
                if value is not None:
                    record[name] = load(value)
        except Exception as error:  # noqa: BLE001  (what an application's transform raises may quote the value)
            problem = type(error).__name__
        else:
            return record
        raise BackendError(f"what is stored in {name} does not fit the field, or its transform ({problem})")


class UsualChanges(NamedTuple):
    """How new values of some fields are stored, in their order, and behind them what changes by itself."""

    given: tuple[Convert, ...]
    refreshed: tuple[tuple[Callable[[], Any], Convert], ...]

    def encode(self, changes: Mapping[str, Any]) -> list[Any] | None:
        """What `encode_changes` makes of changes of these very fields; None if a value is None."""
        for value in changes.values():
            if value is None:
                return None
        encoded = [store(value) for store, value in zip(self.given, changes.values())]  # noqa: B905  (the same fields)
        for refresh, store in self.refreshed:
            if (value := refresh()) is None:
                return None
            encoded.append(store(value))
        return encoded


class ModelCodec:
    """One model: its table, its fields, and the way from data to a row."""

    def __init__(self, schema: Schema, name: str, model: Model, table: Table, storage: Storage) -> None:
        self.name = name
        self.model = model
        self.table = table
        self.fields: Mapping[str, FieldCodec] = MappingProxyType(
            {one: _field(schema, name, one, field, storage) for one, field in model.fields.items()}
        )
        scheme = id_scheme(schema.ids)
        self.make_id: Callable[[], str] | None = scheme.make if model.makes_id else None
        self.generated: str | None = "id" if model.makes_id and scheme.generated else None
        self.shadowed: tuple[FieldCodec, ...] = tuple(field for field in self.fields.values() if field.shadow)
        self.decode: Decoder = Decoder(tuple(self.fields.values()))
        self._decode_sent = Decoder(tuple(self.fields.values()), sent=True)
        self._makes_id = model.makes_id
        self._names = frozenset(self.fields)
        self._recipe = tuple(self._ingredient(field) for field in self.fields.values())
        key = model.primary_key
        self._changing = {
            one: (field.column, field.shadow, field.field.required, field.store)
            for one, field in self.fields.items()
            if one not in key
        }
        self._updating = tuple(
            (one, field.field.on_update)
            for one, field in self.fields.items()
            if field.field.on_update is not MISSING and one not in key
        )

    def _ingredient(self, field: FieldCodec) -> tuple[str, bool, Convert, Any]:
        """What `encode_new` needs of a field; the default MISSING is the database's to make, NOW the moment of it."""
        default = field.initial
        if field.name == "id" and self.model.makes_id:
            default = MISSING if self.make_id is None else self.make_id
        elif default is utc_now and field.field.transforms is None:
            default = NOW
        return field.name, field.field.required, field.store, default

    def field(self, name: str) -> FieldCodec:
        """The field of this name, or `UnknownFieldError`."""
        try:
            return self.fields[name]
        except (KeyError, TypeError):
            raise UnknownFieldError(
                f"{self.name!r} has no field {name!r}; there are: {', '.join(self.fields)}"
            ) from None

    def selected(self, select: Collection[str] | None) -> tuple[FieldCodec, ...]:
        """The fields asked for, all without `select`. Raises `InvalidQueryError` or `UnknownFieldError`."""
        if select is None:
            return tuple(self.fields.values())
        if isinstance(select, str) or not isinstance(select, Collection):
            raise InvalidQueryError(f"select takes a list of fields, not one {type(select).__name__}")
        names = dict.fromkeys([self.field(name).name for name in select])
        return tuple([self.fields[name] for name in names])

    def insert_columns(self, *, with_id: bool) -> tuple[str, ...]:
        """The columns of a row as `encode_new` orders it."""
        fields = [one.column for one in self.fields.values() if with_id or one.name != self.generated]
        return (*fields, *(one.shadow for one in self.shadowed if one.shadow))

    def encode_new(self, data: Mapping[str, Any], *, force_id: bool) -> Row:
        """The row of a new record. Raises `UnknownFieldError` or `InvalidValueError`; nothing was done."""
        self.check_names(data)
        if "id" in data and not force_id and self._makes_id:
            raise InvalidValueError(f"{self.name}.id is made for you; pass force_id=True to give your own")
        row: list[Any] = []
        now, missing, given = None, MISSING, data.get
        for name, required, store, default in self._recipe:
            value = given(name, missing)
            if value is missing:
                if default is None and not required:
                    row.append(None)
                    continue
                if default is missing:
                    continue
                if default is NOW:  # one moment, stored in one form, for all that is new in a record
                    now = now or store(utc_now())
                    row.append(now)
                    continue
                value = default() if callable(default) else default
            if value is not None:
                row.append(store(value))
            elif required:
                raise InvalidValueError(f"{self.name}.{name} is required")
            else:
                row.append(None)
        if self.shadowed:
            row.extend(self._shadows(row))
        return tuple(row)

    def _shadows(self, row: list[Any]) -> list[Any]:
        names = list(self.fields)
        if len(row) < len(names):
            names.remove("id")
        stored = (row[names.index(field.name)] for field in self.shadowed)
        return [value.lower() if value is not None else None for value in stored]

    def decode_new(self, row: Row, returned: Row) -> Record:
        """The record of a row that was inserted, with what the database made (`returned`)."""
        if returned:
            at = self.decode.names.index("id")
            row = (*row[:at], *returned, *row[at:])
        return self._decode_sent(row)

    def encode_changes(self, changes: Mapping[str, Any], taken: Collection[str] = ()) -> dict[str, Any]:
        """Column and stored value of every change, the fields with `on_update` that are not `taken` included.

        Raises `InvalidQueryError` for changes of the primary key.
        """
        self.check_names(changes)
        encoded: dict[str, Any] = {}
        changed = list(changes.items())
        for name, refresh in self._updating:
            if name not in changes and name not in taken:
                changed.append((name, refresh() if callable(refresh) else refresh))
        for name, value in changed:
            if name not in self._changing:
                raise InvalidQueryError(f"{self.name}.{name} is part of the primary key, which does not change")
            column, shadow, required, store = self._changing[name]
            if value is not None:
                encoded[column] = stored = store(value)
            elif required:
                raise InvalidValueError(f"{self.name}.{name} is required")
            else:
                encoded[column] = stored = None
            if shadow:
                encoded[shadow] = None if stored is None else stored.lower()
        return encoded

    def usual_changes(self, names: Collection[str]) -> "UsualChanges | None":
        """How `encode_changes` encodes values of these fields, none of them None, where each is encoded by itself."""
        refreshed = [(name, refresh) for name, refresh in self._updating if name not in names]
        if any(self._changing[name][1] for name in (*names, *dict(refreshed))) or not all(
            callable(refresh) for _, refresh in refreshed
        ):
            return None
        return UsualChanges(
            tuple(self._changing[name][3] for name in names),
            tuple((refresh, self._changing[name][3]) for name, refresh in refreshed),
        )

    def check_names(self, data: Mapping[str, Any]) -> None:
        """Raise unless `data` is a mapping whose keys are all fields."""
        if type(data) is not dict and not isinstance(data, Mapping):
            raise InvalidQueryError(f"{self.name} takes a mapping of fields to values, not {type(data).__name__}")
        if not self._names.issuperset(data):
            unknown = next(name for name in data if name not in self._names)
            self.field(unknown)


class Codec:
    """Every model of a schema, for one kind of storage."""

    def __init__(self, schema: Schema, storage: Storage) -> None:
        self.schema = schema
        self.layout: Layout = lay_out(schema, storage)
        self.models: Mapping[str, ModelCodec] = MappingProxyType(
            {
                name: ModelCodec(schema, name, model, self.layout.tables[table_name(schema, name)], storage)
                for name, model in schema.models.items()
            }
        )

    def model(self, model: str | ModelRef[Any]) -> ModelCodec:
        """The model of this name, or `UnknownModelError`."""
        try:
            return self.models[model_name(model)]
        except (KeyError, TypeError):
            raise unknown_model(model, self.models) from None


def _field(schema: Schema, model: str, name: str, field: Field, storage: Storage) -> FieldCodec:
    values = field_codec(schema, model, name, storage)
    transforms = field.transforms
    before = _guarded(f"{model}.{name}", transforms.input) if transforms and transforms.input else None
    after = transforms.output if transforms else None
    return FieldCodec(
        where=f"{model}.{name}",
        name=name,
        field=field,
        column=column_name(schema, model, name),
        shadow=shadow_name(schema, model, name),
        store=_chain(before, values.store),
        compare=_chain(before, values.compare),
        equal=_chain(before, values.equal or values.compare),
        load=_chain(values.load, after) if after else values.load,
        reload=_chain(values.reload or values.load, after) if after else values.reload or values.load,
    )


def _guarded(where: str, transform: Convert) -> Convert:
    """The transform, with what it says about a value that it cannot take kept to itself."""

    def convert(value: Any) -> Any:
        try:
            return transform(value)
        except Exception as error:  # noqa: BLE001  (whatever it is, it may quote the value)
            problem = type(error).__name__
        raise InvalidValueError(f"{where} does not fit: its transform raised {problem}")

    return convert


def _chain(first: Convert | None, second: Convert) -> Convert:
    if first is None:
        return second
    convert = first
    return lambda value: second(convert(value))


def utc_moment(value: datetime) -> datetime:
    """`now` of `purge_expired`, checked to be aware."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidValueError("now takes an aware datetime")
    return value
