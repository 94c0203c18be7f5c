"""PostgreSQL's errors as ours: the one place where they are mapped."""

import re
import ssl
from collections.abc import Iterator
from typing import Any, Final

import asyncpg

from auth_adapters.errors import (
    AuthAdapterError,
    BackendError,
    ConfigurationError,
    ConnectionFailedError,
    ForeignKeyViolationError,
    InvalidValueError,
    NotNullViolationError,
    OperationTimeoutError,
    TableMissingError,
    TransientError,
    UniqueViolationError,
)
from auth_adapters.physical import Layout, Table
from auth_adapters.rules import column_missing

__all__ = ["postgresql_error"]

TRANSIENT: Final = {
    "40001": "a concurrent transaction got in the way",
    "40P01": "two transactions waited for each other",
    "40003": "the server could not say how the transaction ended",
    "55P03": "a lock could not be had in time",
    "55006": "an object was in use",
    "25006": "this server is read-only: a replica, or a primary that has just stepped down",
}
UNREACHABLE: Final = {
    "57P01": "the server is shutting down",
    "57P02": "the server has crashed",
    "57P03": "the server is not ready",
    "57P05": "the connection was idle for too long",
    "53300": "the server has too many connections",
    "28000": "the server refused the user",
    "28P01": "the server refused the user or the password",
    "3D000": "the server has no database of this name",
    "25P03": "a transaction was idle for too long",
}
MISSING: Final = {"42P01": "a table", "3F000": "a table", "42P10": "a unique index of the schema"}
DRIVER: Final = asyncpg.PostgresError | asyncpg.InterfaceError | asyncpg.InternalClientError
LOST_STATEMENT: Final = frozenset({"26000", "42P05"})
NUMERIC: Final = frozenset({"22003", "22P02"})


def postgresql_error(error: BaseException, layout: Layout) -> AuthAdapterError:
    """Our error for one of asyncpg's, by its SQLSTATE."""
    cause = _cause(error)
    if isinstance(cause, AuthAdapterError):
        return cause
    if isinstance(cause, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError):
        return TransientError("the table was changed meanwhile; safe to retry", code=_code(cause))
    if isinstance(cause, asyncpg.exceptions.TargetServerAttributeNotMatched):
        return ConnectionFailedError("no server is of the kind that target_session_attrs asks for")
    if isinstance(cause, TimeoutError):
        return OperationTimeoutError("the database did not answer in time (statement_timeout)")
    if isinstance(cause, asyncpg.PostgresError) and _code(cause):
        return _by_code(str(_code(cause)), cause, layout)
    if isinstance(cause, ssl.SSLError):
        return ConnectionFailedError("a TLS connection could not be made")
    if isinstance(cause, OSError | asyncpg.PostgresError | asyncpg.InternalClientError) or "closed" in str(cause):
        return ConnectionFailedError("the connection to the database failed or was lost")
    if isinstance(cause, asyncpg.exceptions.ClientConfigurationError):
        return ConfigurationError("asyncpg cannot connect with these options")
    if isinstance(cause, asyncpg.DataError):
        return InvalidValueError("a value does not fit what its column stores")
    return BackendError(f"asyncpg refused the statement ({type(cause).__name__})")


def _by_code(code: str, cause: Any, layout: Layout) -> AuthAdapterError:
    if code.startswith("23"):
        return _constraint_error(code, cause, layout)
    if code in TRANSIENT:
        return TransientError(f"{TRANSIENT[code]}; safe to retry", code=code)
    if code in UNREACHABLE or code.startswith("08"):
        return ConnectionFailedError(UNREACHABLE.get(code, "the connection to the database was lost"), code=code)
    if code == "57014":
        return OperationTimeoutError("the server cancelled the statement (a time-out, or an administrator)", code=code)
    if code in MISSING:
        return TableMissingError(f"{MISSING[code]} is not there; await adapter.create_tables()", code=code)
    if code == "42703":
        return column_missing(code)
    if code == "54000":
        return InvalidValueError("a value is too long for an index: on PostgreSQL it holds about 2,700 bytes")
    if code in LOST_STATEMENT:
        return BackendError(
            "a prepared statement is not where it was made: a pooler by transaction stands before the server. Connect "
            "with pgbouncer=true",
            code=code,
        )
    if code in NUMERIC:
        return InvalidValueError("the sum does not fit the field: 64-bit integers, finite doubles")
    return BackendError(f"PostgreSQL refused the statement (SQLSTATE {code})", code=code)


def _code(cause: BaseException) -> str | None:
    code: str | None = getattr(cause, "sqlstate", None)
    return code


def _cause(error: BaseException) -> BaseException:
    """The driver's own error below SQLAlchemy's."""
    while not isinstance(error, DRIVER | OSError | AuthAdapterError):
        inner = getattr(error, "orig", None) or error.__cause__ or error.__context__
        if inner is None:
            return error
        error = inner
    return error


def _constraint_error(code: str, cause: Any, layout: Layout) -> AuthAdapterError:
    name: str | None = cause.constraint_name
    here = list(_tables(cause, layout))
    if code == "23505":
        table, columns = _unique_key(name, here, cause.detail or "")
        fields = table.fields(columns) if table else ()
        model = table.model if table else None
        text = f"another {model or 'row'} has the same {', '.join(fields) or 'values in a unique key'}"
        return UniqueViolationError(text, model=model, fields=fields, constraint=name, code=code)
    if code in ("23503", "23001"):
        for child in layout.tables.values():
            for key in child.foreign_keys:
                if key.name == name:
                    fields = child.fields((key.column,))
                    text = f"{child.model}.{fields[0]} refers to nothing, or is referred to"
                    return ForeignKeyViolationError(text, model=child.model, fields=fields, constraint=name, code=code)
        return ForeignKeyViolationError("a reference leads nowhere, or is still in use", constraint=name, code=code)
    if code == "23502":
        for table in here:
            fields = table.fields((cause.column_name,))
            text = f"{table.model}.{', '.join(fields)} is required"
            return NotNullViolationError(text, model=table.model, fields=fields, code=code)
        return NotNullViolationError("a required value is missing", code=code)
    return BackendError(f"a rule of the database refused the write (SQLSTATE {code})", code=code)


def _tables(cause: Any, layout: Layout) -> Iterator[Table]:
    for table in layout.tables.values():
        if table.name == cause.table_name:
            yield table


def _unique_key(name: str | None, tables: list[Table], detail: str) -> tuple[Table | None, tuple[str, ...]]:
    """The table and columns of a unique key: by the name of the index, else by the columns that the detail lists."""
    for table in tables:
        for index in table.indexes:
            if index.name == name:
                return table, index.columns
        listed = re.match(r'Key \(((?:"(?:[^"]|"")*"|[^"()])*)\)=\(', detail)
        if listed:
            columns = tuple(one.strip().strip('"').replace('""', '"') for one in listed[1].split(", "))
            return table, columns
    return (tables[0] if tables else None), ()
