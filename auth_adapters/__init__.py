"""Storage for Python auth frameworks: one async adapter protocol, many databases behind it."""

from auth_adapters.adapter import BackendAdapter
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.connect import connect
from auth_adapters.errors import (
    AdapterStateError,
    AuthAdapterError,
    BackendError,
    ConfigurationError,
    ConnectionFailedError,
    ConstraintError,
    ForeignKeyViolationError,
    InvalidQueryError,
    InvalidValueError,
    MigrationError,
    MissingDriverError,
    NotNullViolationError,
    OperationTimeoutError,
    PoolTimeoutError,
    SchemaError,
    TableMissingError,
    TransientError,
    UniqueViolationError,
    UnknownFieldError,
    UnknownModelError,
    UnsupportedOperationError,
)
from auth_adapters.observation import Observation, Observer
from auth_adapters.protocols import Adapter, Backend, Isolation
from auth_adapters.query import ALL, Join, ModelRef, Predicate, Record, Where, all_of, any_of, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import (
    ACCOUNT,
    SESSION,
    USER,
    VERIFICATION,
    Account,
    Session,
    User,
    Verification,
    auth_schema,
)
from auth_adapters.schema.fields import Field, Reference, Transforms, utc_now
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Naming

__version__ = "0.1.0"

__all__ = [
    "ACCOUNT",
    "ALL",
    "SESSION",
    "USER",
    "VERIFICATION",
    "Account",
    "Adapter",
    "AdapterStateError",
    "AuthAdapterError",
    "Backend",
    "BackendAdapter",
    "BackendError",
    "Capabilities",
    "ConfigurationError",
    "ConnectionFailedError",
    "ConstraintError",
    "Extension",
    "Field",
    "ForeignKeyViolationError",
    "Index",
    "InvalidQueryError",
    "InvalidValueError",
    "Isolation",
    "Join",
    "MigrationError",
    "MissingDriverError",
    "Model",
    "ModelRef",
    "Naming",
    "NotNullViolationError",
    "Observation",
    "Observer",
    "OperationTimeoutError",
    "PoolTimeoutError",
    "Predicate",
    "Record",
    "Reference",
    "Schema",
    "SchemaError",
    "Session",
    "Storage",
    "TableMissingError",
    "Transforms",
    "TransientError",
    "UniqueViolationError",
    "UnknownFieldError",
    "UnknownModelError",
    "UnsupportedOperationError",
    "User",
    "Verification",
    "Where",
    "__version__",
    "all_of",
    "any_of",
    "auth_schema",
    "connect",
    "field",
    "utc_now",
]
