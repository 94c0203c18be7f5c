"""Each question becomes a plan once: the statement, the conversions of its values, and the decoder of its rows.

The key of a plan is the question without its values (and without the length of an `in`), so that the same question
asked again finds its plan, and a backend finds what it made of the plan's statement.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from auth_adapters.checks import check_changes, check_deltas, check_guarded, check_ids, check_key
from auth_adapters.codec import Codec, Decoder, FieldCodec, ModelCodec
from auth_adapters.conditions import AskedFor, compile_predicate, encode_values, parsable, read_where
from auth_adapters.errors import InvalidQueryError
from auth_adapters.ids import Unparsable
from auth_adapters.joins import JoinAsked, JoiningDecoder, encode_followed, plan_joins, read_joins
from auth_adapters.paging import MAX_PAGE, After, Sorting, after_condition, check_page, orders, read_after, read_sort
from auth_adapters.physical import (
    AllOf,
    Condition,
    Count,
    Delete,
    Increment,
    Insert,
    Select,
    Update,
    Upsert,
    Values,
    pinned_key,
    tests_of,
)
from auth_adapters.plans import Asked, Name, Plan, PlanCache, Usual, usual_name, usual_words
from auth_adapters.query import Join

__all__ = ["Asked", "Plan", "Planner"]

ONE: Final = (1,)
SEQUENCES: Final = frozenset({tuple, list})


class Planner:
    """The plans of one schema on one backend. native_joins: whether a join to one travels in the statement."""

    def __init__(self, codec: Codec, *, native_joins: bool) -> None:
        self.codec = codec
        self._native_joins = native_joins
        self._cache = PlanCache()
        self._usual = PlanCache()

    def insert(self, model: Name, rows: Sequence[Mapping[str, Any]], force_id: bool) -> Asked[Insert]:
        """New records; the values are their rows."""
        codec = self.codec.model(model)
        with_id = codec.generated is None or (force_id and check_ids(codec, rows))
        values = tuple([codec.encode_new(data, force_id=force_id) for data in rows])
        plan = self._cache.find(("insert", codec.name, with_id), lambda: _insert(codec, with_id))
        return Asked(codec, plan, values)

    def find(
        self,
        model: Name,
        where: Any,
        select: Collection[str] | None,
        join: Collection[str] | Mapping[str, Join],
        sort: Sequence[str],
        limit: int | None,
        *,
        offset: int = 0,
        after: Any = None,
        single: bool = False,
    ) -> Asked[Select]:
        """Records, sorted, joined and paged. single: one is enough, and any will do unless sorted."""
        words = None
        if (
            type(where) is dict
            and type(join) in SEQUENCES
            and type(sort) in SEQUENCES
            and (select is None or type(select) in SEQUENCES)
            and (limit is None or (type(limit) is int and 0 <= limit <= MAX_PAGE))
            and type(offset) is int
            and not offset
            and after is None
            and (name := model if type(model) is str else usual_name(model))
        ):  # what else is wrong with a question is found when it is asked first
            fields = None if select is None else tuple(select)
            words = (name, tuple(where), fields, tuple(join), tuple(sort), limit is None, single)
            if asked := self._again(words, where, () if limit is None else (limit,)):
                return asked
        return self._kept(
            words, where, self._ask(model, where, select, join, sort, limit, offset, after, single=single)
        )

    def _again(
        self, words: Hashable | None, where: Any, own: Iterable[Any] = (), changes: Mapping[str, Any] | None = None
    ) -> Asked[Any] | None:
        """What was asked before in the same words, now with these values, the statement's own or its changes last; None
        where the words now mean another question, since a value is None or no id at all.
        """
        values = []
        try:
            kept: Usual | None = self._usual.get(words)
            if kept is None:
                return None
            model, plan, followed, usual_changes = kept
            for encode, value in zip(plan.encoders, where.values()):  # noqa: B905  (the words hold the names)
                if value is None:
                    return None
                values.append(encode(value))
        except (TypeError, Unparsable):  # words that cannot be hashed are those of no question
            return None
        if changes is None:
            values.extend(own)
        else:
            encoded = usual_changes and usual_changes.encode(changes)
            values.extend(model.encode_changes(changes).values() if encoded is None else encoded)
        return Asked(model, plan, tuple(values), followed)

    def _kept(
        self, words: Hashable | None, where: Any, asked: Asked[Any], changes: Collection[str] | None = None
    ) -> Asked[Any]:
        """What was asked, which is found by its words from now on if it asks for equality only.

        changes: the fields that it changes.
        """
        if not words or any(value is None for value in where.values()):
            return asked
        if all(test.op == "eq" for test in tests_of(asked.statement.condition)):
            usual = asked.model.usual_changes
            new = (asked.model, asked.plan, asked.followed)
            self._usual.find(words, lambda: Usual(*new, None if changes is None else usual(changes)))
        return asked

    def _ask(
        self,
        model: Name,
        where: Any,
        select: Collection[str] | None,
        join: Collection[str] | Mapping[str, Join],
        sort: Sequence[str],
        limit: int | None,
        offset: int,
        after: Any,
        *,
        single: bool,
    ) -> Asked[Select]:
        codec = self.codec.model(model)
        check_page(limit, offset)
        sorting = read_sort(codec, sort) if sort or not single else ()
        past = read_after(codec, sorting, after) if after is not None else None
        if select is not None:
            select = tuple(field.name for field in codec.selected(select))
        page = _Page(codec, select, sorting, past, limit, offset, single)
        asked = read_where(where)
        joins = self._read_joins(join) if join else ()
        try:
            return self._find(page, asked, joins)
        except Unparsable:
            asked = read_where(parsable(codec, asked.predicate()))
            return self._find(page, asked, tuple(one.parsable(self.codec) for one in joins))

    def _read_joins(self, join: Collection[str] | Mapping[str, Join]) -> tuple[JoinAsked, ...]:
        """Joins by name alone are always the same."""
        if isinstance(join, list | tuple) and all(isinstance(name, str) for name in join):
            joins: tuple[JoinAsked, ...] = self._cache.find(("joins", *join), lambda: read_joins(join))
            return joins
        return read_joins(join)

    def _find(self, page: "_Page", asked: AskedFor, joins: tuple[JoinAsked, ...]) -> Asked[Select]:
        key = (page.key, asked.key, tuple([one.key for one in joins]) if joins else ())
        plan: Plan[Select] = self._cache.find(key, lambda: self._plan_find(page, asked, joins))
        if plan.joining is None:
            return Asked(page.codec, plan, encode_values(plan.encoders, asked.values) + page.values)
        inline = plan.joining.inline
        joined = tuple([value for one in joins for value in one.where.values if one.name in inline])
        values = encode_values(plan.encoders, asked.values + joined) + page.values
        return Asked(page.codec, plan, values, encode_followed(plan.joining, joins))

    def _plan_find(self, page: "_Page", asked: AskedFor, joins: tuple[JoinAsked, ...]) -> Plan[Select]:
        codec = page.codec
        fields = codec.selected(page.select)
        own = tuple(field.column for field in fields) or codec.table.primary_key[:1]
        where = compile_predicate(codec, asked.predicate())
        joining = None
        encoders = where.encoders
        if joins:
            joining = plan_joins(
                self.codec, codec, joins, native=self._native_joins, width=len(own), first_slot=len(encoders)
            )
            encoders += joining.encoders
        condition, slot = where.condition, len(encoders)
        if page.past:
            condition = AllOf((condition, after_condition(codec, page.sorting, page.past.nulls, slot)))
            slot += len(page.past.values)
        statement = Select(
            table=codec.table,
            columns=(*own, *(joining.hidden if joining else ())),
            condition=condition,
            order=orders(codec, page.sorting),
            limit=None if page.limit is None or (page.single and pinned_key(codec.table, condition)) else slot,
            offset=slot + (page.limit is not None) if page.offset else None,
            joins=joining.ones if joining else (),
        )
        decode = Decoder(fields)
        if joining is None or not joining.in_row:
            return Plan(statement=statement, encoders=encoders, decode=decode, joining=joining)
        both = JoiningDecoder(decode, joining.in_row)
        return Plan(statement=statement, encoders=encoders, decode=both, joining=joining)

    def count(self, model: Name, where: Any) -> Asked[Count]:
        """How many records match."""
        words = usual_words("count", model, where) if type(where) is dict else None
        if asked := self._again(words, where):
            return asked
        codec = self.codec.model(model)
        counted = self._conditioned(
            "count", codec, where, lambda condition, _: Count(table=codec.table, condition=condition)
        )
        return self._kept(words, where, counted)

    def update(self, model: Name, where: Any, changes: Mapping[str, Any], *, one: bool) -> Asked[Update]:
        """New values for one record or for all that match."""
        words = None
        if type(where) is dict and type(changes) is dict:
            words = usual_words("update" if one else "update_many", model, where, tuple(changes))
            if asked := self._again(words, where, changes=changes):
                return asked
        return self._kept(words, where, self._update(model, where, changes, one=one), changes)

    def _update(self, model: Name, where: Any, changes: Mapping[str, Any], *, one: bool) -> Asked[Update]:
        codec = self.codec.model(model)
        check_guarded(codec, where, allow_all=not one)
        check_changes(codec, changes)
        encoded = codec.encode_changes(changes)
        columns = tuple(encoded)

        def make(condition: Condition, first: int) -> Update:
            returning = _columns(codec) if one else ()
            assignments = tuple((column, first + at) for at, column in enumerate(columns))
            return Update(table=codec.table, condition=condition, assignments=assignments, returning=returning)

        return self._conditioned("update" if one else "update_many", codec, where, make, columns, encoded.values())

    def increment(
        self, model: Name, where: Any, increment: Mapping[str, Any], changes: Mapping[str, Any] | None
    ) -> Asked[Increment]:
        """Numbers to add to one record that matches, and other new values for it."""
        codec = self.codec.model(model)
        check_guarded(codec, where, allow_all=False)
        deltas = check_deltas(codec, increment)
        if both := [name for name in changes or {} if name in increment]:
            raise InvalidQueryError(f"{codec.name}.{both[0]} is both incremented and changed")
        encoded = codec.encode_changes(changes or {}, taken=increment)
        added, changed = tuple(deltas), tuple(encoded)

        def make(condition: Condition, first: int) -> Increment:
            return Increment(
                table=codec.table,
                condition=condition,
                increments=tuple((column, first + at) for at, column in enumerate(added)),
                assignments=tuple((column, first + len(added) + at) for at, column in enumerate(changed)),
                returning=_columns(codec),
            )

        values = (*deltas.values(), *encoded.values())
        return self._conditioned("increment", codec, where, make, (added, changed), values)

    def delete(self, model: Name, where: Any, *, one: bool, returning: bool = False) -> Asked[Delete]:
        """One record, or all that match, to be removed."""
        words = None
        if type(where) is dict:
            words = usual_words("delete", model, where, (one, returning))
            if asked := self._again(words, where, ONE if one else ()):
                return asked
        return self._kept(words, where, self._delete(model, where, one=one, returning=returning))

    def _delete(self, model: Name, where: Any, *, one: bool, returning: bool) -> Asked[Delete]:
        codec = self.codec.model(model)
        check_guarded(codec, where, allow_all=not one)
        return self.delete_batch(codec.name, where, limit=1 if one else None, returning=returning)

    def delete_batch(self, model: Name, where: Any, *, limit: int | None, returning: bool = False) -> Asked[Delete]:
        """At most `limit` records that match, to be removed."""
        codec = self.codec.model(model)

        def make(condition: Condition, first: int) -> Delete:
            return Delete(
                table=codec.table,
                condition=condition,
                limit=None if limit is None else first,
                returning=_columns(codec) if returning else (),
            )

        page = () if limit is None else (limit,)
        return self._conditioned("delete", codec, where, make, (limit is None, returning), page)

    def upsert(
        self, model: Name, data: Mapping[str, Any], on: Sequence[str], changes: Mapping[str, Any] | None
    ) -> Asked[Upsert]:
        """A record to insert, or what to change of the one that has the same key."""
        codec = self.codec.model(model)
        key = check_key(codec, data, on)
        if changes is None:
            kept = {*key, *codec.model.primary_key}
            changes = {name: value for name, value in data.items() if name not in kept}
            encoded = codec.encode_changes(changes)
        else:
            encoded = codec.encode_changes(changes) if changes else {}
        row = codec.encode_new(data, force_id=False)
        columns = tuple(encoded)
        plan = self._cache.find(("upsert", codec.name, key, columns), lambda: _upsert(codec, key, columns))
        return Asked(codec, plan, (*row, *encoded.values()))

    def _conditioned(
        self,
        verb: str,
        codec: ModelCodec,
        where: Any,
        make: Callable[[Condition, int], Any],
        form: Hashable = None,
        own: Collection[Any] = (),
    ) -> Asked[Any]:
        """A statement with a condition; its own values have the slots behind the condition's."""
        asked = read_where(where)

        def plan() -> Plan[Any]:
            compiled = compile_predicate(codec, asked.predicate())
            statement = make(compiled.condition, len(compiled.encoders))
            return Plan(statement=statement, encoders=compiled.encoders, decode=codec.decode)

        found: Plan[Any] = self._cache.find((verb, codec.name, asked.key, form), plan)
        try:
            values = encode_values(found.encoders, asked.values)
        except Unparsable:
            where = parsable(codec, asked.predicate())
            return self._conditioned(verb, codec, where, make, form, own)
        return Asked(codec, found, (*values, *own))


