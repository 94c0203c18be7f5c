"""Faults of the SQLite backend, as SQL invites them."""

import sqlite3
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_
from sqlalchemy.sql.expression import ClauseElement

from auth_adapters.backends.sql.compiler import Binds, Sql
from auth_adapters.backends.sql.operations import Operations, Request, Work
from auth_adapters.backends.sqlite import SQLiteBackend
from auth_adapters.backends.sqlite.compiler import SQLiteCompiler
from auth_adapters.backends.sqlite.lane import Gate, Lane
from auth_adapters.capabilities import Storage
from auth_adapters.errors import UniqueViolationError
from auth_adapters.physical import AllOf, Column, Condition, Layout, Row, Select, Table, Test, Values

__all__ = [
    "ClosesAtOnce",
    "ColumnsFoldCase",
    "ColumnsPadSpaces",
    "CountsNoCascadeOfOthers",
    "EndsWithFromTheEnd",
    "FlatConditions",
    "ForeignKeysOff",
    "InnerJoins",
    "LeaksItsReader",
    "ListsIgnoreMode",
    "NamesRunTogether",
    "NoIndexes",
    "NoSerialMemory",
    "NullPlusOneIsNull",
    "NullsLast",
    "OneStatementPerParent",
    "OrderEndsEarly",
    "OrderFoldsCase",
    "OverflowBecomesFloat",
    "PastesValues",
    "RawDriverErrors",
    "ReachesByHalfAKey",
    "ReadsAnOldSnapshot",
    "StoresBooleansUnconverted",
    "TurnsAreLost",
    "UniqueByEmailOnly",
    "UniqueBySpelling",
    "UnquotedNames",
    "WildcardsActive",
]


class Miscompiling(SQLiteBackend):
    """Has another compiler, or other operations."""

    compiler: type[SQLiteCompiler] = SQLiteCompiler
    operations: type[Operations] = Operations

    async def open(self, layout: Layout) -> None:
        await super().open(layout)
        self._compiler = self.compiler(layout)
        self._operations = self.operations(self._compiler, layout, explains=True)


