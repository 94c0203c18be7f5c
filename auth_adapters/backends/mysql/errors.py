"""The errors of MySQL and MariaDB as ours: the one place where they are mapped."""

import re
import ssl
from collections.abc import Iterator
from typing import Final

from asyncmy import errors as driver_errors

from auth_adapters.backends.sql.family import primary_index
from auth_adapters.errors import (
    AuthAdapterError,
    BackendError,
    ConfigurationError,
    ConnectionFailedError,
    ConstraintError,
    ForeignKeyViolationError,
    InvalidValueError,
    NotNullViolationError,
    OperationTimeoutError,
    TableMissingError,
    TransientError,
    UniqueViolationError,
    UnsupportedOperationError,
)
from auth_adapters.physical import Layout, Table
from auth_adapters.rules import column_missing, unique_violation

__all__ = ["PRIMARY", "READ_ONLY", "at_table", "mysql_error"]

PRIMARY: Final = "PRIMARY"
TRANSIENT: Final = {
    1020: "a row was changed by another transaction meanwhile",
    1205: "a lock could not be had in time",
    1213: "two transactions waited for each other",
    1412: "a table was changed meanwhile",
    1614: "a transaction branch was rolled back: a deadlock",
    1615: "a table was changed meanwhile",
    3058: "two user locks waited for each other",
    3101: "another member of the group got in the way",
    3572: "a lock was not to be had at once",
    1047: "this node is not ready: it has lost its cluster, or is joining it",
    1180: "the commit failed",
    1290: "this server is read-only: a replica, or a primary that has just stepped down",
    1792: "this transaction is read-only",
    1836: "this server is read-only: a replica, or a primary that has just stepped down",
    3100: "the group refused the commit",
}
READ_ONLY: Final = frozenset({1047, 1290, 1836})
"""What another server may do: the connection is of no use any more."""
UNREACHABLE: Final = {
    1040: "the server has too many connections",
    1042: "the server does not know this client's host",
    1043: "the server did not understand the greeting; perhaps it speaks no TLS",
    1044: "the server refused the user this database",
    1045: "the server refused the user or the password",
    1049: "the server has no database of this name",
    1053: "the server is shutting down",
    1077: "the server is shutting down",
    1079: "the server is shutting down",
    1129: "the server has blocked this client's host",
    1130: "the server does not let this client's host in",
    1152: "the connection was aborted",
    1158: "the connection was lost",
    1159: "the connection was lost",
    1160: "the connection was lost",
    1161: "the connection was lost",
    1184: "the connection was aborted",
    1203: "the user has too many connections",
    1226: "the user has used up what the server allows",
    1698: "the server refused the user or the password",
    1820: "the password has expired",
    1862: "the password has expired",
    1927: "the connection was killed",
    2002: "the server cannot be reached",
    2003: "the server cannot be reached",
    2006: "the connection was lost",
    2013: "the connection was lost",
    2014: "the connection is of no use any more",
    2055: "the connection was lost",
    3118: "the account is locked",
    3159: "the server takes only encrypted connections",
    4031: "the connection was idle for too long",
    4151: "the account is locked",
}
TIMED_OUT: Final = {
    1317: "the statement was interrupted (by an administrator)",
    1907: "the statement took longer than the server allows",
    1969: "the statement took longer than the server allows",
    3024: "the statement took longer than the server allows",
}
UNFIT: Final = {
    1264: "a number does not fit its column",
    1366: "a value does not fit its column",
    1292: "a value does not fit its column",
    1406: "a value is too long for its column",
    3140: "a value is not the JSON that the server takes",
    4025: "a value is not the JSON that the server takes",
    1690: "the sum does not fit the field: 64-bit integers, finite doubles",
    1153: "the statement is longer than the server takes (max_allowed_packet)",
}
NOT_SORTED: Final = frozenset({1038, 1242})
"""There is no room, or a value is longer than what is sorted by: then the statement fails by itself."""
NOT_MADE: Final = 1005
TOO_BIG: Final = re.compile(r"errno: (139|185) ")
"""What MariaDB's InnoDB says of a row that is too large or has too many columns, inside of the error NOT_MADE."""
TOO_LARGE: Final = 1118
MISSING: Final = frozenset({1146, 1051})
LACKING: Final = frozenset({1054, 1072})
FOREIGN: Final = frozenset({1216, 1217, 1451, 1452, 1761, 1762, 1909, 3008})
ENGINE: Final = 1296
TOO_DEEP: Final = 193
"""What MariaDB's InnoDB says of cascades that go too deep, inside of the error ENGINE."""
DUPLICATE: Final = frozenset({1062, 1169, 1557, 1586})
NULLED: Final = frozenset({1048, 1364})


