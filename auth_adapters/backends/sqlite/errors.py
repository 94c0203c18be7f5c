"""SQLite's errors as ours: the one place where they are mapped."""

import sqlite3
from typing import Final

from auth_adapters.errors import (
    AuthAdapterError,
    BackendError,
    ConnectionFailedError,
    ForeignKeyViolationError,
    InvalidValueError,
    NotNullViolationError,
    OperationTimeoutError,
    TableMissingError,
    TransientError,
    UniqueViolationError,
)
from auth_adapters.physical import Layout
from auth_adapters.rules import column_missing, unique_violation

__all__ = ["sqlite_error"]

TRANSIENT: Final = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
UNREACHABLE: Final = (
    "SQLITE_CANTOPEN",
    "SQLITE_NOTADB",
    "SQLITE_CORRUPT",
    "SQLITE_IOERR",
    "SQLITE_PERM",
    "SQLITE_AUTH",
)

MISSING: Final = ("no such table", "ON CONFLICT clause does not match")


def sqlite_error(error: BaseException, layout: Layout) -> AuthAdapterError:
    """Our error for one of SQLite's, by its code; only which columns it was about is read from its text."""
    cause = _cause(error)
    code: str = getattr(cause, "sqlite_errorname", None) or ""
    message = str(cause)
    if code.startswith("SQLITE_CONSTRAINT"):
        return _constraint_error(code, message.partition(": ")[2], layout)
    if code.startswith(TRANSIENT):
        return TransientError("the database is locked by another transaction; safe to retry", code=code)
    if code.startswith("SQLITE_INTERRUPT"):
        return OperationTimeoutError("the operation was interrupted", code=code)
    if message.startswith(MISSING):
        missing = "a table" if message.startswith(MISSING[0]) else "a unique index of the schema"
        return TableMissingError(f"{missing} is not there; await adapter.create_tables()", code=code)
    if message.startswith("no such column") or "has no column named" in message:
        return column_missing(code)
    if message == "integer overflow":
        return InvalidValueError("the sum does not fit the field: 64-bit integers, finite doubles")
    if code.startswith(UNREACHABLE):
        return ConnectionFailedError(f"the database file cannot be used ({code})", code=code)
    if code.startswith("SQLITE_READONLY"):
        return BackendError("the database is read-only", code=code)
    if isinstance(cause, sqlite3.ProgrammingError) and "closed" in message:
        return ConnectionFailedError("the connection is closed")
    return BackendError(f"SQLite refused the statement ({code or type(cause).__name__})", code=code or None)


def _cause(error: BaseException) -> BaseException:
    while not isinstance(error, sqlite3.Error):
        inner = getattr(error, "orig", None) or error.__cause__ or error.__context__
        if inner is None:
            return error
        error = inner
    return error


def _constraint_error(code: str, detail: str, layout: Layout) -> AuthAdapterError:
    if code == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return ForeignKeyViolationError("a reference leads nowhere, or is still in use", code=code)
    for table in layout.tables.values():
        if code == "SQLITE_CONSTRAINT_NOTNULL":
            for column in table.columns.values():
                if detail == f"{table.name}.{column.name}":
                    return NotNullViolationError(
                        f"{table.model}.{column.field} is required",
                        model=table.model,
                        fields=(column.field,),
                        code=code,
                    )
            continue
        for key in table.unique_keys:
            if detail == ", ".join(f"{table.name}.{column}" for column in key):
                return unique_violation(table, key, code=code)
    if code == "SQLITE_CONSTRAINT_NOTNULL":
        return NotNullViolationError("a required value is missing", code=code)
    if code in ("SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"):
        return UniqueViolationError("another row has the same values in a unique key", code=code)
    return BackendError(f"a rule of the database refused the write ({code})", code=code)
