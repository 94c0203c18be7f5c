"""The indexes and validators of a collection, as the layout asks for them. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from bson import ObjectId
from pymongo import IndexModel

from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.names import paths
from auth_adapters.layout import Names
from auth_adapters.physical import Column, Table

__all__ = ["Wanted", "validator", "wanted_indexes"]

LEAST: Final[Mapping[str, Any]] = {
    "string": "",
    "text": "",
    "integer": float("-inf"),
    "float": float("-inf"),
    "boolean": False,
    "datetime": datetime(1, 1, 1),  # noqa: DTZ001  (what has no time zone is UTC to the driver)
    "uuid": b"",
    "bytes": "",
    "objectid": ObjectId("0" * 24),
}
"""Whatever a column holds that is not NULL is at least this. `$exists` and `$type` in its place keep an equality from
using the index. Each comes back from the server as a value that is equal to it: so an index is known again.
"""
TYPES: Final[Mapping[str, Any]] = {
    "string": "string",
    "text": "string",
    "integer": ["int", "long"],
    "float": "double",
    "boolean": "bool",
    "datetime": "date",
    "uuid": "binData",
    "bytes": "string",
    "objectid": "objectId",
    "string[]": "array",
    "integer[]": "array",
}


class Wanted:
    """One index: its keys in order, whether it is unique, for which documents, and when those end."""

    def __init__(self, table: Table, name: str, columns: tuple[str, ...], *, unique: bool, ttl: bool = False) -> None:
        found = paths(table)
        self.name = name
        self.keys: list[tuple[str, Any]] = [(found[column], 1) for column in columns]
        self.unique = unique
        nullable = [column for column in columns if table.columns[column].nullable] if unique else []
        self.partial: Document = {found[column]: {"$gte": LEAST[table.columns[column].kind]} for column in nullable}
        self.ttl = ttl

    def model(self) -> IndexModel:
        """For `create_indexes`."""
        options: Document = {"unique": True} if self.unique else {}
        if self.partial:
            options["partialFilterExpression"] = self.partial
        if self.ttl:
            options["expireAfterSeconds"] = 0
        return IndexModel(self.keys, name=self.name, **options)

    def is_like(self, there: Mapping[str, Any]) -> bool:
        """Whether an index that is there does the same, whatever its name."""
        if not self.has_keys_of(there) or "collation" in there or there.get("sparse"):
            return False
        partial = dict(there.get("partialFilterExpression") or {})
        if (there.get("expireAfterSeconds") is not None) != self.ttl or partial != self.partial:
            return False
        return bool(there.get("unique")) or not self.unique

    def has_keys_of(self, there: Mapping[str, Any]) -> bool:
        """Whether it has the same keys in the same order."""
        return list(there["key"].items()) == self.keys


def wanted_indexes(table: Table, *, ttl: bool) -> Iterator[Wanted]:
    """Every index of a table, the one of `_id` apart. ttl: MongoDB is to remove what has expired."""
    names = Names(index.name for index in table.indexes)
    if len(table.primary_key) > 1:
        yield Wanted(table, names.make("pk", table.name), table.primary_key, unique=True)
    expires = table.expires if ttl else None
    for index in table.indexes:
        alone = index.columns == (expires,) and not index.unique
        yield Wanted(table, index.name, index.columns, unique=index.unique, ttl=alone)
        if alone:
            expires = None
    if expires is not None:
        yield Wanted(table, names.make("ttl", table.name, expires), (expires,), unique=False, ttl=True)


def validator(table: Table) -> Document:
    """What documents of a table look like, as a JSON schema: types, and what must be there. Other keys are allowed."""
    found = paths(table)
    required = [found[name] for name, column in table.columns.items() if not column.nullable]
    properties = {found[name]: _property(column) for name, column in table.columns.items()}
    return {"$jsonSchema": {"bsonType": "object", "required": required, "properties": properties}}


def _property(column: Column) -> Document:
    if column.kind not in TYPES:
        return {}
    types = TYPES[column.kind]
    listed = types if isinstance(types, list) else [types]
    described: Document = {"bsonType": [*listed, "null"] if column.nullable else listed}
    if column.length is not None:
        described["maxLength"] = column.length
    return described
