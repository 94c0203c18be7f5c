"""Foreign keys, which MongoDB does not know: no child without its parent, whoever writes when.

Whoever writes a child *touches* its parent afterwards: a number in it counts up. A transaction that deletes the parent
then meets a document that was changed meanwhile: one of the two gives way. If the parent is not there to be touched,
the child goes again. So a delete sees every child that stays, and needs to look only once.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from auth_adapters.backends.mongodb.collections import Collections
from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.names import TOUCHED, paths
from auth_adapters.physical import ForeignKey, Layout, Table

__all__ = ["TOUCH", "Parent", "needed", "parents_of", "refers", "touch", "touched"]

TOUCH: Final[Document] = {"$inc": {TOUCHED: 1}}


class Parent(NamedTuple):
    """What some children refer to: documents of `table` that hold `values` under `path`. key: by which reference."""

    key: ForeignKey
    table: Table
    path: str
    values: list[Any]


def parents_of(layout: Layout, table: Table, documents: Sequence[Document]) -> list[Parent]:
    """What documents of `table` refer to, themselves apart."""
    found = paths(table)
    parents = []
    for key in table.foreign_keys:
        path, own = found[key.column], found.get(key.target_column) if key.target == table.name else None
        values = {one.get(path) for one in documents if own is None or one.get(path) != one.get(own)} - {None}
        if values:
            target = layout.tables[key.target]
            parents.append(Parent(key, target, paths(target)[key.target_column], list(values)))
    return parents


async def touch(collections: Collections, parents: Sequence[Parent], session: Any) -> Parent | None:
    """Touch every parent; the first of which one is not there, or None if all are."""
    for parent in parents:
        if await touched(collections, parent.table, parent.path, parent.values, session) != len(parent.values):
            return parent
    return None


async def touched(collections: Collections, table: Table, path: str, values: Sequence[Any], session: Any) -> int:
    """Touch the documents that hold one of `values`; how many there were."""
    collection = collections.collection(table) if session else collections.touching(table)
    if len(values) == 1:
        done = await told(collection.update_one({path: values[0]}, TOUCH, session=session), table)
    else:
        done = await told(collection.update_many({path: {"$in": list(values)}}, TOUCH, session=session), table)
    return done.matched_count


@lru_cache(maxsize=1_024)
def refers(layout: Layout, table: Table) -> bool:
    """Whether anything refers to a table."""
    return next(layout.children(table), None) is not None


def needed(layout: Layout, table: Table) -> Iterator[str]:
    """The columns that deleting documents of a table needs to know."""
    yield from table.primary_key
    yield from (key.target_column for _, key in layout.children(table))
