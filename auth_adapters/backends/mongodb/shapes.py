"""What is made of each statement once: filters, projections, pipelines, changes and readers. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from bson import DBRef

from auth_adapters.backends.mongodb.filters import Document, Filter, filter_of
from auth_adapters.backends.mongodb.names import JOINED, KEY, RANK, paths
from auth_adapters.errors import BackendError
from auth_adapters.physical import (
    AllOf,
    Condition,
    Count,
    Delete,
    Increment,
    JoinOne,
    Layout,
    Order,
    Row,
    Select,
    Slot,
    Statement,
    Table,
    Test,
    Update,
    Upsert,
    Values,
    pinned_key,
)

__all__ = ["Found", "Reader", "Shapes", "changes_of", "increments_of", "new_document", "reader", "sums_of"]

Reader: TypeAlias = Callable[[Mapping[str, Any]], Row]
Pipeline: TypeAlias = list[Document]

MAX_SHAPES: Final = 2_048
UP_TO_HERE: Final[Document] = {"documents": ["unbounded", "current"]}


def plain(value: Any) -> Any:
    """What the driver made of stored JSON, as plain types: a document with `$ref` and `$id` is no reference here."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


CONVERSIONS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "integer": int,
    "json": plain,
    "string[]": plain,
    "integer[]": plain,
}
"""The driver's numbers of 64 bits are no plain `int`."""


def reader(table: Table, columns: tuple[str, ...]) -> Reader:
    """A function from a document to the values of `columns`; what is missing is None."""
    found = paths(table)
    keys = tuple(found[column] for column in columns)
    kinds = [table.columns[column].kind for column in columns]
    converted = tuple((at, CONVERSIONS[kind]) for at, kind in enumerate(kinds) if kind in CONVERSIONS)
    if not converted:
        return lambda document: tuple([document.get(key) for key in keys])

    def read(document: Mapping[str, Any]) -> Row:
        row = [document.get(key) for key in keys]
        try:
            for at, convert in converted:
                if row[at] is not None:
                    row[at] = convert(row[at])
        except (ArithmeticError, TypeError, ValueError):
            field = table.columns[columns[at]].field
        else:
            return tuple(row)
        raise BackendError(f"what is stored in {table.model}.{field} does not fit the field")

    return read


def projection(table: Table, columns: tuple[str, ...]) -> Document | None:
    """The keys to fetch; None for the whole document, where all of it is asked for."""
    found = paths(table)
    keys = {found[column] for column in columns}
    if keys == set(found.values()):
        return None
    return {KEY: int(KEY in keys), **dict.fromkeys(sorted(keys - {KEY}), 1)}


def sorting(table: Table, order: tuple[Order, ...]) -> Document:
    """By which keys to sort, in that order."""
    found = paths(table)
    return {found[one.column]: -1 if one.descending else 1 for one in order}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Which documents a statement reaches, which keys of them are wanted, and how they are read.

    single: at most one document can match. checked: what is assigned may break a reference.
    """

    filter: Filter
    projection: Document | None
    read: Reader
    single: bool = False
    checked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Found):
    """A select. stages: the pipeline from the values, where a plain `find` is not enough; else it is empty."""

    sort: Document
    limit: Slot | None
    offset: Slot | None
    stages: Callable[[Values], Pipeline] | None


class Shapes:
    """What was made of statements, by statement: a bounded number of them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._kept: dict[Statement, Any] = {}

    def select(self, statement: Select) -> Asked:
        """Made from a select."""
        kept: Asked | None = self._kept.get(statement)
        return kept or self._keep(statement, asked(statement))

    def found(self, statement: Update | Increment | Delete | Upsert | Count) -> Found:
        """Made from a statement that counts or changes what is there."""
        kept: Found | None = self._kept.get(statement)
        return kept or self._keep(statement, _found(statement, self._layout))

    def _keep(self, statement: Statement, made: Any) -> Any:
        if len(self._kept) >= MAX_SHAPES:
            self._kept.pop(next(iter(self._kept)))
        self._kept[statement] = made
        return made


def _found(statement: Update | Increment | Delete | Upsert | Count, layout: Layout) -> Found:
    table = statement.table
    columns = () if isinstance(statement, Count) else statement.returning
    assigned = () if isinstance(statement, Count | Delete) else statement.assignments
    condition = _of_key(statement) if isinstance(statement, Upsert) else statement.condition
    return Found(
        filter=filter_of(condition, table),
        projection=projection(table, columns) if columns else {KEY: 1},
        read=reader(table, columns),
        single=pinned_key(table, condition) is not None,
        checked=are_checked(layout, table, [column for column, _ in assigned]),
    )


def _of_key(statement: Upsert) -> Condition:
    """Which document has the key that a new one would have."""
    return AllOf(tuple([Test(column, "eq", statement.columns.index(column)) for column in statement.key]))


def are_checked(layout: Layout, table: Table, assigned: Collection[str]) -> bool:
    """Whether an assignment to these columns may break a reference."""
    own = any(key.column in assigned for key in table.foreign_keys)
    return own or any(key.target_column in assigned for _, key in layout.children(table))


def new_document(table: Table, columns: tuple[str, ...], row: Row) -> Document:
    """A document with the values of a row."""
    found = paths(table)
    return {found[column]: value for column, value in zip(columns, row, strict=False)}


