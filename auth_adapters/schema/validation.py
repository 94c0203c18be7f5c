"""Refuses a bad schema when it is built, and names the culprit."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from auth_adapters.errors import SchemaError
from auth_adapters.schema.fields import DEFAULT_LENGTH, FIELD_TYPES, MISSING, ON_DELETE, Field
from auth_adapters.schema.models import Model
from auth_adapters.schema.naming import Naming

__all__ = ["validate"]

CASES: Final = frozenset({"snake", "camel"})
MAX_NAME_BYTES: Final = 63
LOGICAL: Final = re.compile(r"[a-z][a-z0-9_]*")
UNINDEXED: Final = frozenset({"text", "json", "string[]", "integer[]"})
UNSORTED: Final = UNINDEXED
MAX_LENGTH: Final = 16_383
"""Above it, MySQL cannot hold a VARCHAR of four-byte characters in one row."""
TYPES_OF_CONSTANTS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "text": str,
    "enum": str,
    "integer": int,
    "float": (int, float),
    "boolean": bool,
    "datetime": datetime,
    "string[]": (list, tuple),
    "integer[]": (list, tuple),
    "bytes": (bytes, bytearray),
}


def validate(models: Mapping[str, Model], naming: Naming) -> None:
    """Raise `SchemaError` for the first thing that is wrong."""
    if not models:
        raise SchemaError("a schema needs at least one model")
    for name, model in models.items():
        _name("the model", name)
        _model(name, model)
        for field_name, field in model.fields.items():
            _field(f"{name}.{field_name}", field, models)
    _physical_names(models, naming)


def _name(what: str, name: object) -> None:
    if not isinstance(name, str) or not LOGICAL.fullmatch(name):
        raise SchemaError(f"{what} {name!r}: a logical name is snake_case, such as email_verified")


def _model(name: str, model: Model) -> None:
    if not isinstance(model, Model):
        raise SchemaError(f"{name!r} is not a Model")
    for field_name, field in model.fields.items():
        _name(f"in {name!r} the field", field_name)
        if not isinstance(field, Field):
            raise SchemaError(f"{name}.{field_name} is not a Field")
        if field.type == "id" and not field.references and not (field_name == "id" and model.makes_id):
            raise SchemaError(f"{name}.{field_name}: the type id is for the primary key id and for references")
    _primary_key(name, model)
    for index in model.indexes:
        _indexable(name, "index", index.fields, model)
    if model.expires is not None:
        _fields_exist(name, "expiry", (model.expires,), model)
        if model.fields[model.expires].type != "datetime":
            raise SchemaError(f"the expiry field {name}.{model.expires} is not a datetime")


def _primary_key(name: str, model: Model) -> None:
    if not model.primary_key:
        raise SchemaError(f"{name!r} has no primary key")
    _indexable(name, "primary key", model.primary_key, model)
    for part in model.primary_key:
        field = model.fields[part]
        if not field.required:
            raise SchemaError(f"{name}.{part} is part of the primary key: it must be required")
        if field.case_insensitive or field.transforms:
            raise SchemaError(f"{name}.{part} is part of the primary key: it cannot be case_insensitive or transformed")


def _indexable(name: str, what: str, fields: tuple[str, ...], model: Model) -> None:
    _fields_exist(name, what, fields, model)
    if not fields or len(set(fields)) != len(fields):
        raise SchemaError(f"the {what} {fields!r} of {name!r} needs fields, each once")
    for part in fields:
        if _effective(model.fields[part]) in UNINDEXED:
            raise SchemaError(f"the {what} of {name!r} holds {part!r}: a {model.fields[part].type} has no index")


def _fields_exist(name: str, what: str, fields: tuple[str, ...], model: Model) -> None:
    for part in fields:
        if part not in model.fields:
            raise SchemaError(f"the {what} of {name!r} names {part!r}, which is not a field of it")


def _effective(field: Field) -> str:
    return "id" if field.references else field.type


def _field(where: str, field: Field, models: Mapping[str, Model]) -> None:  # noqa: C901  (one rule after another)
    if field.type not in FIELD_TYPES:
        raise SchemaError(f"{where} has the unknown type {field.type!r}; there are: {', '.join(sorted(FIELD_TYPES))}")
    if (field.unique or field.index) and _effective(field) in UNINDEXED:
        raise SchemaError(f"{where}: a {field.type} cannot be indexed; a string can")
    if field.length is not None and (field.type != "string" or not 1 <= field.length <= MAX_LENGTH):
        raise SchemaError(f"{where}: length is for a string, from 1 to {MAX_LENGTH}")
    if (field.type == "enum") != bool(field.values):
        raise SchemaError(f"{where}: values go with the type enum, and it needs some")
    if field.case_insensitive and (field.type != "string" or field.references or field.transforms):
        raise SchemaError(f"{where}: case_insensitive is for a plain string")
    if field.required and field.default is None:
        raise SchemaError(f"{where} is required: its default cannot be None")
    if field.references:
        _reference(where, field, models)
    if field.transforms and field.references:
        raise SchemaError(f"{where}: a reference cannot have transforms")
    for what, constant in (("default", field.default), ("on_update", field.on_update)):
        if constant is not MISSING and constant is not None and not callable(constant):
            _constant(f"the {what} of {where}", constant, field)


def _constant(what: str, constant: object, field: Field) -> None:
    kinds = TYPES_OF_CONSTANTS.get("string" if field.references else field.type, object)
    if not isinstance(constant, kinds) or (isinstance(constant, bool) and field.type in ("integer", "float")):
        raise SchemaError(f"{what} does not fit its type, {field.type}")
    if isinstance(constant, datetime) and constant.utcoffset() is None:
        raise SchemaError(f"{what} is a naive datetime; it needs a time zone")
    if field.type == "enum" and constant not in field.values:
        raise SchemaError(f"{what} is none of its values: {', '.join(field.values)}")
    if isinstance(constant, str) and field.type == "string" and len(constant) > (field.length or DEFAULT_LENGTH):
        raise SchemaError(f"{what} is longer than the field")


def _reference(where: str, field: Field, models: Mapping[str, Model]) -> None:
    reference = field.references
    assert reference is not None
    if reference.model not in models:
        raise SchemaError(f"{where} refers to the model {reference.model!r}, which is not in the schema")
    target = models[reference.model]
    if reference.field not in target.fields:
        raise SchemaError(f"{where} refers to {reference.model}.{reference.field}, which is not a field")
    if (reference.field,) not in target.unique_keys:
        raise SchemaError(f"{where} refers to {reference.model}.{reference.field}, which is not unique by itself")
    if target.fields[reference.field].transforms or target.fields[reference.field].case_insensitive:
        raise SchemaError(f"{where} refers to {reference.model}.{reference.field}, which is not stored as it is given")
    if reference.on_delete not in ON_DELETE:
        raise SchemaError(f"{where}: on_delete is one of {', '.join(sorted(ON_DELETE))}")
    if reference.on_delete == "set_null" and field.required:
        raise SchemaError(f"{where} is required: on_delete cannot be set_null")
    if field.length is not None or (field.default is not MISSING and callable(field.default)):
        raise SchemaError(f"{where} takes its type from what it refers to: no length, no made default")


def _physical_names(models: Mapping[str, Model], naming: Naming) -> None:
    if naming.case not in CASES:
        raise SchemaError(f"naming.case is one of {', '.join(sorted(CASES))}, not {naming.case!r}")
    if naming.database_schema is not None:
        _physical("the database schema", naming.database_schema)
    for key in naming.tables:
        if key not in models:
            raise SchemaError(f"naming gives a table to {key!r}, which is not a model")
    for key in naming.columns:
        owner, _, field = key.partition(".")
        if owner not in models or field not in models[owner].fields:
            raise SchemaError(f"naming gives a column to {key!r}, which is not a field (model.field)")
    tables: dict[str, str] = {}
    for name, model in models.items():
        table = naming.table(name, model.table)
        _physical(f"the table of {name!r}", table)
        other = tables.setdefault(table.lower(), name)
        if other != name:
            raise SchemaError(f"{name!r} and {other!r} share the table {table!r}")
        _columns(name, model, naming)


def _columns(name: str, model: Model, naming: Naming) -> None:
    columns: dict[str, str] = {}
    for field_name, field in model.fields.items():
        column = naming.column(name, field_name, field.column)
        for one in [column, naming.shadow(column)] if field.case_insensitive else [column]:
            _physical(f"the column of {name}.{field_name}", one)
            other = columns.setdefault(one.lower(), field_name)
            if other != field_name:
                raise SchemaError(f"{name}.{field_name} and {name}.{other} share the column {one!r}")


def _physical(what: str, name: str) -> None:
    wrong = "\0" in name or "." in name or name.startswith("$") or not name.isprintable()
    if wrong or not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
        raise SchemaError(f"{what} cannot be called {name!r}: 1 to 63 bytes, all printable, no dot, no leading $")
