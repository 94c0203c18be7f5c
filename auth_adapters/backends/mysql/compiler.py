"""Where the SQL of MySQL and MariaDB differs from that of others, and where they differ from each other."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column as SqlColumn
from sqlalchemy import ColumnElement, Dialect, and_, delete, func, insert, literal_column, select, text, update
from sqlalchemy.dialects.mysql import CHAR
from sqlalchemy.dialects.mysql.asyncmy import MySQLDialect_asyncmy
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateTable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import NullType, TypeEngine

from auth_adapters.backends.sql.compiler import Binds, Sql, SqlCompiler
from auth_adapters.backends.sql.family import (
    MAX_SORTED,
    FamilyKeys,
    Keys,
    collation,
    hash_column,
    index_parts,
    keys_of,
    sort_size,
)
from auth_adapters.physical import (
    AllOf,
    Column,
    Condition,
    Delete,
    Increment,
    Insert,
    Layout,
    Select,
    Slot,
    Table,
    Test,
    Update,
    Values,
)

__all__ = ["MySQLCompiler"]

ONE: Final[ColumnElement[Any]] = literal_column("1")
NOTHING: Final = (None,)
LOWERED: Final = (
    "(SELECT LOWER(listed.value) COLLATE {collation} "
    "FROM JSON_TABLE(:{name}, '$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 PATH '$')) AS listed)"
)


SORTED_ANYWAY: Final = 1_024
"""Bytes of a value by which MariaDB sorts unless told otherwise: `max_sort_length`."""
ROOM_ANYWAY: Final = 2_097_152
"""MariaDB's own `sort_buffer_size`, in bytes. Only what is needed of it is taken."""
SORTED_AT_ONCE: Final = 20
"""So many of the longest values must find room for sorting; both servers give up below 15 (tried)."""


class Sortable(ColumnElement[Any]):
    """Bytes to sort by; fails the statement where they are longer than what is sorted by."""

    inherit_cache: bool | None = False
    type: TypeEngine[Any] = NullType()

    def __init__(self, element: ColumnElement[Any]) -> None:
        self.element = element


@compiles(Sortable)
def _sortable(sortable: Sortable, compiler: SQLCompiler, **options: Any) -> str:
    element = compiler.process(sortable.element, **options)
    length = f"OCTET_LENGTH({element})"
    two_rows = f"(SELECT 1 UNION ALL SELECT {length})"
    return f"(CASE WHEN {length} > {MAX_SORTED} THEN {two_rows} ELSE {element} END)"


def _dialect(*, mariadb: bool) -> Dialect:
    dialect = MySQLDialect_asyncmy(paramstyle="format")
    dialect.is_mariadb = mariadb
    return dialect


