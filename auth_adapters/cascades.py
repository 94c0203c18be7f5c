"""What deleting rows means for the rows that refer to them, for backends whose database does not do it. Pure.

The question "which rows of this table hold one of these values?" is left to the caller: `plan_delete` is a
generator that yields it as a `Find` and is sent the rows. `run_sync` answers with a plain function,
`run_async` with one that is awaited.
"""

from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from auth_adapters.errors import ForeignKeyViolationError
from auth_adapters.physical import Layout, Table

__all__ = ["DeletePlan", "Find", "Key", "key_of", "plan_delete", "run_async", "run_sync", "still_referred"]

T = TypeVar("T")
StoredRow: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Find:
    """Which rows of `table` hold one of `values` in `column`?"""

    table: Table
    column: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class DeletePlan:
    """Rows to remove, by table name and primary key, and columns to set to NULL in rows that stay."""

    removed: dict[str, dict[Key, StoredRow]] = field(default_factory=dict)
    emptied: dict[tuple[str, str], dict[Key, StoredRow]] = field(default_factory=dict)


def key_of(table: Table, row: StoredRow) -> Key:
    """The primary key of a row."""
    return tuple(row[column] for column in table.primary_key)


def plan_delete(  # noqa: C901  (one walk over the references, three kinds of them)
    layout: Layout, table: Table, rows: Sequence[StoredRow]
) -> Generator[Find, list[StoredRow], DeletePlan]:
    """Everything that deleting `rows` of `table` brings about.

    Raises `ForeignKeyViolationError`, with the child's model and field, if a row that is not deleted with them refers
    to one of them by a restricted reference.
    """
    plan = DeletePlan()
    restricted: list[tuple[Table, str, dict[Key, StoredRow]]] = []
    waiting: list[tuple[Table, Sequence[StoredRow]]] = [(table, rows)]
    while waiting:
        parent, doomed = waiting.pop()
        known = plan.removed.setdefault(parent.name, {})
        fresh = {key: row for row in doomed if (key := key_of(parent, row)) not in known}
        known.update(fresh)
        if not fresh:
            continue
        for child, reference in layout.children(parent):
            values = [row[reference.target_column] for row in fresh.values()]
            found = yield Find(child, reference.column, [value for value in values if value is not None])
            by_key = {key_of(child, row): row for row in found}
            if not by_key:
                continue
            if reference.on_delete == "cascade":
                waiting.append((child, list(by_key.values())))
            elif reference.on_delete == "set_null":
                plan.emptied.setdefault((child.name, reference.column), {}).update(by_key)
            else:
                restricted.append((child, reference.column, by_key))
    for child, column, by_key in restricted:
        if by_key.keys() - plan.removed.get(child.name, {}).keys():
            raise still_referred(child, column)
    for (name, _), by_key in plan.emptied.items():
        for key in plan.removed.get(name, {}):
            by_key.pop(key, None)
    return plan


def still_referred(child: Table, column: str) -> ForeignKeyViolationError:
    """The error for a delete that a reference restricts."""
    return ForeignKeyViolationError(
        f"{child.model} still refers to what would be deleted", model=child.model, fields=child.fields((column,))
    )


def run_sync(steps: Generator[Find, list[StoredRow], T], find: Callable[[Find], list[StoredRow]]) -> T:
    """Run the generator, answering its questions with a plain function."""
    try:
        question = next(steps)
        while True:
            question = steps.send(find(question))
    except StopIteration as end:
        result: T = end.value
        return result


async def run_async(
    steps: Generator[Find, list[StoredRow], T], find: Callable[[Find], Awaitable[list[StoredRow]]]
) -> T:
    """Run the generator, awaiting the answers to its questions."""
    try:
        question = next(steps)
        while True:
            question = steps.send(await find(question))
    except StopIteration as end:
        result: T = end.value
        return result
