"""Deletes that InnoDB does not carry out by itself: it refuses what the same statement would delete, and follows
cascades to a depth of 15 only.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from auth_adapters.backends.mysql.compiler import MySQLCompiler
from auth_adapters.backends.sql.operations import Operation, Reached, Request
from auth_adapters.cascades import DeletePlan, plan_delete
from auth_adapters.errors import BackendError
from auth_adapters.physical import AllOf, AnyOf, Condition, Delete, Layout, Table, Test, Update, Values, tests_of

__all__ = ["Eraser"]

UNCHECKED: Final = Reached("SET SESSION foreign_key_checks = 0", ())
CHECKED: Final = Reached("SET SESSION foreign_key_checks = 1", ())


class Eraser:
    """Deletes by a plan, over rows that are locked: parents before their children, so that none can come to them.

    careful: the server loses rows of deep cascades (see `is_lost`).
    """

    def __init__(self, compiler: MySQLCompiler, layout: Layout, *, careful: bool) -> None:
        self._compiler = compiler
        self._layout = layout
        self._careful = careful
        self._needed: dict[str, tuple[bool, bool]] = {}
        self._emptied: dict[str, set[str]] = {}

    def is_needed(self, table: Table) -> bool:
        """Whether the server may refuse a delete from the table that should be done: its cascades meet a restricted
        reference inside of what they delete, or themselves.
        """
        return self._looked(table)[0]

    def is_lost(self, table: Table) -> bool:
        """Whether the server may do less than a delete from the table asks for, and not say so: since MySQL 9.6 a
        cascade forgets the siblings of a row whose references go three levels deep.
        """
        return self._looked(table)[1]

    def is_moved(self, table: Table, condition: Condition) -> bool:
        """Whether a delete may come to rows that match only since it has emptied their references."""
        emptied = self._emptied.get(table.name)
        if emptied is None:
            emptied = self._emptied[table.name] = {
                key.column
                for parent in self._reached(table).values()
                for child, key in self._layout.children(parent)
                if child is table and key.on_delete == "set_null"
            }
        return bool(emptied) and any(test.column in emptied for test in tests_of(condition))

    def _looked(self, table: Table) -> tuple[bool, bool]:
        found = self._needed.get(table.name)
        if found is None:
            lost = self._careful and self._is_deep(table)
            found = self._needed[table.name] = (lost or self._is_refused(table), lost)
        return found

    def _is_deep(self, table: Table) -> bool:
        cascaded = [table]
        for _ in range(2):
            steps = [pair for parent in cascaded for pair in self._layout.children(parent)]
            cascaded = [child for child, key in steps if key.on_delete == "cascade"]
        return any(True for parent in cascaded for _ in self._layout.children(parent))

    def _is_refused(self, table: Table) -> bool:
        reached = self._reached(table)
        edges = [
            (parent.name, child.name, key.on_delete)
            for parent in reached.values()
            for child, key in self._layout.children(parent)
            if child.name in reached
        ]
        return any(kind == "restrict" for *_, kind in edges) or _has_cycle(
            {(parent, child) for parent, child, kind in edges if kind == "cascade"}
        )

    def _reached(self, table: Table) -> dict[str, Table]:
        """The tables from which a delete from this one may remove rows, by name."""
        reached = {table.name: table}
        waiting = [table]
        while waiting:
            parent = waiting.pop()
            for child, key in self._layout.children(parent):
                if key.on_delete == "cascade" and child.name not in reached:
                    reached[child.name] = child
                    waiting.append(child)
        return reached

    def delete(self, statement: Delete, values: Values) -> Operation[int]:
        """Remove the rows that match and all that goes with them; how many matched."""
        doomed = yield from self._locked(statement.table, statement.condition, values, statement.limit)
        yield from self.erase(statement.table, doomed)
        return len(doomed)

    def erase(self, table: Table, doomed: Sequence[Mapping[str, Any]]) -> Operation[None]:
        """Remove rows, which are locked, and all that goes with them. Raises `ForeignKeyViolationError`."""
        plan = yield from self._planned(table, doomed)
        try:
            yield UNCHECKED
            for (name, column), rows in plan.emptied.items():
                yield from self._empty(self._layout.tables[name], column, list(rows))
            for name, rows in plan.removed.items():
                yield from self._remove(self._layout.tables[name], list(rows))
        except GeneratorExit:
            raise
        except BaseException:
            with suppress(BackendError):  # where the connection is lost, what happened first is what is told
                yield CHECKED
            raise
        yield CHECKED

    def _planned(self, table: Table, doomed: Sequence[Mapping[str, Any]]) -> Operation[DeletePlan]:
        steps = plan_delete(self._layout, table, doomed)
        try:
            question = next(steps)
            while True:
                condition = Test(question.column, "in", 0)
                question = steps.send((yield from self._locked(question.table, condition, (list(question.values),))))
        except StopIteration as end:
            plan: DeletePlan = end.value
            return plan

    def _locked(
        self, table: Table, condition: Condition, values: Values, limit: int | None = None
    ) -> Operation[list[Mapping[str, Any]]]:
        sql = self._compiler.lock(table, condition, limit=limit)
        answer = yield Request(sql.text, sql.parameters(values))
        return [dict(zip(table.columns, row, strict=True)) for row in answer.rows]

    def _empty(self, table: Table, column: str, keys: list[tuple[Any, ...]]) -> Operation[None]:
        if not keys:
            return
        condition, values = _among(table, keys)
        update = Update(table=table, condition=condition, assignments=((column, len(values)),), returning=())
        sql = self._compiler.update(update, one=False)
        yield Reached(sql.text, sql.parameters((*values, None)))

    def _remove(self, table: Table, keys: list[tuple[Any, ...]]) -> Operation[None]:
        if not keys:
            return
        condition, values = _among(table, keys)
        sql = self._compiler.delete(Delete(table=table, condition=condition, limit=None, returning=()))
        yield Reached(sql.text, sql.parameters(values))


def _among(table: Table, keys: list[tuple[Any, ...]]) -> tuple[Condition, Values]:
    """The condition that a row has one of these primary keys, and its values."""
    if len(table.primary_key) == 1:
        return Test(table.primary_key[0], "in", 0), ([key[0] for key in keys],)
    width = len(table.primary_key)
    parts = tuple(
        AllOf(tuple(Test(name, "eq", at * width + place) for place, name in enumerate(table.primary_key)))
        for at in range(len(keys))
    )
    return AnyOf(parts), tuple(value for key in keys for value in key)


def _has_cycle(edges: set[tuple[str, str]]) -> bool:
    """Whether following the edges leads back to where one was."""
    left = set(edges)
    while left:
        ends = {child for _, child in left} - {parent for parent, _ in left}
        fewer = {edge for edge in left if edge[1] not in ends}
        if fewer == left:
            return True
        left = fewer
    return False
