"""From the schema to the tables: types, names, indexes and foreign keys, derived once."""

import hashlib
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

from auth_adapters.capabilities import Storage
from auth_adapters.ids import IdScheme, id_scheme
from auth_adapters.physical import Column, ForeignKey, Layout, Table, TableIndex
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import MISSING, Field
from auth_adapters.schema.models import Model
from auth_adapters.values import ValueCodec, value_codec

__all__ = ["Names", "column_name", "field_codec", "is_id", "lay_out", "shadow_name", "table_name"]

MAX_NAME: Final = 60
MAX_DIGEST: Final = 8


class Names:
    """Names of indexes and references, made of what they are about. None is given twice, whatever its case: databases
    differ in what has names of its own (a table, a kind of thing, all there is). The first keeps the plain name.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = {name.lower() for name in taken}

    def make(self, *parts: str) -> str:
        """A name of at most 60 bytes."""
        plain = "_".join(parts)
        name = plain if len(plain.encode()) <= MAX_NAME else _with_digest(plain, plain)
        if name.lower() in self._taken:  # that of other parts, which read the same in a row
            name = _with_digest(plain, "\0".join(parts))
        self._taken.add(name.lower())
        return name


def _with_digest(text: str, of: str) -> str:
    digest = hashlib.sha256(of.encode()).hexdigest()[:MAX_DIGEST]
    return f"{text.encode()[: MAX_NAME - MAX_DIGEST - 1].decode(errors='ignore')}_{digest}"


def lay_out(schema: Schema, storage: Storage) -> Layout:
    """The tables of `schema` for a backend that stores values as `storage` says."""
    names = Names(table_name(schema, name) for name in schema.models)
    tables = [_table(schema, name, model, storage, names) for name, model in schema.models.items()]
    return Layout(tables=MappingProxyType({table.name: table for table in tables}))


def table_name(schema: Schema, model: str) -> str:
    """The physical name of a model's table."""
    return schema.naming.table(model, schema.models[model].table)


def column_name(schema: Schema, model: str, field: str) -> str:
    """The physical name of a field's column."""
    return schema.naming.column(model, field, schema.models[model].fields[field].column)


def shadow_name(schema: Schema, model: str, field: str) -> str | None:
    """The column that holds the lower-case form of a case-insensitive field; None for any other field."""
    if not schema.models[model].fields[field].case_insensitive:
        return None
    return schema.naming.shadow(column_name(schema, model, field))


def field_codec(schema: Schema, model: str, field: str, storage: Storage) -> ValueCodec:
    """The conversions of a field. A reference has those of the field that it leads to."""
    target = _target(schema, model, field)
    ids: IdScheme | None = id_scheme(schema.ids) if target.type == "id" else None
    return value_codec(f"{model}.{field}", target, storage, ids)


def is_id(schema: Schema, model: str, field: str) -> bool:
    """Whether a field holds ids: a model's own, or those that it refers to."""
    return _target(schema, model, field).type == "id"


def _target(schema: Schema, model: str, field: str) -> Field:
    """The field that a reference leads to in the end; any other is its own."""
    owner, name = model, field
    seen = set()
    while (reference := schema.models[owner].fields[name].references) and (owner, name) not in seen:
        seen.add((owner, name))
        owner, name = reference.model, reference.field
    return schema.models[owner].fields[name]


def _table(schema: Schema, name: str, model: Model, storage: Storage, names: Names) -> Table:
    columns: dict[str, Column] = {}
    for field_name, field in model.fields.items():
        for column in _columns(schema, name, field_name, field, storage):
            columns[column.name] = column
    table = table_name(schema, name)
    return Table(
        name=table,
        model=name,
        schema=schema.naming.database_schema,
        columns=MappingProxyType(columns),
        primary_key=tuple(column_name(schema, name, part) for part in model.primary_key),
        indexes=_indexes(schema, name, model, table, names),
        foreign_keys=_foreign_keys(schema, name, model, table, names),
        expires=column_name(schema, name, model.expires) if model.expires else None,
        makes_id=model.makes_id,
    )


def _columns(schema: Schema, model: str, name: str, field: Field, storage: Storage) -> list[Column]:
    codec = field_codec(schema, model, name, storage)
    makes_id = field.type == "id" and not field.references
    constant = field.default is not MISSING and field.default is not None and not callable(field.default)
    column = Column(
        name=column_name(schema, model, name),
        field=name,
        kind=codec.kind,
        nullable=not field.required,
        length=codec.length,
        default=codec.store(field.default) if constant and not field.transforms else None,
        generated=id_scheme(schema.ids).generated if makes_id else None,
    )
    shadow = shadow_name(schema, model, name)
    if shadow is None:
        return [column]
    length = 2 * (codec.length or 0)
    lowered = column.default.lower() if column.default is not None else None
    beside = Column(name=shadow, field=name, kind="string", nullable=column.nullable, length=length, default=lowered)
    return [column, beside]


def _indexed(schema: Schema, model: str, fields: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(shadow_name(schema, model, one) or column_name(schema, model, one) for one in fields)


def _indexes(schema: Schema, name: str, model: Model, table: str, names: Names) -> tuple[TableIndex, ...]:
    primary = tuple(column_name(schema, name, part) for part in model.primary_key)
    wanted: dict[tuple[str, ...], bool] = {}
    for field_name, field in model.fields.items():
        if field.unique or field.index:
            wanted[_indexed(schema, name, (field_name,))] = field.unique
    for index in model.indexes:
        columns = _indexed(schema, name, index.fields)
        wanted[columns] = index.unique or wanted.get(columns, False)
    wanted.pop(primary, None)
    for field_name, field in model.fields.items():
        column = column_name(schema, name, field_name)
        if field.references and not any(columns[0] == column for columns in (primary, *wanted)):
            wanted[(column,)] = False
    return tuple(
        TableIndex(name=names.make("uq" if unique else "ix", table, *columns), columns=columns, unique=unique)
        for columns, unique in wanted.items()
    )


def _foreign_keys(schema: Schema, name: str, model: Model, table: str, names: Names) -> tuple[ForeignKey, ...]:
    keys = []
    for field_name, field in model.fields.items():
        if field.references is None:
            continue
        column = column_name(schema, name, field_name)
        keys.append(
            ForeignKey(
                name=names.make("fk", table, column),
                column=column,
                target=table_name(schema, field.references.model),
                target_column=column_name(schema, field.references.model, field.references.field),
                on_delete=field.references.on_delete,
            )
        )
    return tuple(keys)