class MySQLCompiler(SqlCompiler):
    """Rows are chosen, then changed and fetched by their keys. Text has a collation that tells everything apart."""

    def __init__(self, layout: Layout, *, mariadb: bool) -> None:
        super().__init__(layout, _dialect(mariadb=mariadb))
        self.mariadb = mariadb
        self._ddl = self.dialect.ddl_compiler(self.dialect, None)  # type: ignore[arg-type]
        self.quote: Callable[[str], str] = self.dialect.identifier_preparer.quote_identifier
        self._keys: dict[str, Keys] = {}
        for name, table in layout.tables.items():
            keys = self._keys[name] = keys_of(table)
            source = self._tables[name]
            for constraint in [one for one in source.constraints if isinstance(one, FamilyKeys)]:
                source.constraints.discard(constraint)
            if keys.indexes:
                source.append_constraint(FamilyKeys(keys, every=True))
            for hashed in keys.hashes.values():
                source.append_column(SqlColumn(hashed, CHAR(64), system=True))

    # ----- conditions

    def contains(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.locate(value, column) > literal_column("0")

    def starts_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.left(column, func.char_length(value)) == value

    def ends_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.right(column, func.char_length(value)) == value

    def in_list(
        self, column: ColumnElement[Any], binds: Binds, slot: int, kind: str, *, insensitive: bool
    ) -> ColumnElement[bool]:
        """The driver writes a tuple as a list in brackets, which may not be empty."""
        if kind == "bytes":
            return self._among(func.hex(column), binds, slot, "hex")
        if insensitive:
            listed = binds.slot(slot, json.dumps, "json")
            lowered = text(LOWERED.format(name=listed.key, collation=collation(self.dialect))).bindparams(listed)
            return func.lower(column).op("IN", is_comparison=True)(lowered)
        return self._among(column, binds, slot, "list")

    def _among(self, element: ColumnElement[Any], binds: Binds, slot: int, name: str) -> ColumnElement[bool]:
        listed = binds.slot(slot, LISTS[name], name)
        return and_(element.op("IN", is_comparison=True)(listed), binds.slot(slot, bool, "any"))

    def _match(self, element: ColumnElement[Any], test: Test, column: Column, binds: Binds) -> ColumnElement[bool]:
        matched = super()._match(element, test, column, binds)
        table: Any = getattr(element, "table", None)
        if test.insensitive or test.op not in ("eq", "in") or table is None or test.slot is None:
            return matched
        hashed = self._hash_of(table, column)
        if hashed is None:
            return matched
        if test.op == "in":
            return and_(matched, self._among(hashed, binds, test.slot, "hashes"))
        return and_(matched, hashed == binds.slot(test.slot, _sha256, "hash"))

    def _hash_of(self, source: Any, column: Column) -> ColumnElement[Any] | None:
        name = getattr(source, "element", source).name
        keys = self._keys.get(name)
        hashed = keys.hashes.get(column.name) if keys is not None else None
        return None if hashed is None or hashed not in source.c else source.c[hashed]

    def order(self, element: ColumnElement[Any], column: Column, *, descending: bool) -> ColumnElement[Any]:
        """MariaDB sorts by as much of a value as it is told, and takes what differs later for equal."""
        sortable = Sortable(element) if self.mariadb and column.kind == "bytes" else element
        return super().order(sortable, column, descending=descending)

    def overflow(self) -> ColumnElement[Any]:
        raise NotImplementedError

    def sum(self, element: ColumnElement[Any], column: Column, slot: int, binds: Binds) -> ColumnElement[Any]:
        """The server refuses a sum that does not fit, in whatever mode."""
        return func.coalesce(element, literal_column("0")) + self.parameter(binds, slot, column)

    # ----- statements

    def insert(self, statement: Insert) -> Sql:
        """INSERT; with RETURNING where there is such a thing."""
        binds = Binds()
        built = insert(self.source(statement.table)).inline().values(self.inserted(statement, binds))
        sql = self.compile(built, binds)
        if statement.returning and self.mariadb:
            return Sql(sql.text + self._returning(statement.returning), sql.parameters)
        return sql

    def select(self, statement: Select) -> Sql:
        """SELECT, in which the server sorts by the whole of long values, whatever its settings and the session's."""
        sql = super().select(statement)
        sizes = [sort_size(statement.table.columns[one.column]) for one in statement.order]
        if max(sizes, default=0) <= SORTED_ANYWAY:
            return sql
        room = max(ROOM_ANYWAY, SORTED_AT_ONCE * sum(sizes))
        if self.mariadb:
            settings = f"max_sort_length = {max(sizes)}, sort_buffer_size = {room}"
            return Sql(f"SET STATEMENT {settings} FOR {sql.text}", sql.parameters)
        return Sql(sql.text.replace("SELECT", f"SELECT /*+ SET_VAR(sort_buffer_size = {room}) */", 1), sql.parameters)

    def _returning(self, columns: Sequence[str]) -> str:
        return f" RETURNING {', '.join(self.quote(name) for name in columns)}"

    def change(self, statement: Update | Increment, condition: Condition) -> Sql:
        """UPDATE of every row that matches `condition`."""
        table, binds = self.source(statement.table), Binds()
        values = self.assigned(statement, binds)
        if isinstance(statement, Increment):
            for name, slot in statement.increments:
                values[table.c[name]] = self.sum(table.c[name], statement.table.columns[name], slot, binds)
        where = self.condition(table, statement.table, condition, binds)
        return self.compile(update(table).values(values).where(where), binds)

    def update(self, statement: Update, *, one: bool) -> Sql:
        """UPDATE of every row that matches."""
        return self.change(statement, statement.condition)

    def choose(self, table: Table, condition: Condition, columns: Sequence[str]) -> Sql:
        """SELECT of one row that matches, which nobody else can change from then on."""
        source, binds = self.source(table), Binds()
        built = select(*(source.c[name] for name in columns)).where(self.condition(source, table, condition, binds))
        return self.compile(built.limit(ONE).with_for_update(), binds)

    def lock(self, table: Table, condition: Condition, *, limit: Slot | None = None) -> Sql:
        """SELECT of every row that matches, or of so many, which nobody else can change from then on."""
        source, binds = self.source(table), Binds()
        built = select(*(source.c[name] for name in table.columns))
        built = built.where(self.condition(source, table, condition, binds))
        if limit is not None:
            built = built.limit(binds.slot(limit))
        return self.compile(built.with_for_update(), binds)

    def fetch(
        self, table: Table, columns: Sequence[str], key: Sequence[tuple[str, Slot]], *, lock: bool = False
    ) -> Sql:
        """SELECT of the row with a key."""
        source, binds = self.source(table), Binds()
        where = self.condition(source, table, equal(key), binds)
        built = select(*(source.c[name] for name in columns)).where(where)
        return self.compile(built.with_for_update() if lock else built, binds)

    def remove(self, table: Table, key: Sequence[tuple[str, Slot]]) -> Sql:
        """DELETE of the row with a key."""
        source, binds = self.source(table), Binds()
        return self.compile(delete(source).where(self.condition(source, table, equal(key), binds)), binds)

    def delete(self, statement: Delete) -> Sql:
        """DELETE of every row that matches, or of so many; MariaDB returns them where asked."""
        source, binds = self.source(statement.table), Binds()
        where = self.condition(source, statement.table, statement.condition, binds)
        sql = self.compile(delete(source).where(where), binds)
        said, read = sql.text, sql.parameters
        slot = statement.limit
        if slot is not None:
            said += " LIMIT %s"
            plain = read

            def read(values: Values) -> Sequence[Any]:
                return (*plain(values), values[slot])

        if statement.returning:
            said += self._returning(statement.returning)
        return Sql(said, read)

    # ----- tables

    def create_table(self, table: Table, references: set[str]) -> str:
        """CREATE TABLE with every index and the references called so."""
        source = self.source(table)
        chosen = [one for one in source.foreign_key_constraints if str(one.name) in references]
        return str(CreateTable(source, include_foreign_key_constraints=chosen).compile(dialect=self.dialect))

    def add_indexes(self, table: Table, there: set[str], columns: set[str]) -> str | None:
        """ALTER TABLE that adds the indexes that are absent, with the columns that they need."""
        keys = self._keys[table.name]
        parts = [
            f"ADD COLUMN {hash_column(self.quote, column, name)}"
            for column, name in keys.hashes.items()
            if name.lower() not in columns
        ]
        parts += [
            f"ADD {'UNIQUE ' if unique else ''}INDEX {self.quote(name)} ({index_parts(self.quote, made_of)})"
            for name, (made_of, unique) in keys.indexes.items()
            if name.lower() not in there
        ]
        return f"ALTER TABLE {self.name(table)} {', '.join(parts)}" if parts else None

    def add_references(self, table: Table, references: set[str]) -> str:
        """ALTER TABLE that adds references."""
        chosen = [one for one in self.source(table).foreign_key_constraints if str(one.name) in references]
        added = ", ".join(f"ADD {self._ddl.process(one)}" for one in sorted(chosen, key=lambda one: str(one.name)))
        return f"ALTER TABLE {self.name(table)} {added}"

    def name(self, table: Table) -> str:
        """The name of a table as SQL writes it."""
        return ".".join(self.quote(part) for part in (table.schema, table.name) if part is not None)


def equal(key: Sequence[tuple[str, Slot]]) -> Condition:
    """The condition that fixes a key."""
    return AllOf(tuple(Test(column, "eq", slot) for column, slot in key))


def _sha256(value: str | bytes) -> str:
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).hexdigest()


LISTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "list": lambda values: tuple(values) or NOTHING,
    "hex": lambda values: tuple(value.hex().upper() for value in values) or NOTHING,
    "hashes": lambda values: tuple(map(_sha256, values)) or NOTHING,
}
