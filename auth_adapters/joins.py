"""Joins: which reference links two models, and how the joined records are fetched and put in place.

A join to one record travels in the same statement where the backend can do that. Every other join is one more
statement for all parents together, issued by `follow` in plain sight; where they are very many, for so many at a time.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from auth_adapters.codec import Codec, Decoder, ModelCodec
from auth_adapters.conditions import AskedFor, Compiled, compile_predicate, encode_values, parsable, read_where
from auth_adapters.errors import InvalidQueryError
from auth_adapters.paging import check_page, orders, read_sort
from auth_adapters.physical import AllOf, Condition, JoinOne, PerParent, Row, Select, Test, Values
from auth_adapters.portions import portions
from auth_adapters.query import Direction, Join, Record
from auth_adapters.values import Convert

__all__ = [
    "Followed",
    "InRow",
    "JoinAsked",
    "Joining",
    "JoiningDecoder",
    "encode_followed",
    "follow",
    "plan_joins",
    "read_joins",
]

RunSelect: TypeAlias = Callable[[Select, Values], Awaitable[list[Row]]]


class JoinAsked(NamedTuple):
    """One entry of `join`. key: what the plan depends on, which is it without its values."""

    name: str
    join: Join
    where: AskedFor
    key: tuple[Any, ...]

    @classmethod
    def of(cls, name: str, join: Join, where: AskedFor) -> "JoinAsked":
        """The entry, its key made once."""
        select = None if join.select is None else tuple(join.select)
        which = (name, join.model, join.on, join.direction)
        return cls(name, join, where, (*which, select, where.key, tuple(join.sort), join.limit is None))

    def parsable(self, codec: Codec) -> "JoinAsked":
        """The same without comparisons against what is no id."""
        where = parsable(codec.model(self.join.model), self.where.predicate())
        return JoinAsked.of(self.name, self.join, read_where(where))


class Link(NamedTuple):
    """parent_column of the parent equals child_column of the joined table. single: at most one joined row."""

    parent_column: str
    child_column: str
    single: bool


class InRow(NamedTuple):
    """A joined record in its parent's row, from `start` to `end`: present if the value at `marker` is not NULL."""

    name: str
    start: int
    end: int
    marker: int
    decode: Decoder


class JoiningDecoder:
    """From a row to its record and to those that come in the same row."""

    __slots__ = ("decode", "in_row")

    def __init__(self, decode: Decoder, in_row: tuple[InRow, ...]) -> None:
        self.decode: Decoder = decode
        self.in_row: tuple[InRow, ...] = in_row

    def __call__(self, row: Row) -> Record:
        record = self.decode(row)
        for name, start, end, marker, decode in self.in_row:
            record[name] = None if row[marker] is None else decode(row[start:end])
        return record


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """Joined records that one more statement fetches for many parents. Slot 0 takes the parents' keys.

    at: where a parent's row holds its key. encoders: of the values from slot 1 on.
    """

    name: str
    at: int
    single: bool
    statement: Select
    encoders: tuple[Convert, ...]
    decode: Decoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Joining:
    """All joins of a select. hidden: columns that the parent's rows carry for them. inline: the names of `in_row`."""

    ones: tuple[JoinOne, ...]
    encoders: tuple[Convert, ...]
    hidden: tuple[str, ...]
    in_row: tuple[InRow, ...]
    inline: frozenset[str]
    followed: tuple[Followed, ...]


def read_joins(join: Collection[str] | Mapping[str, Join]) -> tuple[JoinAsked, ...]:
    """Take a `join` apart. Raises `InvalidQueryError` for anything but names or a mapping to `Join`."""
    if not join:
        return ()
    if isinstance(join, str) or not isinstance(join, Collection):
        raise InvalidQueryError(f"join takes a list of models or a mapping, not one {type(join).__name__}")
    named = join.items() if isinstance(join, Mapping) else [(name, Join(model=name)) for name in join]
    asked = []
    for name, one in named:
        if not isinstance(one, Join) or not isinstance(name, str):
            raise InvalidQueryError("a join is the name of a model, or a key with Join(model=...)")
        if not isinstance(one.model, str) or not isinstance(one.on, str | None):
            raise InvalidQueryError(f"join {name!r}: model and on are names")
        if one.direction not in (None, "forward", "backward"):
            raise InvalidQueryError(f'join {name!r}: direction is "forward" or "backward"')
        for fields in (one.select or (), one.sort):
            listed = isinstance(fields, Collection) and not isinstance(fields, str)
            if not listed or not all(isinstance(entry, str) for entry in fields):
                raise InvalidQueryError(f"join {name!r}: select and sort take lists of fields")
        check_page(one.limit, 0)
        asked.append(JoinAsked.of(name, one, read_where(one.where)))
    return tuple(asked)


def find_link(codec: Codec, parent: ModelCodec, asked: JoinAsked) -> Link:
    """The one reference that links the two models; `InvalidQueryError` if there is none or more than one."""
    child = codec.model(asked.join.model)
    links: dict[tuple[str, Direction], Link] = {}
    for name, field in parent.fields.items():
        reference = field.field.references
        if reference and reference.model == child.name:
            target = child.fields[reference.field]
            links[name, "forward"] = Link(field.column, target.column, single=True)
    for name, field in child.fields.items():
        reference = field.field.references
        if reference and reference.model == parent.name:
            single = (name,) in child.model.unique_keys
            links[name, "backward"] = Link(parent.fields[reference.field].column, field.column, single=single)
    on, direction = asked.join.on, asked.join.direction
    fitting = [link for key, link in links.items() if on in (None, key[0]) and direction in (None, key[1])]
    if len(fitting) != 1:
        holders = {"forward": parent.name, "backward": child.name}
        known = ", ".join(f"{holders[way]}.{name} ({way})" for name, way in links) or "none"
        problem = "no reference" if not fitting else "more than one reference"
        raise InvalidQueryError(
            f"join {asked.name!r}: {problem} between {parent.name!r} and {child.name!r}"
            f"{f' called {on!r}' if on else ''}{f', {direction}' if direction else ''}; there are: {known}"
        )
    return fitting[0]


