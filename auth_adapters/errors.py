"""Every error this library raises, in one tree.

No error text, attribute or repr holds a password, a token, a stored value or the credentials of a URL.
"""

from collections.abc import Sequence

__all__ = [
    "AdapterStateError",
    "AuthAdapterError",
    "BackendError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ConstraintError",
    "ForeignKeyViolationError",
    "InvalidQueryError",
    "InvalidValueError",
    "MigrationError",
    "MissingDriverError",
    "NotNullViolationError",
    "OperationTimeoutError",
    "PoolTimeoutError",
    "SchemaError",
    "TableMissingError",
    "TransientError",
    "UniqueViolationError",
    "UnknownFieldError",
    "UnknownModelError",
    "UnsupportedOperationError",
]


class AuthAdapterError(Exception):
    """The root: catching it catches everything this library raises on purpose."""


class ConfigurationError(AuthAdapterError):
    """The adapter was set up with options, a URL or an environment that cannot work."""


class MissingDriverError(ConfigurationError):
    """A backend's driver is not installed; the text names the extra that brings it."""


class AdapterStateError(AuthAdapterError):
    """The adapter is closed, finished, failed, or used by two tasks at once."""


class SchemaError(AuthAdapterError):
    """A schema is wrong, or a name is not in it."""


class UnknownModelError(SchemaError):
    """The schema has no model of this name."""


class UnknownFieldError(SchemaError):
    """The model has no field of this name."""


class InvalidQueryError(AuthAdapterError, ValueError):
    """The question itself is wrong: its structure, its limits or its options."""


class InvalidValueError(AuthAdapterError, ValueError):
    """A value does not fit its field. The text names the field and the rule, never the value."""


class UnsupportedOperationError(AuthAdapterError):
    """The backend does not offer this; its capabilities say so."""


class MigrationError(AuthAdapterError):
    """A change to the stored tables could not be planned or applied. For migrations to come: nothing raises it yet."""


class BackendError(AuthAdapterError):
    """The database answered with an error.

    `code` is the database's own code (an SQLSTATE, an errno, an `sqlite_errorname`) or None.
    The driver's message is not kept: it may quote stored values.
    """

    def __init__(self, message: str, *, code: str | int | None = None) -> None:
        super().__init__(message)
        self.code = code


class ConstraintError(BackendError):
    """A rule of the database refused the write. Nothing was changed.

    `model` and `fields` are logical names; `fields` is `()` where the database does not say which.
    """

    def __init__(
        self,
        message: str,
        *,
        model: str | None = None,
        fields: Sequence[str] = (),
        constraint: str | None = None,
        code: str | int | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.model = model
        self.fields: tuple[str, ...] = tuple(fields)
        self.constraint = constraint


class UniqueViolationError(ConstraintError):
    """Another row of `model` already holds the same values in `fields`."""


class ForeignKeyViolationError(ConstraintError):
    """`fields` of `model` would refer to a row that is not there.

    Raised for the child that was written without its parent, and, when a delete is restricted,
    for the child that still refers to the row.
    """


class NotNullViolationError(ConstraintError):
    """`fields` of `model` must hold a value."""


class TableMissingError(BackendError):
    """A table is not there; the text says how to create it."""


class ConnectionFailedError(BackendError):
    """The database cannot be reached or opened, or the connection was lost."""


class OperationTimeoutError(BackendError):
    """The operation took longer than its limit."""


class PoolTimeoutError(BackendError):
    """No connection became free within the limit."""


class TransientError(BackendError):
    """Deadlock, lock time-out, serialization failure or failover. The transaction is undone: safe to retry."""
