"""The physical verbs on MongoDB, outside of a transaction or in one."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from pymongo import ReturnDocument

from auth_adapters.backends.mongodb.erasing import erase, erase_in_steps
from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.names import KEY, paths
from auth_adapters.backends.mongodb.presence import counted
from auth_adapters.backends.mongodb.references import Parent, parents_of, refers, touch
from auth_adapters.backends.mongodb.rewriting import (
    Change,
    change_all,
    change_all_in_steps,
    change_checked,
    change_checked_in_steps,
    change_many_checked,
    change_many_checked_in_steps,
)
from auth_adapters.backends.mongodb.scope import Scope, steadily
from auth_adapters.backends.mongodb.shapes import (
    Asked,
    Found,
    changes_of,
    increments_of,
    new_document,
    reader,
    sums_of,
)
from auth_adapters.cancellation import uninterrupted
from auth_adapters.errors import BackendError, TransientError, UniqueViolationError
from auth_adapters.physical import Count, Delete, Increment, Insert, Row, Select, Table, Update, Upsert, Values
from auth_adapters.rules import unfounded

__all__ = ["MongoDBVerbs"]

T = TypeVar("T")
ATTEMPTS: Final = 32
"""How often an upsert looks again, when others store and remove the same key at the same time."""


class MongoDBVerbs:
    """Every verb in some scope. A verb that needs several documents to change at once goes through `_atomically`."""

    def _scope(self) -> Scope:
        """Where to work now. Raises `AdapterStateError` where that is over."""
        raise NotImplementedError

    async def _atomically(self, work: Callable[[Scope], Awaitable[T]]) -> T:
        """The work in a transaction: in the one that is under way, or in one of its own, which is tried again after a
        `TransientError`. Without transactions, the work as it is.
        """
        raise NotImplementedError

    @property
    def _transactions(self) -> bool:
        """Whether `_atomically` keeps its promise."""
        raise NotImplementedError

    @counted
    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        table = statement.table
        scope = self._scope()
        documents = [new_document(table, statement.columns, row) for row in rows]
        await _complete(scope, table, documents)
        if len(documents) == 1:
            await self._store(scope, table, documents[0])
        elif documents:
            await self._atomically(lambda scope: _store_all(scope, table, documents))
        if not statement.returning:
            return [()] * len(documents)
        read = reader(table, statement.returning)
        return [read(document) for document in documents]

    async def _store(self, scope: Scope, table: Table, document: Document) -> None:
        """Store a document, and see that its parents are there; if not, it goes again."""
        parents = parents_of(scope.layout, table, [document]) if table.foreign_keys else []
        if parents and scope.session is None:
            orphaned = await uninterrupted(_founded(scope, table, document, parents))
        else:
            await told(scope.of(table).insert_one(document, session=scope.session), table)
            orphaned = await _touched_or_gone(scope, table, [document], parents)
        if orphaned is not None:
            raise unfounded(table, orphaned.key.column)

    @counted
    async def select(self, statement: Select, values: Values) -> list[Row]:
        scope = self._scope()
        shape = scope.shapes.select(statement)
        if shape.limit is not None and values[shape.limit] == 0:
            return []
        documents = await told(_selected(scope, statement.table, shape, values), statement.table)
        read = shape.read
        return [read(document) for document in documents]

    @counted
    async def count(self, statement: Count, values: Values) -> int:
        table = statement.table
        scope = self._scope()
        asked = scope.shapes.found(statement).filter(values)
        collection = scope.of(table) if scope.session else scope.collections.reading(table)
        return await told(collection.count_documents(asked, session=scope.session), table)

    @counted
    async def update_one(self, statement: Update, values: Values) -> Row | None:
        scope = self._scope()
        shape, changes = scope.shapes.found(statement), {"$set": changes_of(statement, values)}
        return await self._change(scope, statement.table, shape, shape.filter(values), changes)

    @counted
    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        scope = self._scope()
        shape, changes = scope.shapes.found(statement), sums_of(statement, values)
        return await self._change(scope, statement.table, shape, shape.filter(values), changes, statement, values)

    async def _change(
        self,
        scope: Scope,
        table: Table,
        shape: Found,
        asked: Document,
        changes: Any,
        increment: Increment | None = None,
        values: Values = (),
    ) -> Row | None:
        """Change one document that a filter lets through; what is wanted of it, as it is now."""
        if shape.checked:
            assigned = changes_of(increment, values) if increment else changes["$set"]
            sums = increments_of(increment, values) if increment else {}
            change = Change(asked, changes, assigned, sums, shape.projection)
            if self._transactions:
                found = await self._atomically(lambda scope: change_checked(scope, table, change))
            else:
                found = await uninterrupted(change_checked_in_steps(scope, table, change))
        else:
            found = await told(
                scope.of(table).find_one_and_update(
                    asked, changes, shape.projection, return_document=ReturnDocument.AFTER, session=scope.session
                ),
                table,
            )
        return None if found is None else shape.read(found)

    @counted
    async def update_many(self, statement: Update, values: Values) -> int:
        table = statement.table
        scope = self._scope()
        shape = scope.shapes.found(statement)
        asked, assigned = shape.filter(values), changes_of(statement, values)
        if shape.checked:
            if not self._transactions:
                return await uninterrupted(change_many_checked_in_steps(scope, table, asked, assigned))
            return await self._atomically(lambda scope: change_many_checked(scope, table, asked, assigned))
        if shape.single:
            one = scope.of(table).update_one(asked, {"$set": assigned}, session=scope.session)
            return (await told(one, table)).matched_count
        if not self._transactions:
            return await change_all_in_steps(scope, table, asked, assigned)
        return await self._atomically(lambda scope: change_all(scope, table, asked, assigned))

    @counted
    async def delete(self, statement: Delete, values: Values) -> int:
        table = statement.table
        scope = self._scope()
        shape = scope.shapes.found(statement)
        limit = None if statement.limit is None else values[statement.limit]
        asked = shape.filter(values)
        if refers(scope.layout, table):
            return len(await self._erase(table, asked, limit or 0))
        if shape.single or limit == 1:
            one = scope.of(table).delete_one(asked, session=scope.session)
            return (await told(one, table)).deleted_count
        if limit is None:
            return await self._atomically(lambda scope: _remove_all(scope, table, asked))
        return await self._atomically(lambda scope: _remove_some(scope, table, asked, limit))

    @counted
    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        table = statement.table
        scope = self._scope()
        shape = scope.shapes.found(statement)
        asked = shape.filter(values)
        if refers(scope.layout, table):
            erased = await self._erase(table, asked, 1)
            return shape.read(erased[0]) if erased else None
        one = scope.of(table).find_one_and_delete(asked, shape.projection, session=scope.session)
        found = await told(one, table)
        return None if found is None else shape.read(found)

    async def _erase(self, table: Table, asked: Document, limit: int) -> list[Document]:
        """Remove documents to which others refer, at most `limit`; 0: all. They as they were."""
        if self._transactions:
            return await self._atomically(lambda scope: erase(scope, table, asked, limit))
        scope = self._scope()
        while True:
            erased = await uninterrupted(erase_in_steps(scope, table, asked, limit))
            if erased or limit != 1 or not await scope.find(table, asked, {KEY: 1}, limit=1):
                return erased

    @counted
    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        table = statement.table
        scope = self._scope()
        shape = scope.shapes.found(statement)
        asked, assigned = shape.filter(values), changes_of(statement, values)
        document = new_document(table, statement.columns, values)
        for _ in range(ATTEMPTS):
            row = await self._present(scope, table, shape, asked, assigned)
            if row is not None:
                return row, False
            try:
                await _complete(scope, table, [document])
                await self._store(scope, table, document)
            except UniqueViolationError as error:
                refusal = await self._refusal(scope, table, document, statement.key, error)
            else:
                return shape.read(document), True
            if refusal is not None:
                raise refusal
        raise TransientError("others stored and removed the same key all the time; safe to retry")

    async def _present(
        self, scope: Scope, table: Table, shape: Found, asked: Document, assigned: Document
    ) -> Row | None:
        if assigned:
            return await self._change(scope, table, shape, asked, {"$set": assigned})
        found = await scope.find(table, asked, shape.projection, limit=1)
        return shape.read(found[0]) if found else None

    async def _refusal(
        self, scope: Scope, table: Table, document: Document, key: tuple[str, ...], error: UniqueViolationError
    ) -> BackendError | None:
        """What a conflict of a new document means: None if somebody stored its key meanwhile, so that it is there, or
        if what was in the way has gone.
        """
        same = error.fields == table.fields(key)
        if scope.session is not None:  # the transaction is over in any case
            return TransientError("another transaction stored the same key; safe to retry") if same else error
        taken = next((one for one in table.unique_keys if table.fields(one) == error.fields), None)
        if same or taken is None:
            return None if same else error
        found = paths(table)
        in_the_way = await scope.find(table, {found[name]: document[found[name]] for name in taken}, None, limit=1)
        if not in_the_way or all(in_the_way[0].get(found[name]) == document[found[name]] for name in key):
            return None
        return error


async def _complete(scope: Scope, table: Table, documents: Sequence[Document]) -> None:
    """Give serial ids to documents that have none."""
    for name in table.primary_key:
        if table.columns[name].generated != "serial":
            continue
        path = paths(table)[name]
        given = [document[path] for document in documents if path in document]
        absent = [document for document in documents if path not in document]
        if given:
            await scope.collections.note_serial(table, max(given))
        if absent:
            for document, serial in zip(absent, await scope.collections.take_serials(table, len(absent)), strict=True):
                document[path] = serial


async def _store_all(scope: Scope, table: Table, documents: Sequence[Document]) -> None:
    await told(scope.of(table).insert_many(documents, session=scope.session), table)
    orphaned = await _touched_or_gone(scope, table, documents, parents_of(scope.layout, table, documents))
    if orphaned is not None:
        raise unfounded(table, orphaned.key.column)


async def _touched_or_gone(
    scope: Scope, table: Table, documents: Sequence[Document], parents: Sequence[Parent]
) -> Parent | None:
    """Touch the parents of documents that a transaction has just stored; if one is not there, these go again.

    The transaction may be the application's, which may commit it in spite of the error.
    """
    orphaned = await touch(scope.collections, parents, scope.session)
    if orphaned is not None:
        await scope.remove(table, [document[KEY] for document in documents])
    return orphaned


async def _founded(scope: Scope, table: Table, document: Document, parents: Sequence[Parent]) -> Parent | None:
    """Outside of a transaction: store a document and touch its parents; if one is not there, the document goes again.

    Not to be interrupted: the server stores what it was sent before, maybe when the parent is gone.
    """
    try:
        await told(scope.of(table).insert_one(document), table)
        orphaned = await touch(scope.collections, parents, None)
    except UniqueViolationError:
        raise
    except BaseException:
        with suppress(BackendError):
            if KEY in document and await touch(scope.collections, parents, None) is not None:
                await _take_back(scope, table, document)
        raise
    if orphaned is not None:
        await _take_back(scope, table, document)
    return orphaned


async def _take_back(scope: Scope, table: Table, document: Document) -> None:
    collection = scope.of(table)
    await steadily(partial(collection.delete_one, {KEY: document[KEY]}), table)


async def _selected(scope: Scope, table: Table, shape: Asked, values: Values) -> list[Document]:
    collection = scope.of(table) if scope.session else scope.collections.reading(table)
    if shape.stages is not None:
        cursor = await collection.aggregate(shape.stages(values), allowDiskUse=True, session=scope.session)
        return await cursor.to_list()
    return await collection.find(
        shape.filter(values),
        shape.projection,
        skip=0 if shape.offset is None else values[shape.offset],
        limit=0 if shape.limit is None else values[shape.limit],
        sort=shape.sort or None,
        allow_disk_use=True if shape.sort else None,
        session=scope.session,
    ).to_list()


async def _remove_all(scope: Scope, table: Table, asked: Document) -> int:
    return (await told(scope.of(table).delete_many(asked, session=scope.session), table)).deleted_count


async def _remove_some(scope: Scope, table: Table, asked: Document, limit: int) -> int:
    found = await scope.find(table, asked, {KEY: 1}, limit=limit)
    return await scope.remove(table, [one[KEY] for one in found], still=asked)