def asked(statement: Select) -> Asked:
    """The shape of a select."""
    table = statement.table
    base = Asked(
        filter=filter_of(statement.condition, table),
        projection=projection(table, statement.columns),
        read=reader(table, statement.columns),
        sort=sorting(table, statement.order),
        limit=statement.limit,
        offset=statement.offset,
        stages=None,
    )
    if not (statement.joins or statement.per_parent):
        return base
    return Asked(
        filter=base.filter,
        projection=base.projection,
        read=_reader_with_joins(statement) if statement.joins else base.read,
        sort=base.sort,
        limit=base.limit,
        offset=base.offset,
        stages=_stages(statement, base),
    )


def _stages(statement: Select, base: Asked) -> Callable[[Values], Pipeline]:
    """Matched, sorted and cut to size first; only what is left is joined."""
    joins = [_lookup(statement.table, join, f"{JOINED}{at}") for at, join in enumerate(statement.joins)]
    per_parent = statement.per_parent
    parent = f"${paths(statement.table)[per_parent.column]}" if per_parent else ""
    wanted = None
    if base.projection is not None:
        wanted = {**base.projection, **{f"{JOINED}{at}": 1 for at in range(len(joins))}}

    def stages(values: Values) -> Pipeline:
        made: Pipeline = [{"$match": base.filter(values)}]
        if per_parent:
            rank = {"partitionBy": parent, "sortBy": base.sort, "output": {RANK: {"$sum": 1, "window": UP_TO_HERE}}}
            made += [{"$setWindowFields": rank}, {"$match": {RANK: {"$lte": values[per_parent.slot]}}}]
        if base.sort:
            made.append({"$sort": base.sort})
        if base.offset is not None:
            made.append({"$skip": values[base.offset]})
        if base.limit is not None:
            made.append({"$limit": values[base.limit]})
        made += [join(values) for join in joins]
        if wanted is not None:
            made.append({"$project": wanted})
        return made

    return stages


def _lookup(table: Table, join: JoinOne, name: str) -> Callable[[Values], Document]:
    """The stage that puts the one document of a join, or none, under `name`."""
    found = paths(join.table)
    target = found[join.target_column]
    matches = filter_of(join.condition, join.table)
    present: Pipeline = []
    if join.table.columns[join.target_column].nullable:  # otherwise NULL would meet NULL
        present = [{"$match": {target: {"$ne": None}}}]
    wanted = projection(join.table, join.columns)
    projected: Pipeline = [] if wanted is None else [{"$project": wanted}]
    stage = {"from": join.table.name, "localField": paths(table)[join.column], "foreignField": target, "as": name}
    whole: Document = {"$lookup": {**stage, "pipeline": [*present, {"$limit": 1}, *projected]}}
    if join.condition == AllOf(()):
        return lambda _: whole

    def lookup(values: Values) -> Document:
        narrowed = {"$match": matches(values)}
        return {"$lookup": {**stage, "pipeline": [*present, narrowed, {"$limit": 1}, *projected]}}

    return lookup


def _reader_with_joins(statement: Select) -> Reader:
    own = reader(statement.table, statement.columns)
    joins = [
        (f"{JOINED}{at}", reader(join.table, join.columns), (None,) * len(join.columns))
        for at, join in enumerate(statement.joins)
    ]

    def read(document: Mapping[str, Any]) -> Row:
        row = own(document)
        for name, joined, absent in joins:
            found = document[name]
            row += joined(found[0]) if found else absent
        return row

    return read


def changes_of(statement: Update | Increment | Upsert, values: Values) -> Document:
    """What a statement assigns, by key."""
    found = paths(statement.table)
    return {found[column]: values[slot] for column, slot in statement.assignments}


def increments_of(statement: Increment, values: Values) -> Document:
    """What a statement adds, by key."""
    found = paths(statement.table)
    return {found[column]: values[slot] for column, slot in statement.increments}


def sums_of(statement: Increment, values: Values) -> Pipeline:
    """A change that adds, NULL counting as 0, and raises where a sum does not fit; what is assigned is literal."""
    found = paths(statement.table)
    changed: Document = {key: {"$literal": value} for key, value in changes_of(statement, values).items()}
    for column, slot in statement.increments:
        whole = statement.table.columns[column].kind == "integer"
        changed[found[column]] = (_whole_sum if whole else _sum)(f"${found[column]}", values[slot])
    return [{"$set": changed}]


def _whole_sum(field: str, delta: int) -> Document:
    """A sum of 64-bit integers that is too large comes out as a double. Its fourfold fits no integer: an error."""
    total = {"$add": [{"$toLong": {"$ifNull": [field, 0]}}, delta]}
    refused = {"$toLong": {"$multiply": ["$$sum", 4]}}
    checked = {"$cond": [{"$eq": [{"$type": "$$sum"}, "long"]}, "$$sum", refused]}
    return {"$let": {"vars": {"sum": total}, "in": checked}}


def _sum(field: str, delta: float) -> Document:
    """An infinite sum is no integer either."""
    total = {"$add": [{"$toDouble": {"$ifNull": [field, 0]}}, delta]}
    checked = {"$cond": [{"$lt": [{"$abs": "$$sum"}, float("inf")]}, "$$sum", {"$toLong": "$$sum"}]}
    return {"$let": {"vars": {"sum": total}, "in": checked}}
