"""Which selects look up one value of a unique column, so that several of them can be asked as one statement."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from auth_adapters.backends.sql.compiler import Parameters, Sql
from auth_adapters.physical import AllOf, Select, Test

__all__ = ["Shape", "shape_of"]

TOLD_APART: Final = frozenset({"string", "text", "integer"})
"""Kinds of columns whose values come back as they were sent, equal to nothing but themselves."""
ALWAYS: Final = AllOf(())


class Shape:
    """Look-ups that differ in their value alone. at: where a row has that value."""

    def __init__(self, statement: Select, at: int, compile_select: Callable[[Select], Sql]) -> None:
        self.at: int = at
        self._statement = statement
        self._compile = compile_select
        self._sql: Sql | None = None

    def asked(self, values: Sequence[Any]) -> tuple[str, Parameters]:
        """The statement for the rows that have one of the values."""
        if self._sql is None:
            self._sql = self._compile(self._statement)
        return self._sql.text, self._sql.parameters((values,))


def shape_of(statement: Select, compile_select: Callable[[Select], Sql]) -> Shape | None:
    """What the select has in common with others like it; None where it has to go alone."""
    test = statement.condition
    if not isinstance(test, Test) or test.op != "eq" or test.negated or test.insensitive or test.slot != 0:
        return None
    if statement.limit is not None or statement.offset is not None or statement.per_parent is not None:
        return None
    if any(join.condition != ALWAYS for join in statement.joins) or test.column not in statement.columns:
        return None
    if (test.column,) not in statement.table.unique_keys or (
        statement.table.columns[test.column].kind not in TOLD_APART
    ):
        return None
    many = replace(statement, condition=Test(test.column, "in", 0))
    return Shape(many, statement.columns.index(test.column), compile_select)
