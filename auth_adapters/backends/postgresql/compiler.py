"""Where PostgreSQL's SQL differs from that of others."""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Dialect,
    Double,
    Index,
    LargeBinary,
    String,
    Text,
    Uuid,
    any_,
    cast,
    collate,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy import Select as SqlSelect
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable
from sqlalchemy.types import TypeEngine

from auth_adapters.backends.sql.compiler import Binds, Sql, SqlCompiler
from auth_adapters.physical import Column, Layout, Table, Upsert

__all__ = ["DEFAULT_SCHEMA", "PostgreSQLCompiler"]

DEFAULT_SCHEMA: Final = "public"
"""Named in every statement, so that nothing depends on search_path."""

DIALECT: Final[Dialect] = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
MOMENT: Final = TIMESTAMP(timezone=True)
SENT: Final[dict[str, TypeEngine[Any]]] = {
    "string": String(),
    "text": String(),
    "integer": BigInteger(),
    "float": Double(),
    "boolean": Boolean(),
    "datetime": String(),
    "json": String(),
    "string[]": ARRAY(String()),
    "integer[]": ARRAY(BigInteger()),
    "bytes": LargeBinary(),
    "uuid": Uuid(),
}
"""The type of the parameter for each kind of column."""

CASTS: Final[dict[str, TypeEngine[Any]]] = {"datetime": MOMENT, "json": JSONB()}
"""What a parameter is made into on the server."""


class PostgreSQLCompiler(SqlCompiler):
    """Sequences and NULLs are told about, sums overflow by themselves, and lists travel as arrays."""

    default_schema: ClassVar[str | None] = DEFAULT_SCHEMA

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout, DIALECT)

    def parameter(self, binds: Binds, slot: int, column: Column) -> ColumnElement[Any]:
        bound = binds.slot(slot, type_=SENT[column.kind])
        return cast(bound, CASTS[column.kind]) if column.kind in CASTS else bound

    def output(self, element: ColumnElement[Any], column: Column) -> ColumnElement[Any]:
        return cast(element, Text()).label(column.name) if column.kind == "json" else element

    def order(self, element: ColumnElement[Any], column: Column, *, descending: bool) -> ColumnElement[Any]:
        ordered = super().order(element, column, descending=descending)
        if not column.nullable:
            return ordered
        return ordered.nulls_last() if descending else ordered.nulls_first()

    def contains(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.strpos(column, value) > literal_column("0")

    def starts_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.starts_with(column, value)

    def ends_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        return func.right(column, func.length(value)) == value

    def in_list(
        self, column: ColumnElement[Any], binds: Binds, slot: int, kind: str, *, insensitive: bool
    ) -> ColumnElement[bool]:
        values: Any = binds.slot(slot, type_=ARRAY(SENT[kind]))
        if kind in CASTS:
            values = cast(values, ARRAY(CASTS[kind]))
        if not insensitive:
            return column == any_(values)
        each = func.unnest(values).table_valued("value").render_derived()
        return self.folded(column).in_(select(self.folded(each.c.value)))

    def folded(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lower(collate(element, "C"))

    def sum(self, element: ColumnElement[Any], column: Column, slot: int, binds: Binds) -> ColumnElement[Any]:
        return func.coalesce(element, literal_column("0")) + self.parameter(binds, slot, column)

    def one_of(self, key: Sequence[ColumnElement[Any]], chosen: SqlSelect[Any]) -> ColumnElement[bool]:
        """Rows are locked as they are chosen, once. A row whose holder deletes it makes way for the next one."""
        locked = chosen.with_for_update()
        if len(key) == 1:
            return key[0] == any_(func.array(locked.scalar_subquery()))
        rows = locked.cte("chosen")
        return tuple_(*key).in_(select(*rows.c))

    def insert_if_absent(self, table: Any, key: Sequence[ColumnElement[Any]]) -> Any:
        return postgresql_insert(table).on_conflict_do_nothing(index_elements=list(key))

    def insert_unless_in_the_way(self, statement: Upsert) -> Sql:
        """The INSERT of an upsert, which does nothing where a row has the same values in any unique key."""
        table, binds = self.source(statement.table), Binds()
        built = postgresql_insert(table).on_conflict_do_nothing().values(self.inserted(statement, binds))
        return self.compile(built.returning(*self._outputs(table, statement.table, statement.returning)), binds)

    def upsert(self, statement: Upsert) -> Sql:
        """The whole of an upsert that assigns. A row that was made has not been locked or changed by anybody: that is
        what its last column says.
        """
        table, binds = self.source(statement.table), Binds()
        built = postgresql_insert(table).values(self.inserted(statement, binds))
        built = built.on_conflict_do_update(
            index_elements=[table.c[name] for name in statement.key], set_=self.assigned(statement, binds)
        )
        outputs = self._outputs(table, statement.table, statement.returning)
        return self.compile(built.returning(*outputs, literal_column("xmax = 0").label("created")), binds)

    # ----- tables

    def create_table(self, table: Table) -> str:
        """The statement that creates a table, its references apart."""
        bare = CreateTable(self.source(table), include_foreign_key_constraints=[])
        return str(bare.compile(dialect=self.dialect))

    def create_indexes(self, table: Table) -> list[str]:
        """The statements that create the indexes of a table that are absent, in the order that `order` asks for."""
        source, statements = self.source(table), []
        for index in table.indexes:
            columns = [
                source.c[name].asc().nulls_first() if table.columns[name].nullable else source.c[name]
                for name in index.columns
            ]
            built = Index(index.name, *columns, unique=index.unique, _table=source)
            statements.append(str(CreateIndex(built, if_not_exists=True).compile(dialect=self.dialect)))
            source.indexes.discard(built)
        return statements

    def create_references(self, table: Table) -> list[str]:
        """The statements that add the references of a table."""
        constraints = sorted(self.source(table).foreign_key_constraints, key=lambda one: str(one.name))
        return [str(AddConstraint(one).compile(dialect=self.dialect)) for one in constraints]
