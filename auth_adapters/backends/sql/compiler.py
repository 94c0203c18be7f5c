"""From a statement to SQL, once per statement. SQLAlchemy knows the quoting, the types and each database's grammar."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, ClassVar, Final, TypeAlias

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Dialect,
    FromClause,
    MetaData,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy import Select as SqlSelect
from sqlalchemy.sql.expression import ClauseElement
from sqlalchemy.types import TypeEngine

from auth_adapters.backends.sql.combining import combine
from auth_adapters.backends.sql.tables import build_metadata
from auth_adapters.physical import (
    AllOf,
    Column,
    Condition,
    Count,
    Delete,
    Increment,
    Insert,
    Layout,
    Order,
    Select,
    Table,
    Test,
    Update,
    Upsert,
    Values,
    pinned_key,
)

__all__ = ["Binds", "Sql", "SqlCompiler"]

Convert: TypeAlias = Callable[[Any], Any]
Parameters: TypeAlias = Sequence[Any]
Source: TypeAlias = FromClause
MAX_INTEGER: Final = 2**63 - 1
RANGES: Final = frozenset({"lt", "lte", "gt", "gte"})


@dataclass(frozen=True, slots=True)
class Sql:
    """One statement for the driver. parameters: of the values, in the order of the text."""

    text: str
    parameters: Callable[[Values], Parameters]


class Binds:
    """The parameters of one statement: which slot each stands for, and what is made of its value."""

    def __init__(self) -> None:
        self._sources: dict[str, tuple[int, Convert | None]] = {}

    def slot(
        self, slot: int, convert: Convert | None = None, name: str = "", *, type_: TypeEngine[Any] | None = None
    ) -> BindParameter[Any]:
        """A parameter for `values[slot]`, or for what `convert` makes of it (`name` tells those apart)."""
        key = f"slot_{slot}_{name}"
        self._sources[key] = (slot, convert)
        return bindparam(key, type_=type_)

    def reader(self, names: Sequence[str], constants: dict[str, Any]) -> Callable[[Values], Parameters]:
        """From the values to the parameters in the order of `names`."""
        sources = [self._sources.get(name) for name in names]
        plain = [source[0] for source in sources if source is not None and source[1] is None]
        if len(plain) == len(sources):
            if plain == list(range(len(plain))):
                return itemgetter(slice(len(plain)))
            return itemgetter(*plain) if len(plain) > 1 else lambda values: (values[plain[0]],)
        fixed = [constants.get(name) for name in names]

        def read(values: Values) -> Parameters:
            parameters = []
            for source, constant in zip(sources, fixed, strict=True):
                if source is None:
                    parameters.append(constant)
                else:
                    slot, convert = source
                    parameters.append(values[slot] if convert is None else convert(values[slot]))
            return parameters

        return read


class SqlCompiler:
    """What all SQL databases share. A dialect overrides the parts in which its database differs."""

    default_schema: ClassVar[str | None] = None
    """The schema of the database that is named in every statement where the layout names none."""

    def __init__(self, layout: Layout, dialect: Dialect) -> None:
        self.dialect = dialect
        self.metadata: MetaData = build_metadata(layout, default_schema=self.default_schema)
        self._tables = {}
        for name, table in layout.tables.items():
            schema = table.schema or self.default_schema
            self._tables[name] = self.metadata.tables[f"{schema}.{name}" if schema else name]

    # ----- where databases differ

    def contains(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        """The column holds the text somewhere, literally."""
        raise NotImplementedError

    def starts_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        """The column begins with the text, literally."""
        raise NotImplementedError

    def ends_with(self, column: ColumnElement[Any], value: ColumnElement[Any]) -> ColumnElement[bool]:
        """The column ends with the text, literally."""
        raise NotImplementedError

    def in_list(
        self, column: ColumnElement[Any], binds: Binds, slot: int, kind: str, *, insensitive: bool
    ) -> ColumnElement[bool]:
        """The column equals one of the list, which travels as one parameter."""
        raise NotImplementedError

    def overflow(self) -> ColumnElement[Any]:
        """An expression whose evaluation fails the statement."""
        raise NotImplementedError

    def insert_if_absent(self, table: Source, key: Sequence[ColumnElement[Any]]) -> Any:
        """INSERT that does nothing where a row has the same key."""
        raise NotImplementedError

    def parameter(self, binds: Binds, slot: int, column: Column) -> ColumnElement[Any]:
        """A value for a column, or to compare it with."""
        return binds.slot(slot)

    def output(self, element: ColumnElement[Any], column: Column) -> ColumnElement[Any]:
        """A column as it is selected or returned."""
        return element

    def folded(self, element: ColumnElement[Any]) -> ColumnElement[Any]:
        """A text with at least A to Z made small, the same on both sides of a comparison."""
        return func.lower(element)

    def order(self, element: ColumnElement[Any], column: Column, *, descending: bool) -> ColumnElement[Any]:
        """A column to sort by: NULLs first ascending, last descending."""
        return element.desc() if descending else element.asc()

    def one_of(self, key: Sequence[ColumnElement[Any]], chosen: SqlSelect[Any]) -> ColumnElement[bool]:
        """The key is among those that a write may reach."""
        return (key[0] if len(key) == 1 else tuple_(*key)).in_(chosen)

    # ----- statements

    def source(self, table: Table) -> Any:
        """The SQLAlchemy table."""
        return self._tables[table.name]

    def compile(self, statement: ClauseElement, binds: Binds) -> Sql:
        """The SQL text and the way to its parameters."""
        compiled = statement.compile(dialect=self.dialect)
        names = list(compiled.positiontup or ())  # type: ignore[attr-defined]
        return Sql(str(compiled), binds.reader(names, dict(compiled.params)))

    def insert(self, statement: Insert) -> Sql:
        """INSERT, with RETURNING for what the database makes."""
        table, binds = self.source(statement.table), Binds()
        built = insert(table).values(self.inserted(statement, binds))
        if statement.returning:
            built = built.returning(*self._outputs(table, statement.table, statement.returning))
        return self.compile(built.inline() if not statement.returning else built, binds)

    def select(self, statement: Select) -> Sql:
        """SELECT, with left joins to one, in order, a page of it."""
        binds = Binds()
        if statement.per_parent:
            return self.compile(self._first_per_parent(statement, binds), binds)
        table = self.source(statement.table)
        columns = self._outputs(table, statement.table, statement.columns)
        joined: FromClause = table
        for at, join in enumerate(statement.joins):
            other = self.source(join.table).alias(f"joined_{at}")
            on = and_(
                table.c[join.column] == other.c[join.target_column],
                self.condition(other, join.table, join.condition, binds),
            )
            joined = joined.outerjoin(other, on)
            columns += [
                one.label(f"joined_{at}_{place}")
                for place, one in enumerate(self._outputs(other, join.table, join.columns))
            ]
        built = select(*columns).select_from(joined)
        built = built.where(self.condition(table, statement.table, statement.condition, binds))
        built = built.order_by(*self._orders(table, statement.table, statement.order))
        if statement.limit is not None:
            built = built.limit(binds.slot(statement.limit))
        if statement.offset is not None:
            built = built.offset(binds.slot(statement.offset))
        return self.compile(built, binds)

    def _first_per_parent(self, statement: Select, binds: Binds) -> Any:
        table, parent = self.source(statement.table), statement.per_parent
        assert parent is not None
        order = self._orders(table, statement.table, statement.order)
        place = func.row_number().over(partition_by=table.c[parent.column], order_by=order).label("place_in_parent")
        needed = dict.fromkeys([*statement.columns, *(one.column for one in statement.order)])
        inner = (
            select(*(table.c[name] for name in needed), place)
            .where(self.condition(table, statement.table, statement.condition, binds))
            .subquery("ranked")
        )
        built = select(*self._outputs(inner, statement.table, statement.columns))
        built = built.where(inner.c.place_in_parent <= binds.slot(parent.slot))
        return built.order_by(*self._orders(inner, statement.table, statement.order))

    def count(self, statement: Count) -> Sql:
        """How many rows match."""
        table, binds = self.source(statement.table), Binds()
        where = self.condition(table, statement.table, statement.condition, binds)
        return self.compile(select(func.count()).select_from(table).where(where), binds)

    def update(self, statement: Update, *, one: bool) -> Sql:
        """UPDATE of every row that matches, or of one and RETURNING it."""
        table, binds = self.source(statement.table), Binds()
        where = self._reach(statement.table, statement.condition, binds, one=one)
        built = update(table).values(self.assigned(statement, binds)).where(where)
        if one:
            built = built.returning(*self._outputs(table, statement.table, statement.returning))
        return self.compile(built, binds)

    def increment(self, statement: Increment) -> Sql:
        """UPDATE of one row by addition, failing where a sum does not fit."""
        table, binds = self.source(statement.table), Binds()
        values = self.assigned(statement, binds)
        for name, slot in statement.increments:
            values[table.c[name]] = self.sum(table.c[name], statement.table.columns[name], slot, binds)
        where = self._reach(statement.table, statement.condition, binds, one=True)
        built = update(table).values(values).where(where)
        return self.compile(built.returning(*self._outputs(table, statement.table, statement.returning)), binds)

    def sum(self, element: ColumnElement[Any], column: Column, slot: int, binds: Binds) -> ColumnElement[Any]:
        """What is there, NULL counting as 0, and the value of `slot`; fails the statement where that does not fit."""
        present = func.coalesce(element, literal_column("0"))
        total = present + binds.slot(slot)
        if column.kind == "integer":
            high = binds.slot(slot, lambda delta: MAX_INTEGER - max(delta, 0), "high")
            low = binds.slot(slot, lambda delta: -MAX_INTEGER - 1 - min(delta, 0), "low")
            return case((or_(present > high, present < low), self.overflow()), else_=total)
        largest = binds.slot(slot, _largest_float, "largest")
        return case((func.abs(total) > largest, self.overflow()), else_=total)

    def delete(self, statement: Delete) -> Sql:
        """DELETE of every row that matches, or of so many, RETURNING them where asked."""
        table, binds = self.source(statement.table), Binds()
        where = self._reach(statement.table, statement.condition, binds, one=False, limit=statement.limit)
        built: Any = delete(table).where(where)
        if statement.returning:
            built = built.returning(*self._outputs(table, statement.table, statement.returning))
        return self.compile(built, binds)

    def upsert_insert(self, statement: Upsert) -> Sql:
        """The INSERT of an upsert: no row comes back where one has the same key."""
        table, binds = self.source(statement.table), Binds()
        built = self.insert_if_absent(table, [table.c[name] for name in statement.key])
        built = built.values(self.inserted(statement, binds))
        return self.compile(built.returning(*self._outputs(table, statement.table, statement.returning)), binds)

    def upsert_existing(self, statement: Upsert) -> Sql:
        """The UPDATE of an upsert, or the SELECT where nothing is to be assigned."""
        table, binds = self.source(statement.table), Binds()
        slots = {name: statement.columns.index(name) for name in statement.key}
        known = statement.table.columns
        where = and_(*(table.c[name] == self.parameter(binds, slot, known[name]) for name, slot in slots.items()))
        columns = self._outputs(table, statement.table, statement.returning)
        if not statement.assignments:
            return self.compile(select(*columns).where(where), binds)
        return self.compile(
            update(table).values(self.assigned(statement, binds)).where(where).returning(*columns), binds
        )

    def inserted(self, statement: Insert | Upsert, binds: Binds) -> dict[str, Any]:
        """The values of a new row, by column; their slots are the first ones."""
        columns = statement.table.columns
        return {name: self.parameter(binds, at, columns[name]) for at, name in enumerate(statement.columns)}

    def assigned(self, statement: Update | Increment | Upsert, binds: Binds) -> dict[Any, Any]:
        """The values assigned, by column."""
        table, columns = self.source(statement.table), statement.table.columns
        return {table.c[name]: self.parameter(binds, slot, columns[name]) for name, slot in statement.assignments}

    def _outputs(self, source: Source, table: Table, names: Sequence[str]) -> list[ColumnElement[Any]]:
        return [self.output(source.c[name], table.columns[name]) for name in names]

    def _reach(
        self, table: Table, condition: Condition, binds: Binds, *, one: bool, limit: int | None = None
    ) -> ColumnElement[bool]:
        """The WHERE of a write that may reach one row only (or `limit`): by key where the condition fixes one."""
        source = self.source(table)
        where = self.condition(source, table, condition, binds)
        if not (one or limit is not None) or pinned_key(table, condition):
            return where
        inner = source.alias("candidate")
        chosen = select(*(inner.c[name] for name in table.primary_key))
        chosen = chosen.where(self.condition(inner, table, condition, binds))
        chosen = chosen.limit(literal_column("1") if limit is None else binds.slot(limit))
        if isinstance(condition, Test) and condition.op in RANGES:  # along the index, not through the whole table
            chosen = chosen.order_by(inner.c[condition.column])
        return self.one_of([source.c[name] for name in table.primary_key], chosen)

    def _orders(self, source: Source, table: Table, order: tuple[Order, ...]) -> list[ColumnElement[Any]]:
        return [self.order(source.c[one.column], table.columns[one.column], descending=one.descending) for one in order]

    # ----- conditions

    def condition(self, source: Source, table: Table, condition: Condition, binds: Binds) -> ColumnElement[bool]:
        """A condition over the columns of `source`, which is `table` or an alias of it."""
        if isinstance(condition, Test):
            return self._test(source, table, condition, binds)
        parts = [self.condition(source, table, part, binds) for part in condition.parts]
        return combine(and_ if isinstance(condition, AllOf) else or_, parts)

    def _test(self, source: Source, table: Table, test: Test, binds: Binds) -> ColumnElement[bool]:
        column = source.c[test.column]
        if test.op == "is_null" or test.slot is None:
            return column.is_not(None) if test.negated else column.is_(None)
        matched = self._match(column, test, table.columns[test.column], binds)
        if not test.negated:
            return matched
        if not table.columns[test.column].nullable:
            return not_(matched)
        return or_(column.is_(None), not_(matched))

    def _match(self, element: ColumnElement[Any], test: Test, column: Column, binds: Binds) -> ColumnElement[bool]:
        assert test.slot is not None
        if test.op == "in":
            return self.in_list(element, binds, test.slot, column.kind, insensitive=test.insensitive)
        value = self.parameter(binds, test.slot, column)
        if test.insensitive:
            element, value = self.folded(element), self.folded(value)
        return self._operators()[test.op](element, value)

    def _operators(self) -> dict[str, Callable[[ColumnElement[Any], ColumnElement[Any]], ColumnElement[bool]]]:
        return {
            "eq": lambda column, value: column == value,
            "lt": lambda column, value: column < value,
            "lte": lambda column, value: column <= value,
            "gt": lambda column, value: column > value,
            "gte": lambda column, value: column >= value,
            "contains": self.contains,
            "starts_with": self.starts_with,
            "ends_with": self.ends_with,
        }


def _largest_float(_: Any) -> float:
    return 1.7976931348623157e308
