"""Where the verbs work: on which collections, in which session; and what several documents need at a time."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pymongo.asynchronous.client_session import AsyncClientSession

from auth_adapters.backends.mongodb.collections import Collection, Collections
from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.names import KEY, paths
from auth_adapters.backends.mongodb.presence import Presence
from auth_adapters.backends.mongodb.shapes import Shapes
from auth_adapters.errors import ConnectionFailedError, TransientError
from auth_adapters.physical import Layout, Table
from auth_adapters.portions import portions

__all__ = ["Scope", "steadily", "stored_row"]

T = TypeVar("T")

REPEATS: Final = 2


@dataclass(frozen=True, slots=True)
class Scope:
    """presence: who is at work here. session: of the transaction; None outside of one."""

    collections: Collections
    shapes: Shapes
    presence: Presence
    session: AsyncClientSession | None = None

    @property
    def layout(self) -> Layout:
        """Every table."""
        return self.collections.layout

    def of(self, table: Table) -> Collection:
        """The collection of a table."""
        return self.collections.collection(table)

    async def find(
        self, table: Table, asked: Document, wanted: Document | None = None, *, limit: int = 0
    ) -> list[Document]:
        """The documents that a filter lets through. wanted: a projection."""
        return await told(self.of(table).find(asked, wanted, limit=limit, session=self.session).to_list(), table)

    async def holding(self, table: Table, path: str, values: Sequence[Any], wanted: Document | None) -> list[Document]:
        """The documents that hold one of `values` under `path`."""
        found: list[Document] = []
        for part in portions(values):
            found += await self.find(table, {path: {"$in": part}}, wanted)
        return found

    async def remove(self, table: Table, keys: Sequence[Any], *, still: Document | None = None) -> int:
        """Remove documents by `_id`, if they `still` are let through; how many."""
        removed = 0
        for part in portions(keys):
            asked: Document = {KEY: {"$in": part}}
            narrowed = {"$and": [asked, still]} if still else asked
            removed += (await told(self.of(table).delete_many(narrowed, session=self.session), table)).deleted_count
        return removed

    async def change(self, table: Table, keys: Sequence[Any], changes: Document) -> int:
        """Change documents by `_id`; how many there were."""
        matched = 0
        for part in portions(keys):
            asked = self.of(table).update_many({KEY: {"$in": part}}, changes, session=self.session)
            matched += (await told(asked, table)).matched_count
        return matched


async def steadily(work: Callable[[], Awaitable[T]], table: Table) -> T:
    """Outside of a transaction: do what may be done twice, again where a connection is lost meanwhile. PyMongo itself
    does so on a set only, and for one document at a time.
    """
    for _ in range(REPEATS):
        with suppress(ConnectionFailedError, TransientError):
            return await told(work(), table)
    return await told(work(), table)


def stored_row(table: Table, document: Document) -> dict[str, Any]:
    """A document by column, as `rules` and `cascades` read it, and its `_id`."""
    return {KEY: document[KEY], **{column: document.get(path) for column, path in paths(table).items()}}