class _Page(NamedTuple):
    codec: ModelCodec
    select: Collection[str] | None
    sorting: Sorting
    past: After | None
    limit: int | None
    offset: int
    single: bool

    @property
    def key(self) -> Hashable:
        past = self.past.nulls if self.past else None
        paged = (self.limit is None, self.offset == 0, self.single)
        return ("find", self.codec.name, self.select, self.sorting, past, paged)

    @property
    def values(self) -> Values:
        page: Values = () if self.limit is None else (self.limit,)
        if self.offset:
            page = (*page, self.offset)
        return (*self.past.values, *page) if self.past else page


def _columns(codec: ModelCodec) -> tuple[str, ...]:
    return tuple(field.column for field in codec.fields.values())


def _insert(codec: ModelCodec, with_id: bool) -> Plan[Insert]:
    returning = () if codec.generated is None or with_id else (codec.fields[codec.generated].column,)
    statement = Insert(table=codec.table, columns=codec.insert_columns(with_id=with_id), returning=returning)
    return Plan(statement=statement, encoders=(), decode=codec.decode)


def _upsert(codec: ModelCodec, key: tuple[str, ...], columns: tuple[str, ...]) -> Plan[Upsert]:
    inserted = codec.insert_columns(with_id=codec.generated is None)
    fields: list[FieldCodec] = [codec.fields[name] for name in key]
    statement = Upsert(
        table=codec.table,
        columns=inserted,
        key=tuple(field.shadow or field.column for field in fields),
        assignments=tuple((column, len(inserted) + at) for at, column in enumerate(columns)),
        returning=_columns(codec),
    )
    return Plan(statement=statement, encoders=(), decode=codec.decode)