def mysql_error(error: BaseException, layout: Layout) -> AuthAdapterError:
    """Our error for one of asyncmy's, by its errno; which key or constraint it was is read from the text."""
    cause = _cause(error)
    if isinstance(cause, AuthAdapterError):
        return cause
    if isinstance(cause, TimeoutError):
        return OperationTimeoutError("the database did not answer in time (statement_timeout)")
    if isinstance(cause, ssl.SSLError) or isinstance(cause.__cause__, ssl.SSLError):
        return ConnectionFailedError("a TLS connection could not be made")
    if isinstance(cause, driver_errors.MySQLError):
        return _by_code(cause, layout)
    if isinstance(cause, OSError | EOFError):
        return ConnectionFailedError("the connection to the database failed or was lost")
    if isinstance(cause, RuntimeError) and "cryptography" in str(cause):
        return ConfigurationError(
            "the server wants the password over TLS, or the package cryptography: pip install cryptography"
        )
    return BackendError(f"asyncmy refused the statement ({type(cause).__name__})")


def _by_code(cause: BaseException, layout: Layout) -> AuthAdapterError:
    arguments = cause.args
    code: int | None = arguments[0] if arguments and isinstance(arguments[0], int) else None
    text = str(arguments[1]) if len(arguments) > 1 else ""
    if code is None or isinstance(cause, driver_errors.InterfaceError) or code == 0:
        return ConnectionFailedError("the connection to the database is closed")
    for codes, kind in KINDS:
        if code in codes:
            return kind(f"{codes[code]}{'; safe to retry' if kind is TransientError else ''}", code=code)
    if (misfit := _misfit(code)) is not None:
        return misfit
    if code in DUPLICATE:
        return _duplicate(code, text, layout)
    if code in FOREIGN or (code == ENGINE and f"error {TOO_DEEP} " in text):
        return _foreign(code, text, layout)
    if code in NULLED:
        return NotNullViolationError("a required value is missing", constraint=_between(text, "'"), code=code)
    code = TOO_LARGE if code == NOT_MADE and TOO_BIG.search(text) else code
    return BackendError(f"the server refused the statement (errno {code})", code=code)


def _misfit(code: int) -> AuthAdapterError | None:
    """The error where values or tables are not as they should be."""
    if code in NOT_SORTED:
        return UnsupportedOperationError("values are too long to be sorted by: 1 MiB is what there is room for")
    if code in UNFIT:
        return InvalidValueError(UNFIT[code])
    if code in MISSING:
        return TableMissingError("a table is not there; await adapter.create_tables()", code=code)
    return column_missing(code) if code in LACKING else None


KINDS: Final[tuple[tuple[dict[int, str], type[BackendError]], ...]] = (
    (TRANSIENT, TransientError),
    (UNREACHABLE, ConnectionFailedError),
    (TIMED_OUT, OperationTimeoutError),
)


def _cause(error: BaseException) -> BaseException:
    """The driver's own error below SQLAlchemy's."""
    while not isinstance(error, driver_errors.MySQLError | OSError | EOFError | AuthAdapterError):
        inner = getattr(error, "orig", None) or error.__cause__ or error.__context__
        if inner is None:
            return error
        error = inner
    return error


def _between(text: str, mark: str) -> str | None:
    parts = text.split(mark)
    return parts[1] if len(parts) > 2 else None


def _duplicate(code: int, text: str, layout: Layout) -> UniqueViolationError:
    """`Duplicate entry '...' for key 'name'`; MySQL puts the table before the name. What is quoted first is a value."""
    for table, columns, key in _unique_keys(layout):
        if text.endswith(f"'{table.name}.{key}'") or (key != PRIMARY and text.endswith(f" key '{key}'")):
            return unique_violation(table, columns, constraint=key, code=code)
    constraint = PRIMARY if text.endswith(f"'{PRIMARY}'") else None
    return UniqueViolationError("another row has the same values in a unique key", constraint=constraint, code=code)


def _unique_keys(layout: Layout) -> Iterator[tuple[Table, tuple[str, ...], str]]:
    for table in layout.tables.values():
        yield table, table.primary_key, PRIMARY
        yield table, table.primary_key, primary_index(table)
        for index in table.indexes:
            if index.unique:
                yield table, index.columns, index.name


def _foreign(code: int, text: str, layout: Layout) -> ForeignKeyViolationError:
    """`... CONSTRAINT `name` FOREIGN KEY (...) ...`: names, never values. MySQL 9.7 does not double their backticks."""
    for child in layout.tables.values():
        for key in child.foreign_keys:
            names = {key.name, key.name.replace("`", "``")}
            if any(f"CONSTRAINT `{name}` FOREIGN KEY" in text for name in names):
                fields = child.fields((key.column,))
                return ForeignKeyViolationError(
                    f"{child.model}.{fields[0]} refers to nothing, or is referred to",
                    model=child.model,
                    fields=fields,
                    constraint=key.name,
                    code=code,
                )
    return ForeignKeyViolationError("a reference leads nowhere, or is still in use", code=code)


def at_table(error: ConstraintError, table: Table) -> ConstraintError:
    """The same error with what only the statement tells: the table that was written."""
    code = error.code
    assert isinstance(code, int)
    if error.model is None and isinstance(error, UniqueViolationError) and error.constraint == PRIMARY:
        return unique_violation(table, table.primary_key, constraint=PRIMARY, code=code)
    if error.model is None and isinstance(error, NotNullViolationError) and error.constraint in table.columns:
        fields = table.fields((str(error.constraint),))
        text = f"{table.model}.{', '.join(fields)} is required"
        return NotNullViolationError(text, model=table.model, fields=fields, code=code)
    return error
