"""Deleting documents to which others refer: cascade, set null, restrict."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.names import KEY, paths
from auth_adapters.backends.mongodb.references import TOUCH, needed
from auth_adapters.backends.mongodb.scope import Scope, steadily, stored_row
from auth_adapters.cascades import DeletePlan, Find, plan_delete, run_async, still_referred
from auth_adapters.errors import BackendError, UniqueViolationError
from auth_adapters.physical import ForeignKey, Table
from auth_adapters.portions import portions

__all__ = ["erase", "erase_in_steps", "sweep"]


async def erase(scope: Scope, table: Table, asked: Document, limit: int) -> list[Document]:
    """In a transaction: remove the documents that a filter lets through, at most `limit` (0: all), and carry out what
    that means for others. The documents as they were.
    """
    documents = await _seize(scope, table, asked, limit)
    plan = await _plan(scope, table, documents)
    tables = scope.layout.tables
    for name, doomed in plan.removed.items():
        await scope.remove(tables[name], [row[KEY] for row in doomed.values()])
    for (name, column), emptied in plan.emptied.items():
        path = paths(tables[name])[column]
        await scope.change(tables[name], [row[KEY] for row in emptied.values()], {"$set": {path: None}})
    return documents


async def _seize(scope: Scope, table: Table, asked: Document, limit: int) -> list[Document]:
    """The documents, touched at once: who writes a child of theirs from now on waits for the transaction to end, so
    that it comes through though children are written all the time.
    """
    if limit == 1:
        found = await told(scope.of(table).find_one_and_update(asked, TOUCH, session=scope.session), table)
        return [] if found is None else [found]
    documents = await scope.find(table, asked, limit=limit)
    await scope.change(table, [one[KEY] for one in documents], TOUCH)
    return documents


async def _plan(scope: Scope, table: Table, documents: Sequence[Document]) -> DeletePlan:
    async def find(question: Find) -> list[Any]:
        asked = question.table
        found = paths(asked)
        wanted = {KEY: 1, **{found[column]: 1 for column in needed(scope.layout, asked)}}
        children = await scope.holding(asked, found[question.column], question.values, wanted)
        return [stored_row(asked, one) for one in children]

    rows = [stored_row(table, one) for one in documents]
    return await run_async(plan_delete(scope.layout, table, rows), find)


async def erase_in_steps(scope: Scope, table: Table, asked: Document, limit: int) -> list[Document]:
    """The same without a transaction: parents first, so that whoever writes a child meanwhile finds none, or its child
    is found here. A crash between the steps leaves children behind.
    """
    documents = await scope.find(table, asked, limit=limit)
    await _plan(scope, table, documents)  # raises where a reference is restricted
    gone: list[Document] = []
    for document in documents:
        still = {"$and": [{KEY: document[KEY]}, asked]}
        try:
            found = await told(scope.of(table).find_one_and_delete(still), table)
        except BackendError:  # it may have been done
            with suppress(BackendError):
                left = await scope.find(table, {KEY: document[KEY]}, {KEY: 1}, limit=1)
                await sweep(scope, table, gone if left else [*gone, document])
            raise
        if found is not None:
            gone.append(found)
    await sweep(scope, table, gone)
    return gone


async def sweep(scope: Scope, table: Table, gone: Sequence[Document], *, whole: bool = True) -> None:
    """Outside of a transaction: carry out what the end of documents means for those that refer to them.

    Where a restricted reference is found now, which was not there before, all is put back. whole: `gone` are the
    documents; otherwise what others refer to is all that is known of them, and somebody else puts them back.
    """
    removed: list[tuple[Table, Document]] = [(table, one) for one in gone if whole]
    emptied: list[tuple[Table, str, Document]] = []
    restricted: list[tuple[Table, ForeignKey, list[Any]]] = []
    waiting = [(table, list(gone))]
    while waiting:
        parent, ended = waiting.pop()
        for child, key in scope.layout.children(parent):
            path, target = paths(child)[key.column], paths(parent)[key.target_column]
            values = [one[target] for one in ended if one.get(target) is not None]
            if key.on_delete not in ("cascade", "set_null"):
                restricted.append((child, key, values))
                continue
            found = await scope.holding(child, path, values, None)
            if key.on_delete == "set_null":
                emptied += [(child, path, one) for one in found]
                await _empty(scope, child, path, found)
            elif found and (ending := await _remove(scope, child, path, found)):
                removed += [(child, one) for one in ending]
                waiting.append((child, ending))
    for child, key, values in restricted:
        if await scope.holding(child, paths(child)[key.column], values, {KEY: 1}):
            await _put_back(scope, removed, emptied)
            raise still_referred(child, key.column)


async def _empty(scope: Scope, table: Table, path: str, found: Sequence[Document]) -> None:
    """Empty a reference, unless it refers to another parent by now."""
    for part in portions(found):
        await steadily(partial(scope.of(table).update_many, _held(part, path), {"$set": {path: None}}), table)


async def _remove(scope: Scope, table: Table, path: str, found: Sequence[Document]) -> list[Document]:
    """Remove documents, unless they refer to another parent by now; those that are gone."""
    gone: list[Document] = []
    for part in portions(found):
        done = await steadily(partial(scope.of(table).delete_many, _held(part, path)), table)
        keys = [one[KEY] for one in part]
        there = await scope.holding(table, KEY, keys, {KEY: 1}) if done.deleted_count < len(part) else []
        left = {one[KEY] for one in there}
        gone += [one for one in part if one[KEY] not in left]
    return gone


def _held(documents: Sequence[Document], path: str) -> Document:
    """These documents, as long as they refer to what they refer to."""
    keys, values = [one[KEY] for one in documents], {one[path] for one in documents}
    return {"$and": [{KEY: {"$in": keys}}, {path: {"$in": list(values)}}]}


async def _put_back(
    scope: Scope, removed: list[tuple[Table, Document]], emptied: list[tuple[Table, str, Document]]
) -> None:
    for table, document in reversed(removed):
        try:
            await told(scope.of(table).insert_one(document), table)
        except UniqueViolationError:
            continue
    for table, path, document in emptied:
        asked = scope.of(table).update_one({KEY: document[KEY], path: None}, {"$set": {path: document[path]}})
        await told(asked, table)
