"""What is stored: fields, models, references and names, as frozen data that is checked once, when it is built.

Logical names are snake_case always; a schema's `Naming` alone decides what the tables and columns are called.
"""

from auth_adapters.schema import plugins, presets
from auth_adapters.schema.composition import IdMode, Schema
from auth_adapters.schema.core import (
    ACCOUNT,
    CORE_MODELS,
    SESSION,
    USER,
    VERIFICATION,
    Account,
    Session,
    User,
    Verification,
    auth_schema,
)
from auth_adapters.schema.fields import MISSING, Field, FieldType, OnDelete, Reference, Transforms, utc_now
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Case, Naming
from auth_adapters.schema.typed_dicts import write_typed_dicts

__all__ = [
    "ACCOUNT",
    "CORE_MODELS",
    "MISSING",
    "SESSION",
    "USER",
    "VERIFICATION",
    "Account",
    "Case",
    "Extension",
    "Field",
    "FieldType",
    "IdMode",
    "Index",
    "Model",
    "Naming",
    "OnDelete",
    "Reference",
    "Schema",
    "Session",
    "Transforms",
    "User",
    "Verification",
    "auth_schema",
    "plugins",
    "presets",
    "utc_now",
    "write_typed_dicts",
]
