"""Where a column is in a document: under its own name, or under `_id` if it is the whole primary key."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from auth_adapters.errors import SchemaError
from auth_adapters.physical import Layout, Table

__all__ = ["COUNTERS", "JOINED", "KEY", "RANK", "TOUCHED", "check_names", "column_at", "is_database", "paths"]

KEY: Final = "_id"
RESERVED: Final = "_auth_"
TOUCHED: Final = "_auth_touched"
"""A number in a document that others refer to. It counts up when one of them is written: see `references`."""
JOINED: Final = "_auth_joined"
"""With a number behind it, the documents that a `$lookup` found; never stored."""
RANK: Final = "_auth_rank"
"""A document's place among those of one parent; never stored."""
COUNTERS: Final = "auth_adapters_counters"
"""The collection of the last serial ids, by collection."""
MAX_NAMESPACE: Final = 255
MAX_DATABASE: Final = 63
UNFIT: Final = frozenset('/\\. "$*<>:|?\0')


@lru_cache(maxsize=1_024)
def paths(table: Table) -> Mapping[str, str]:
    """The key of each column in a document."""
    key = table.primary_key[0] if len(table.primary_key) == 1 else None
    return MappingProxyType({column: KEY if column == key else column for column in table.columns})


def column_at(table: Table, path: str) -> str:
    """The way back."""
    return table.primary_key[0] if path == KEY and len(table.primary_key) == 1 else path


def is_database(name: str) -> bool:
    """Whether MongoDB takes it for the name of a database."""
    return bool(name) and not set(name) & UNFIT and len(name.encode()) <= MAX_DATABASE


def check_names(layout: Layout, database: str) -> None:
    """Raise `SchemaError` for a name that MongoDB does not take, or that is taken. (No name of a schema holds a dot or
    begins with `$`.)
    """
    for table in layout.tables.values():
        if table.schema is not None and not is_database(table.schema):
            raise SchemaError(f"MongoDB has no database of the name {table.schema!r} for {table.model!r}")
        if "$" in table.name or table.name == COUNTERS:
            raise SchemaError(f"MongoDB has no collection of the name {table.name!r} for {table.model!r}")
        if len(f"{table.schema or database}.{table.name}".encode()) > MAX_NAMESPACE:
            raise SchemaError(f"the collection of {table.model!r} has too long a name for MongoDB")
        for column in table.columns.values():
            taken = column.name == KEY and table.primary_key != (KEY,)
            if taken or column.name.startswith(RESERVED):
                raise SchemaError(
                    f"{table.model}.{column.field}: the name {column.name!r} is taken in MongoDB: _id is the primary "
                    f"key, and {RESERVED} begins names of ours"
                )
