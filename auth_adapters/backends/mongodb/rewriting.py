"""Changing columns that are references, or that others refer to."""

from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from pymongo import ReturnDocument

from auth_adapters.backends.mongodb.erasing import sweep
from auth_adapters.backends.mongodb.errors import told
from auth_adapters.backends.mongodb.filters import Document
from auth_adapters.backends.mongodb.names import KEY, paths
from auth_adapters.backends.mongodb.references import parents_of, touch, touched
from auth_adapters.backends.mongodb.scope import Scope, steadily, stored_row
from auth_adapters.cascades import Find, run_async
from auth_adapters.errors import BackendError, ConstraintError, TransientError, UniqueViolationError
from auth_adapters.physical import Table
from auth_adapters.rules import added, check_references, unfounded

__all__ = [
    "Change",
    "change_all",
    "change_all_in_steps",
    "change_checked",
    "change_checked_in_steps",
    "change_many_checked",
    "change_many_checked_in_steps",
]

T = TypeVar("T")

ATTEMPTS: Final = 32
"""How often a document is looked for again that others change all the time."""


class Change(NamedTuple):
    """What is to become of one document that `asked` lets through.

    update: in MongoDB's words. assigned: what fields it sets to what; increments: what it adds to which. wanted: the
    projection of what is returned.
    """

    asked: Document
    update: Any
    assigned: Document
    increments: Document
    wanted: Document | None


async def change_all(scope: Scope, table: Table, asked: Document, assigned: Document) -> int:
    """Change every document that a filter lets through; how many."""
    work = scope.of(table).update_many(asked, {"$set": assigned}, session=scope.session)
    return (await told(work, table)).matched_count


async def change_all_in_steps(scope: Scope, table: Table, asked: Document, assigned: Document) -> int:
    """Without a transaction: the same, and where a unique key is in the way, back to what was there."""
    found = paths(table)
    unique = {found[column] for key in table.unique_keys for column in key}
    if not unique & assigned.keys():
        return await change_all(scope, table, asked, assigned)
    before = await scope.find(table, asked, dict.fromkeys(assigned, 1))
    return await _all_or_none(scope, table, before, assigned, change_all(scope, table, asked, assigned))


async def _all_or_none(
    scope: Scope, table: Table, before: Sequence[Document], assigned: Document, work: Awaitable[T]
) -> T:
    """The change that `work` makes of documents; where a unique key is in the way, back to what was there."""
    try:
        return await work
    except UniqueViolationError:
        await _put_back(scope, table, before, assigned)
        raise


async def _put_back(scope: Scope, table: Table, before: Sequence[Document], assigned: Document) -> None:
    """What was assigned to documents becomes what they held, unless they hold something else by now."""
    same = {path: {"$eq": value} for path, value in assigned.items()}  # JSON may look like an operator
    for document in before:
        back = {path: document.get(path) for path in assigned}
        asked: Document = {"$and": [{KEY: document[KEY]}, same]}
        await steadily(partial(scope.of(table).update_one, asked, {"$set": back}), table)


async def _check(scope: Scope, table: Table, documents: Sequence[Document], assigned: Document) -> None:
    """Raise `ForeignKeyViolationError` unless documents may change so. The new parents have been touched then."""
    answers: dict[tuple[Any, ...], list[Any]] = {}  # they all get the same parents

    async def find(question: Find) -> list[Any]:
        asked = (question.table, question.column, *question.values)
        if asked not in answers:
            path = paths(question.table)[question.column]
            there = await touched(scope.collections, question.table, path, question.values, scope.session)
            answers[asked] = [None] * there
        return answers[asked]

    for before in documents:
        after = {**before, **assigned}
        steps = check_references(scope.layout, table, stored_row(table, before), stored_row(table, after))
        await run_async(steps, find)


async def change_checked(scope: Scope, table: Table, change: Change) -> Document | None:
    """In a transaction: change one document that a filter lets through. It as it is now, or None.

    Nothing is changed before all is checked: the transaction may be the application's, which may commit it in spite of
    an error.
    """
    found = await scope.find(table, change.asked, limit=1)
    if not found:
        return None
    _check_sums(found[0], change.increments)
    await _check(scope, table, found, change.assigned)
    return await _changed(scope, table, {KEY: found[0][KEY]}, change)


def _check_sums(before: Document, increments: Document) -> None:
    """Raise `InvalidValueError` for a sum that does not fit its field."""
    for path, delta in increments.items():
        added(before.get(path), delta)


async def change_many_checked(scope: Scope, table: Table, asked: Document, assigned: Document) -> int:
    """Change every document that a filter lets through; how many."""
    found = await scope.find(table, asked)
    await _check(scope, table, found, assigned)
    return await scope.change(table, [one[KEY] for one in found], {"$set": assigned})


async def change_many_checked_in_steps(scope: Scope, table: Table, asked: Document, assigned: Document) -> int:
    """Without a transaction: the same, and if a new parent is gone by then, what its end means for the documents."""
    found = await scope.find(table, asked)
    await _check(scope, table, found, assigned)
    change = scope.change(table, [one[KEY] for one in found], {"$set": assigned})
    work = _all_or_none(scope, table, found, assigned, change)
    return await _verified(scope, table, found, assigned, work)


async def _verified(
    scope: Scope, table: Table, before: Sequence[Document], assigned: Document, work: Coroutine[Any, Any, T]
) -> T:
    """The change that `work` makes of documents, also where it is not known to be made; then see to their parents.

    Raises `ForeignKeyViolationError` if one is gone.
    """
    try:
        result = await work
    except ConstraintError:
        raise
    except BackendError:
        with suppress(BackendError):
            await _see_to_parents(scope, table, before, assigned)
        raise
    if result is not None:
        await _see_to_parents(scope, table, before, assigned)
    return result


async def _see_to_parents(scope: Scope, table: Table, before: Sequence[Document], assigned: Document) -> None:
    after = [{**one, **assigned} for one in before]
    new = [one for one in parents_of(scope.layout, table, after) if one.key.column in assigned]
    orphaned = await touch(scope.collections, new, None)
    if orphaned is None:
        return
    if orphaned.key.on_delete in ("cascade", "set_null"):
        await sweep(scope, orphaned.table, [{orphaned.path: value} for value in orphaned.values], whole=False)
    else:
        await _put_back(scope, table, before, assigned)
    raise unfounded(table, orphaned.key.column)


async def change_checked_in_steps(scope: Scope, table: Table, change: Change) -> Document | None:
    """Without a transaction: the same, and if a new parent is gone by then, what its end means for the document."""
    for _ in range(ATTEMPTS):
        found = await scope.find(table, change.asked, limit=1)
        if not found:
            return None
        before = found[0]
        _check_sums(before, change.increments)
        await _check(scope, table, found, change.assigned)
        work = _changed(scope, table, {"$and": [{KEY: before[KEY]}, change.asked]}, change)
        document = await _verified(scope, table, [before], change.assigned, work)
        if document is not None:
            return document
    raise TransientError("others changed the same document all the time; safe to retry")


async def _changed(scope: Scope, table: Table, asked: Document, change: Change) -> Document | None:
    work = scope.of(table).find_one_and_update(
        asked, change.update, change.wanted, return_document=ReturnDocument.AFTER, session=scope.session
    )
    return await told(work, table)