def plan_joins(
    codec: Codec, parent: ModelCodec, asked: tuple[JoinAsked, ...], *, native: bool, width: int, first_slot: int
) -> Joining:
    """Plan the joins of a select whose rows have `width` columns of their own and slots up to `first_slot`."""
    links = [(one, find_link(codec, parent, one)) for one in asked]
    for one, link in links:
        if one.name in parent.fields:
            raise InvalidQueryError(f"join {one.name!r}: {parent.name!r} has a field of that name; choose another key")
        if link.single and (one.join.sort or one.join.limit is not None):
            raise InvalidQueryError(f"join {one.name!r} gives one record: it takes no sort and no limit")
    inline = [(one, link) for one, link in links if native and link.single]
    others = [(one, link) for one, link in links if not (native and link.single)]
    hidden = tuple(dict.fromkeys(link.parent_column for _, link in others))
    followed = tuple(_plan_followed(codec, one, link, width + hidden.index(link.parent_column)) for one, link in others)
    ones: list[JoinOne] = []
    in_row: list[InRow] = []
    encoders: tuple[Convert, ...] = ()
    start = width + len(hidden)
    for one, link in inline:
        joined, where = _plan_one(codec, one, link, first_slot + len(encoders))
        ones.append(joined)
        in_row.append(_in_row(codec, one, joined, start))
        encoders += where.encoders
        start += len(joined.columns)
    return Joining(
        ones=tuple(ones),
        encoders=encoders,
        hidden=hidden,
        in_row=tuple(in_row),
        inline=frozenset(one.name for one in in_row),
        followed=followed,
    )


def _plan_one(codec: Codec, asked: JoinAsked, link: Link, first_slot: int) -> tuple[JoinOne, Compiled]:
    """A join that travels in the statement, and its own condition. The key that it goes by is among its columns."""
    child = codec.model(asked.join.model)
    where = compile_predicate(child, asked.where.predicate(), first_slot)
    columns = tuple(field.column for field in child.selected(asked.join.select))
    return JoinOne(
        table=child.table,
        column=link.parent_column,
        target_column=link.child_column,
        columns=columns if link.child_column in columns else (*columns, link.child_column),
        condition=where.condition,
    ), where


def _in_row(codec: Codec, asked: JoinAsked, joined: JoinOne, start: int) -> InRow:
    """Where the columns of a join are, in rows in which they begin at `start`."""
    fields = codec.model(asked.join.model).selected(asked.join.select)
    marker = start + joined.columns.index(joined.target_column)
    return InRow(name=asked.name, start=start, end=start + len(fields), marker=marker, decode=Decoder(fields))


def _plan_followed(codec: Codec, asked: JoinAsked, link: Link, at: int) -> Followed:
    child = codec.model(asked.join.model)
    fields = child.selected(asked.join.select)
    where = compile_predicate(child, asked.where.predicate(), 1)
    condition: Condition = AllOf((Test(link.child_column, "in", 0), where.condition))
    per_parent = None
    if asked.join.limit is not None:
        per_parent = PerParent(link.child_column, 1 + len(where.encoders))
    statement = Select(
        table=child.table,
        columns=(*(field.column for field in fields), link.child_column),
        condition=condition,
        order=() if link.single else orders(child, read_sort(child, asked.join.sort)),
        per_parent=per_parent,
    )
    return Followed(
        name=asked.name,
        at=at,
        single=link.single,
        statement=statement,
        encoders=where.encoders,
        decode=Decoder(fields),
    )


def encode_followed(joining: Joining, asked: tuple[JoinAsked, ...]) -> tuple[Values, ...]:
    """The values of each followed join's own conditions, its limit last."""
    by_name = {one.name: one for one in asked}
    encoded = []
    for followed in joining.followed:
        one = by_name[followed.name]
        values = encode_values(followed.encoders, one.where.values)
        encoded.append(values if one.join.limit is None else (*values, one.join.limit))
    return tuple(encoded)


async def follow(
    select: RunSelect, joining: Joining, values: tuple[Values, ...], rows: Sequence[Row], records: Sequence[Record]
) -> None:
    """Fetch what the followed joins ask for and put it into the parents' records, each of which has its own of it.

    A parent's children all come from one statement, in their order.
    """
    for followed, own in zip(joining.followed, values, strict=True):
        keys = list(dict.fromkeys(row[followed.at] for row in rows if row[followed.at] is not None))
        found: dict[Any, list[Row]] = {}
        for portion in portions(keys):
            for child in await select(followed.statement, (portion, *own)):
                found.setdefault(child[-1], []).append(child[:-1])
        for row, record in zip(rows, records, strict=True):
            children = found.get(row[followed.at], ())
            if followed.single:
                record[followed.name] = followed.decode(children[0]) if children else None
            else:
                record[followed.name] = [followed.decode(one) for one in children]
