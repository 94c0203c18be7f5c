"""Where SQLite's SQL differs from that of others."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Dialect, and_, func, literal_column, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import IdentifierPreparer

from auth_adapters.backends.sql.compiler import Binds, SqlCompiler
from auth_adapters.physical import Layout

__all__ = ["SQLiteCompiler"]


class StrictNames(IdentifierPreparer):
    """Names that are names alone: where a table has no column "x", SQLite takes that for the text x, and indexes it."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect, initial_quote="`", escape_quote="`")

    def _requires_quotes(self, value: str) -> bool:
        return True


class SQLiteCompiler(SqlCompiler):
    """LIKE folds case and knows wildcards, so text is searched by instr and substr."""

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, sqlite_dialect(paramstyle="qmark"))
        self._strict = sqlite_dialect()
        self._strict.identifier_preparer = StrictNames(self._strict)

    def contains(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.instr(column, value) > literal_column("0")

    def starts_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.substr(column, literal_column("1"), func.length(value)) == value

    def ends_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        start = func.length(column) - func.length(value) + literal_column("1")
        return func.substr(column, start) == value

    def in_list(
        self, column: ColumnElement[Any], binds: Binds, slot: int, kind: str, *, insensitive: bool
    ) -> ColumnElement[bool]:
        each = func.json_each(binds.slot(slot, LISTS.get(kind, _json_list), kind)).table_valued("value")
        value: ColumnElement[Any] = each.c.value
        if kind == "bytes":
            return and_(column.is_not(None), func.hex(column).in_(select(value)))
        if insensitive:
            column, value = self.folded(column), self.folded(value)
        return column.in_(select(value))

    def overflow(self) -> ColumnElement[Any]:
        return func.abs(literal_column("-9223372036854775808"))

    def insert_if_absent(self, table: Any, key: Sequence[ColumnElement[Any]]) -> Any:
        return sqlite_insert(table).on_conflict_do_nothing(index_elements=list(key))

    def create_all(self) -> list[str]:
        """The statements that create what is absent."""
        statements = []
        for table in self._tables.values():
            statements.append(str(CreateTable(table, if_not_exists=True).compile(dialect=self.dialect)))
            indexes = sorted(table.indexes, key=lambda one: str(one.name))
            statements += [
                str(CreateIndex(index, if_not_exists=True).compile(dialect=self._strict)) for index in indexes
            ]
        return statements


def _json_list(values: list[Any]) -> str:
    return json.dumps(values, ensure_ascii=False)


def _json_floats(values: list[float]) -> str:
    """With more digits than a double has: SQLite reads the shortest spelling of one a last bit off."""
    return f"[{','.join(f'{value:.18e}' for value in values)}]"


def _json_hex(values: list[bytes]) -> str:
    return json.dumps([value.hex().upper() for value in values])


LISTS: Final[dict[str, Callable[[list[Any]], str]]] = {"float": _json_floats, "bytes": _json_hex}
