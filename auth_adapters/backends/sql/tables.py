"""From a layout to SQLAlchemy tables: types, constraints, defaults. The metadata is public.

The types convert exactly as the adapter does, so that an application that reads these tables through SQLAlchemy sees
the same values.
"""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.sql import quoted_name
from sqlalchemy.types import TypeEngine

from auth_adapters import physical
from auth_adapters.values import check_moment, decode_datetime, encode_datetime

__all__ = ["JsonText", "UtcDateTime", "build_metadata"]

UUID4_IN_SQLITE: Final = (
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "
    "substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, as text of fixed width in UTC with milliseconds."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = String(24)
    cache_ok: bool | None = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        return None if value is None else encode_datetime(check_moment("a datetime", value))

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        return None if value is None else decode_datetime(value)


class JsonText(TypeDecorator[Any]):
    """JSON or a list, as text."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    cache_ok: bool | None = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def build_metadata(layout: physical.Layout, metadata: MetaData | None = None) -> MetaData:
    """The tables of `layout`, added to `metadata` (a new one unless given)."""
    metadata = MetaData() if metadata is None else metadata
    for table in layout.tables.values():
        _table(table, layout, metadata)
    return metadata


def _table(table: physical.Table, layout: physical.Layout, metadata: MetaData) -> Table:
    built = Table(
        quoted_name(table.name, quote=True),
        metadata,
        *(_column(column) for column in table.columns.values()),
        PrimaryKeyConstraint(*table.primary_key),
        *(_foreign_key(key, table.schema) for key in table.foreign_keys),
        schema=table.schema,
        sqlite_autoincrement=any(column.generated == "serial" for column in table.columns.values()),
    )
    for index in table.indexes:
        Index(quoted_name(index.name, quote=True), *(built.c[name] for name in index.columns), unique=index.unique)
    return built


def _foreign_key(key: physical.ForeignKey, schema: str | None) -> ForeignKeyConstraint:
    target = f"{schema}.{key.target}" if schema else key.target
    action = {"cascade": "CASCADE", "set_null": "SET NULL", "restrict": "NO ACTION"}[key.on_delete]
    return ForeignKeyConstraint(
        [key.column], [f"{target}.{key.target_column}"], name=quoted_name(key.name, quote=True), ondelete=action
    )


def _column(column: physical.Column) -> Column[Any]:
    return Column(
        quoted_name(column.name, quote=True),
        _type(column),
        nullable=column.nullable,
        server_default=_default(column),
        autoincrement=column.generated == "serial",
    )


def _type(column: physical.Column) -> TypeEngine[Any]:
    if column.kind == "string":
        return String(column.length)
    return TYPES[column.kind]


TYPES: Final[dict[str, TypeEngine[Any]]] = {
    "text": Text(),
    "integer": BigInteger().with_variant(Integer(), "sqlite"),
    "float": Double(),
    "boolean": Boolean(),
    "datetime": UtcDateTime(),
    "json": JsonText(),
    "string[]": JsonText(),
    "integer[]": JsonText(),
    "bytes": LargeBinary(),
    "uuid": String(36),
}


def _default(column: physical.Column) -> Any:
    if column.generated == "database":
        return text(UUID4_IN_SQLITE)
    if column.default is None:
        return None
    if isinstance(column.default, bytes):
        return text(f"X'{column.default.hex()}'")
    if isinstance(column.default, str):
        quoted = column.default.replace("'", "''").replace(":", "\\:")
        return text(f"'{quoted}'")
    return text(repr(column.default))
