"""Constants as the DEFAULT of a column, and the id that a database makes by itself, as each database writes them."""

import json
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import NullType, TypeEngine

from auth_adapters import physical

__all__ = ["Constant", "MadeId", "default_of"]

UUID4_IN_SQLITE: Final = (
    "(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "
    "substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"
)
MISREAD: Final = "\\%'\n\r\0\x1a"
"""What is not the same in every session, or not after MariaDB has written it once more."""


class MadeId(ColumnElement[Any]):
    """A new UUID."""

    inherit_cache: bool | None = False
    type: TypeEngine[Any] = NullType()


class Constant(ColumnElement[Any]):
    """A value of a column, in any of the forms in which a backend stores it."""

    inherit_cache: bool | None = False
    type: TypeEngine[Any] = NullType()

    def __init__(self, kind: str, value: Any) -> None:
        self.kind = kind
        self.value = value


def default_of(column: physical.Column) -> ColumnElement[Any] | None:
    """The DEFAULT of a column, if it has one."""
    if column.generated == "database":
        return MadeId()
    return None if column.default is None else Constant(column.kind, column.default)


@compiles(MadeId)
def _made_id(element: MadeId, compiler: SQLCompiler, **options: Any) -> str:
    return UUID4_IN_SQLITE


@compiles(MadeId, "postgresql")
def _made_id_postgresql(element: MadeId, compiler: SQLCompiler, **options: Any) -> str:
    return "gen_random_uuid()"


@compiles(MadeId, "mysql", "mariadb")
def _made_id_mysql(element: MadeId, compiler: SQLCompiler, **options: Any) -> str:
    return "(uuid())"


@compiles(Constant)
def _constant(element: Constant, compiler: SQLCompiler, **options: Any) -> str:
    value = element.value
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return quoted(value) if isinstance(value, str) else repr(value)


@compiles(Constant, "postgresql")
def _constant_postgresql(element: Constant, compiler: SQLCompiler, **options: Any) -> str:
    value = element.value
    if element.kind == "boolean":
        return "true" if value else "false"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    if element.kind in ("string[]", "integer[]"):
        items = json.loads(value) if isinstance(value, str) else value
        kind = "text" if element.kind == "string[]" else "bigint"
        return f"ARRAY[{', '.join(quoted(one) if isinstance(one, str) else str(one) for one in items)}]::{kind}[]"
    return quoted(value) if isinstance(value, str) else repr(value)


@compiles(Constant, "mysql", "mariadb")
def _constant_mysql(element: Constant, compiler: SQLCompiler, **options: Any) -> str:
    """In brackets where its type takes only expressions, in hexadecimal what a session may read otherwise; as a
    function of it, since MariaDB keeps the expression as a text in which it writes a mere literal without escapes.
    """
    value = element.value
    if isinstance(value, datetime):
        value = value.isoformat(" ", "milliseconds")
    elif element.kind == "datetime":
        value = datetime.fromisoformat(value).replace(tzinfo=None).isoformat(" ", "milliseconds")
    if isinstance(value, bytes):
        return f"(X'{value.hex()}')"
    if isinstance(value, str):
        if any(mark in value for mark in MISREAD):
            return f"(CONVERT(X'{value.encode().hex()}' USING utf8mb4))"
        return quoted(value) if element.kind in ("string", "datetime", "uuid") else f"({quoted(value)})"
    return repr(value)


def quoted(value: str) -> str:
    """A text as SQL writes it, where a backslash is a character like any other."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
