"""From a layout to SQLAlchemy tables: types, constraints, defaults. The metadata is public.

The types convert exactly as the adapter does, so that an application that reads these tables through SQLAlchemy sees
the same values.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    Uuid,
)
from sqlalchemy.dialects.mysql import DATETIME, LONGBLOB
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from auth_adapters import physical
from auth_adapters.backends.sql.defaults import default_of
from auth_adapters.backends.sql.family import FAMILY, ExactString, ExactText, FamilyKeys, StoredJson, keys_of
from auth_adapters.datetimes import check_moment, decode_datetime, encode_datetime

__all__ = ["JsonText", "SerialId", "UtcDateTime", "build_metadata"]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC with milliseconds: text of fixed width where the database has no such type."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String(24)
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(DATETIMES.get(dialect.name, String(24)))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        moment = check_moment("a datetime", value)
        if dialect.name not in DATETIMES:
            return encode_datetime(moment)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if isinstance(value, str):
            return decode_datetime(value)
        moment: datetime | None = value
        return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


class JsonText(TypeDecorator[Any]):
    """JSON or a list, as text where the database has no type for it."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind = StoredJson() if dialect.name in FAMILY else JSONS.get(dialect.name, Text())
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None or dialect.name in JSONS:
            return value
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value) if isinstance(value, str) else value


class SerialId(TypeDecorator[str]):
    """A number that counts as a text everywhere but in the database, as ids do."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = BigInteger
    cache_ok: bool | None = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Integer() if dialect.name == "sqlite" else BigInteger())

    def process_bind_param(self, value: Any, dialect: Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else str(value)


DATETIMES: Final[dict[str, TypeEngine[Any]]] = {
    "postgresql": TIMESTAMP(timezone=True),
    "mysql": DATETIME(fsp=3),
    "mariadb": DATETIME(fsp=3),
}
JSONS: Final[dict[str, TypeEngine[Any]]] = {"postgresql": JSONB(none_as_null=True)}


def build_metadata(
    layout: physical.Layout, metadata: MetaData | None = None, *, default_schema: str | None = None
) -> MetaData:
    """The tables of `layout`, added to `metadata` (a new one unless given), in `default_schema` if in no other."""
    metadata = MetaData() if metadata is None else metadata
    for table in layout.tables.values():
        _table(table, metadata, table.schema or default_schema)
    return metadata


def _elsewhere(
    ddl: Any, target: Any, bind: Any, tables: Any = None, state: Any = None, *, dialect: Dialect, **_: Any
) -> bool:
    """For what MySQL and MariaDB take in another form."""
    return dialect.name not in FAMILY


def _table(table: physical.Table, metadata: MetaData, schema: str | None) -> Table:
    keys = keys_of(table)
    primary = PrimaryKeyConstraint(*table.primary_key)
    if keys.primary is None:
        primary.ddl_if(callable_=_elsewhere)
    built = Table(
        quoted_name(table.name, quote=True),
        metadata,
        *(_column(column, beside=column.name in keys.texts) for column in table.columns.values()),
        primary,
        *(_foreign_key(key, schema) for key in table.foreign_keys),
        schema=schema,
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
        sqlite_autoincrement=any(column.generated == "serial" for column in table.columns.values()),
    )
    if keys.long:
        built.append_constraint(FamilyKeys(keys, every=False))
    for index in table.indexes:
        name = quoted_name(index.name, quote=True)
        added = Index(name, *(built.c[column] for column in index.columns), unique=index.unique)
        if index.name in keys.long:
            added.ddl_if(callable_=_elsewhere)
    return built


def _foreign_key(key: physical.ForeignKey, schema: str | None) -> ForeignKeyConstraint:
    target = f"{schema}.{key.target}" if schema else key.target
    action = {"cascade": "CASCADE", "set_null": "SET NULL", "restrict": "NO ACTION"}[key.on_delete]
    return ForeignKeyConstraint(
        [key.column], [f"{target}.{key.target_column}"], name=quoted_name(key.name, quote=True), ondelete=action
    )


def _column(column: physical.Column, *, beside: bool) -> Column[Any]:
    """beside: a string that MySQL and MariaDB keep beside the row."""
    return Column(
        quoted_name(column.name, quote=True),
        _type(column, beside=beside),
        *([Identity()] if column.generated == "serial" else []),
        nullable=column.nullable,
        server_default=default_of(replace(column, kind="text") if beside else column),
        autoincrement=column.generated == "serial",
    )


def _type(column: physical.Column, *, beside: bool) -> TypeEngine[Any]:
    if column.kind == "string":
        exact = String(column.length).with_variant(String(column.length, collation="C"), "postgresql")
        return exact.with_variant(ExactText() if beside else ExactString(column.length), *FAMILY)
    return TYPES[column.kind]


TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "text": Text().with_variant(Text(collation="C"), "postgresql").with_variant(ExactText(), *FAMILY),
    "integer": BigInteger().with_variant(Integer(), "sqlite"),
    "float": Double(),
    "boolean": Boolean(),
    "datetime": UtcDateTime(),
    "json": JsonText(),
    "string[]": JsonText().with_variant(ARRAY(Text(collation="C")), "postgresql"),
    "integer[]": JsonText().with_variant(ARRAY(BigInteger()), "postgresql"),
    "bytes": LargeBinary().with_variant(LONGBLOB(), *FAMILY),
    "uuid": String(36).with_variant(Uuid(as_uuid=False), "postgresql").with_variant(ExactString(36), *FAMILY),
}