class WildcardsActive(Miscompiling):
    """`%` and `_` in a text that is searched for stand for anything."""

    class Compiler(SQLiteCompiler):
        def contains(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
            return column.like("%" + value + "%")

    compiler = Compiler

    async def _connect(self, *setup: str) -> Lane:
        return await super()._connect(*setup, "PRAGMA case_sensitive_like = ON")


class EndsWithFromTheEnd(Miscompiling):
    """`ends_with` takes that many characters from the end: all of them for none."""

    class Compiler(SQLiteCompiler):
        def ends_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
            return func.substr(column, -func.length(value)) == value

    compiler = Compiler


class ListsIgnoreMode(Miscompiling):
    """`mode="insensitive"` changes nothing in a list."""

    class Compiler(SQLiteCompiler):
        def in_list(
            self, column: ColumnElement[Any], binds: Binds, slot: int, kind: str, *, insensitive: bool
        ) -> ColumnElement[bool]:
            return super().in_list(column, binds, slot, kind, insensitive=False)

    compiler = Compiler


class NullsLast(Miscompiling):
    """NULLs come last ascending."""

    class Compiler(SQLiteCompiler):
        def order(self, element: ColumnElement[Any], column: Column, *, descending: bool) -> ColumnElement[Any]:
            return super().order(element, column, descending=descending).nulls_last()

    compiler = Compiler


class OrderFoldsCase(Miscompiling):
    """Text is sorted without regard to case."""

    class Compiler(SQLiteCompiler):
        def order(self, element: ColumnElement[Any], column: Column, *, descending: bool) -> ColumnElement[Any]:
            return super().order(element.collate("NOCASE"), column, descending=descending)

    compiler = Compiler


class OrderEndsEarly(Miscompiling):
    """Of a long value only the beginning is sorted by."""

    class Compiler(SQLiteCompiler):
        def order(self, element: ColumnElement[Any], column: Column, *, descending: bool) -> ColumnElement[Any]:
            beginning = func.substr(element, 1, 341) if column.kind in ("string", "bytes") else element
            return super().order(beginning, column, descending=descending)

    compiler = Compiler


class Statements(SQLiteCompiler):
    """Changes the text of statements."""

    def rewritten(self, text: str) -> str:
        return text

    def compile(self, statement: ClauseElement, binds: Binds) -> Sql:
        sql = super().compile(statement, binds)
        return Sql(self.rewritten(sql.text), sql.parameters)


class InnerJoins(Miscompiling):
    """A record without the joined one is left out."""

    class Compiler(Statements):
        def rewritten(self, text: str) -> str:
            return text.replace("LEFT OUTER JOIN", "JOIN")

    compiler = Compiler


class Tables(SQLiteCompiler):
    """Creates other tables."""

    def recreated(self, text: str) -> str | None:
        raise NotImplementedError

    def create_all(self) -> list[str]:
        texts = [self.recreated(text) for text in super().create_all()]
        return [text for text in texts if text is not None]


class ColumnsFoldCase(Miscompiling):
    """Columns have a collation that takes upper for lower case."""

    class Compiler(Tables):
        def recreated(self, text: str) -> str | None:
            return text.replace("VARCHAR(255)", "VARCHAR(255) COLLATE NOCASE")

    compiler = Compiler


class ColumnsPadSpaces(Miscompiling):
    """Columns have a collation for which trailing spaces do not count."""

    class Compiler(Tables):
        def recreated(self, text: str) -> str | None:
            return text.replace("VARCHAR(255)", "VARCHAR(255) COLLATE RTRIM")

    compiler = Compiler


class UniqueByEmailOnly(Miscompiling):
    """The one unique key is the email."""

    class Compiler(Tables):
        def recreated(self, text: str) -> str | None:
            return text if "email" in text else text.replace("UNIQUE INDEX", "INDEX")

    compiler = Compiler


class UniqueBySpelling(Miscompiling):
    """A case-insensitive field is unique by its spelling alone."""

    class Compiler(Tables):
        def recreated(self, text: str) -> str | None:
            return text.replace("UNIQUE INDEX", "INDEX") if "_lower" in text else text

    compiler = Compiler


class NoIndexes(Miscompiling):
    """Indexes that are not unique are not made."""

    class Compiler(Tables):
        def recreated(self, text: str) -> str | None:
            return None if text.startswith("CREATE INDEX") else text

    compiler = Compiler


class NoSerialMemory(Miscompiling):
    """Serial ids are rowids: a deleted one is given again."""

    class Compiler(Tables):
        def recreated(self, text: str) -> str | None:
            return text.replace("AUTOINCREMENT", "")

    compiler = Compiler


class NullPlusOneIsNull(Miscompiling):
    """NULL and a number is NULL."""

    class Compiler(Statements):
        def rewritten(self, text: str) -> str:  # in SQLite, max of NULL and a number is NULL
            return text.replace("coalesce(", "max(") if text.startswith("UPDATE") else text

    compiler = Compiler


class OverflowBecomesFloat(Miscompiling):
    """A sum that does not fit is stored as a float."""

    class Compiler(SQLiteCompiler):
        def sum(self, element: ColumnElement[Any], column: Column, slot: int, binds: Binds) -> ColumnElement[Any]:
            return func.coalesce(element, 0) + binds.slot(slot)

    compiler = Compiler


class FlatConditions(Miscompiling):
    """Many alternatives are one flat list of them, which is too deep for the database."""

    class Compiler(SQLiteCompiler):
        def condition(self, source: Any, table: Table, condition: Condition, binds: Binds) -> ColumnElement[bool]:
            if isinstance(condition, Test) or not condition.parts:
                return super().condition(source, table, condition, binds)
            parts = [self.condition(source, table, part, binds) for part in condition.parts]
            return and_(*parts) if isinstance(condition, AllOf) else or_(*parts)

    compiler = Compiler


class UnquotedNames(Miscompiling):
    """Names are not quoted."""

    class Compiler(Statements):
        def rewritten(self, text: str) -> str:
            return text.replace('"', "")

    compiler = Compiler


class ReachesByHalfAKey(Miscompiling):
    """A write to one record finds it by the first column of its primary key."""

    class Compiler(SQLiteCompiler):
        def _reach(
            self, table: Table, condition: Condition, binds: Binds, *, one: bool, limit: int | None = None
        ) -> ColumnElement[bool]:
            half = replace(table, primary_key=table.primary_key[:1])
            return super()._reach(half, condition, binds, one=one, limit=limit)

    compiler = Compiler


class PastesValues(Miscompiling):
    """Values are pasted into the text of a question."""

    class Pasting(Operations):
        def select(self, statement: Select, values: Values) -> Work:
            request = super().select(statement, values)
            if not isinstance(request, Request) or not all(isinstance(one, str) for one in request.parameters):
                return request
            text = request.text.replace("%", "%%").replace("?", "'%s'") % tuple(request.parameters)
            return Request(text, ())

    operations = Pasting


class ForeignKeysOff(SQLiteBackend):
    """Nobody switched foreign keys on."""

    async def _connect(self, *setup: str) -> Lane:
        return await super()._connect(*(statement for statement in setup if "foreign_keys" not in statement))


class ReadsAnOldSnapshot(SQLiteBackend):
    """The reading connection stays in one transaction, and sees nothing that was committed since."""

    async def _connect(self, *setup: str) -> Lane:
        late = ("BEGIN",) if "PRAGMA query_only = ON" in setup else ()
        return await super()._connect(*setup, *late)


class OneStatementPerParent(SQLiteBackend):
    """Joined records are fetched for one parent after another."""

    async def select(self, statement: Select, values: Values) -> list[Row]:
        if values and isinstance(values[0], list) and len(values[0]) > 1:
            return [row for key in values[0] for row in await self.select(statement, ([key], *values[1:]))]
        return await super().select(statement, values)


class StoresBooleansUnconverted(SQLiteBackend):
    """Says that the database has booleans."""

    storage = Storage(boolean=True)


class RawDriverErrors(SQLiteBackend):
    """The driver's errors are not mapped."""

    async def _perform(self, work: Work) -> Any:
        raw = None
        try:
            return await super()._perform(work)
        except UniqueViolationError as error:
            raw = sqlite3.IntegrityError(f"UNIQUE constraint failed: {error.model}")
        raise raw


class LeaksItsReader(SQLiteBackend):
    """The reading connection stays open."""

    def __init__(self, path: str, **options: Any) -> None:
        super().__init__(path, **options)
        self.leaked: list[Lane] = []

    async def close(self) -> None:
        self.leaked.append(self._reader)
        self._reader = self._writer
        await super().close()


class CountsNoCascadeOfOthers(Miscompiling):
    """What a cascade by way of another model removed before its turn is not counted."""

    class Counting(Operations):
        def _cascades_into(self, table: Table, goal: Table, seen: set[str]) -> bool:
            return any(child is goal and key.on_delete == "cascade" for child, key in self._layout.children(table))

    operations = Counting


class ClosesAtOnce(SQLiteBackend):
    """Closing does not wait for a transaction that is under way."""

    async def close(self) -> None:
        await self._reader.close()
        await self._writer.close()


class TurnsAreLost(SQLiteBackend):
    """Whoever is cancelled while it waits to write is given a turn nonetheless, which nobody gives back."""

    class Losing(Gate):
        def leave(self) -> None:
            self._held = False
            while self._waiting and not self._held:
                turn, alone = self._waiting.popleft()
                self._held = alone
                if not turn.done():
                    turn.set_result(None)

    async def open(self, layout: Layout) -> None:
        await super().open(layout)
        self._gate = self.Losing(self._timeout)


class NamesRunTogether(SQLiteBackend):
    """An index is called by its table and columns in a row, and one whose name is taken is not made."""

    async def open(self, layout: Layout) -> None:
        tables = {name: self.rename(table) for name, table in layout.tables.items()}
        await super().open(Layout(tables=MappingProxyType(tables)))

    def rename(self, table: Table) -> Table:
        """The table with other names for its indexes."""
        indexes = [replace(one, name="_".join(("ix", table.name, *one.columns))) for one in table.indexes]
        return replace(table, indexes=tuple(indexes))
