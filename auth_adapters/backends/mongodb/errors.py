"""The errors of MongoDB as ours: the one place where they are mapped."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

from bson.errors import BSONError, InvalidBSON
from pymongo import errors as driver_errors

from auth_adapters.backends.mongodb.names import column_at
from auth_adapters.errors import (
    AuthAdapterError,
    BackendError,
    ConfigurationError,
    ConnectionFailedError,
    InvalidValueError,
    OperationTimeoutError,
    PoolTimeoutError,
    TableMissingError,
    TransientError,
    UniqueViolationError,
)
from auth_adapters.physical import Table
from auth_adapters.rules import unique_violation

__all__ = ["UNKNOWN", "told", "uncommitted"]

T = TypeVar("T")

TRANSIENT_LABEL: Final = "TransientTransactionError"
UNKNOWN: Final = "UnknownTransactionCommitResult"
TRANSIENT: Final = {
    24: "a lock could not be had in time",
    91: "the server is shutting down",
    112: "another transaction changed the same document",
    189: "the primary has stepped down",
    225: "the transaction is too old",
    246: "the snapshot is gone",
    251: "the transaction is gone",
    10107: "this server is not the primary",
    11600: "the server is shutting down",
    11602: "the primary has stepped down",
    13435: "this server is not the primary",
    13436: "this server is not ready",
}
REFUSED: Final = {
    11: "the server does not know the user",
    13: "the user may not do this; see the roles that the manual of this backend lists",
    18: "the server refused the user or the password",
    31: "the server does not know one of the user's roles",
    33: "the server refused the certificate",
    391: "the server wants the user to authenticate again",
    8000: "the server refused the user or the password",
}
TIMED_OUT: Final = {
    50: "the operation took longer than it may (statement_timeout)",
    64: "the write was not acknowledged by enough members in time; it may have been done",
    89: "the server did not answer in time",
    202: "the operation took longer than the server allows",
    262: "the operation took longer than it may (statement_timeout)",
    290: "the transaction took longer than the server allows",
    11601: "the operation was interrupted (by an administrator)",
}
DUPLICATE: Final = frozenset({11000, 11001, 12582})
TOO_LARGE: Final = frozenset({10334, 17419, 17420})
INVALID: Final = {
    121: "the document does not fit the collection's validator",
    241: "the sum does not fit the field: 64-bit integers, finite doubles",
}
"""241 is what an increment answers whose sum does not fit: see `shapes.sums_of`."""
MISSING: Final = frozenset({26})
UNMET: Final = frozenset({79, 100})
OTHER_INDEX: Final = frozenset({85, 86})


async def told(work: Awaitable[T], table: Table | None = None) -> T:
    """What `work` gives, its errors as ours. table: whose documents it is about.

    What the driver said quotes values: it is not kept.
    """
    try:
        return await work
    except (driver_errors.PyMongoError, BSONError, OverflowError) as error:
        failure = mongodb_error(error, table)
    raise failure


def uncommitted(error: driver_errors.PyMongoError) -> AuthAdapterError:
    """Our error for a commit that failed. Who does not know whether it was done must not be told to try it again."""
    failure = mongodb_error(error, None)
    if isinstance(failure, TransientError) and error.has_error_label(UNKNOWN):
        return ConnectionFailedError(
            "the primary went away while it committed: whether it was done is not known", code=failure.code
        )
    return failure


def mongodb_error(error: BaseException, table: Table | None) -> AuthAdapterError:
    """Our error for one of PyMongo's, by its kind and its code."""
    if isinstance(error, driver_errors.DocumentTooLarge):
        return InvalidValueError("what was given is larger than a document of MongoDB can be: 16 MB")
    if isinstance(error, InvalidBSON):
        return BackendError("a document holds what cannot be read, such as a time after the year 9999")
    if not isinstance(error, driver_errors.PyMongoError):
        return InvalidValueError(f"a value cannot be stored in MongoDB ({type(error).__name__})")
    if isinstance(error, driver_errors.BulkWriteError):
        return _bulk(error, table)
    if isinstance(error, driver_errors.OperationFailure):
        return _by_code(error.code, error.details or {}, table, error.has_error_label(TRANSIENT_LABEL))
    return _of_connection(error)


def _of_connection(error: driver_errors.PyMongoError) -> AuthAdapterError:
    """What went wrong on the way to the server."""
    if isinstance(error, driver_errors.WaitQueueTimeoutError):
        return PoolTimeoutError("no connection became free in time (acquire_timeout)")
    if isinstance(error, driver_errors.NetworkTimeout):
        return OperationTimeoutError("the database did not answer in time (statement_timeout)")
    if error.has_error_label(TRANSIENT_LABEL) or isinstance(error, driver_errors.NotPrimaryError):
        return TransientError("the primary went away meanwhile; safe to retry")
    if isinstance(error, driver_errors.ServerSelectionTimeoutError):
        return ConnectionFailedError("no server of MongoDB can be reached that would do (server_selection_timeout)")
    if error.timeout:
        return OperationTimeoutError("the database did not answer in time (statement_timeout)")
    if isinstance(error, driver_errors.ConnectionFailure):
        return ConnectionFailedError("the connection to the database failed or was lost")
    if isinstance(error, driver_errors.ConfigurationError):
        return ConfigurationError("PyMongo refused the configuration of the client")
    return BackendError(f"PyMongo refused the operation ({type(error).__name__})")


def _bulk(error: driver_errors.BulkWriteError, table: Table | None) -> AuthAdapterError:
    """The first thing that went wrong in a batch."""
    wrong = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
    details: Mapping[str, Any] = wrong[0] if wrong else {}
    return _by_code(details.get("code"), details, table, error.has_error_label(TRANSIENT_LABEL))


def _by_code(code: int | None, details: Mapping[str, Any], table: Table | None, transient: bool) -> AuthAdapterError:
    if code in DUPLICATE:
        return _duplicate(code, details, table)
    for codes, kind in KINDS:
        if code in codes:
            return kind(codes[code], code=code)
    if transient or code in TRANSIENT:
        return TransientError(f"{TRANSIENT.get(code or 0, 'the transaction was undone')}; safe to retry", code=code)
    if code in TOO_LARGE:
        return InvalidValueError("the document would be larger than MongoDB's documents can be: 16 MB")
    if code in INVALID:
        return InvalidValueError(INVALID[code])
    if code in MISSING:
        return TableMissingError("a collection is not there; await adapter.create_tables()", code=code)
    if code in UNMET:
        return BackendError("this server cannot acknowledge a write as w asks for; it may have been done", code=code)
    if code in OTHER_INDEX:
        of = f" of {table.model!r}" if table else ""
        return ConfigurationError(
            f"an index{of} that is there has the name of one that is needed, or does the same in another way, and "
            f"create_tables never alters: drop it, and call create_tables again"
        )
    return BackendError(f"the server refused the operation (code {code})", code=code)


KINDS: Final[tuple[tuple[Mapping[Any, str], type[BackendError]], ...]] = (
    (REFUSED, ConnectionFailedError),
    (TIMED_OUT, OperationTimeoutError),
)


def _duplicate(code: int | None, details: Mapping[str, Any], table: Table | None) -> UniqueViolationError:
    """Which key it was is told by `keyPattern`."""
    pattern: Mapping[str, Any] = details.get("keyPattern") or {}
    if table is None or not pattern:
        return UniqueViolationError("another document has the same values in a unique key", code=code)
    columns = tuple(column_at(table, path) for path in pattern)
    constraint = next((index.name for index in table.indexes if index.columns == columns), None)
    return unique_violation(table, columns, constraint=constraint, code=code)
