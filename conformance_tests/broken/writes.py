"""Faults of create, update and delete."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from auth_adapters import (
    ALL,
    Backend,
    BackendAdapter,
    BackendError,
    InvalidValueError,
    Model,
    Naming,
    Observer,
    Schema,
    UniqueViolationError,
)
from auth_adapters.backends.memory import MemoryBackend, MemoryStore
from auth_adapters.physical import Delete, Insert, Row, Table, Update, Values
from auth_adapters.rules import unique_violation

__all__ = [
    "BatchIsNotAtomic",
    "CoercesValues",
    "CountsModified",
    "DeleteManyIsNotAtomic",
    "DeleteRemovesSeveral",
    "DropsUnknownFields",
    "EmptyWhereMeansAll",
    "IgnoresForcedIds",
    "IgnoresNaming",
    "IgnoresTransforms",
    "MissRaises",
    "NoneTakesTheDefault",
    "NoopUpdateIsAMiss",
    "NullsCollide",
    "QuotesWhatTransformsRefuse",
    "RefreshesOnce",
    "ReturnsStaleRow",
    "ReusesSerials",
    "ShufflesSerials",
    "SwallowsUnique",
    "TakesNaiveTimes",
    "UpdateChangesSeveral",
    "UpdateForgetsOnUpdate",
    "UpdateManyIsNotAtomic",
    "UpdateReplaces",
]


class SwallowsUnique(MemoryBackend):
    """A record that collides is reported as stored."""

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        try:
            return await super().insert(statement, rows)
        except UniqueViolationError:
            return [()] * len(rows)


class BatchIsNotAtomic(MemoryBackend):
    """`create_many` stores what comes before the row that fails."""

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        return [made for row in rows for made in await super(BatchIsNotAtomic, self).insert(statement, [row])]


class ShufflesSerials(MemoryBackend):
    """The ids of a batch come back in another order than its rows were given, as from RETURNING without care."""

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        return (await super().insert(statement, rows))[::-1]


class RowIds(MemoryStore):
    """Numbers one more than the largest that is there."""

    def next_serial(self, table: Table) -> int:
        (column,) = table.primary_key
        return max((row[column] for row in self.tables.of(table).values()), default=0) + 1


class ReusesSerials(MemoryBackend):
    """The id of a deleted record is given again, as rowids are."""

    make_store = RowIds


class UpdateChangesSeveral(MemoryBackend):
    """`update` changes every record that matches."""

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        for row in self._matching(statement.table, statement.condition, values)[1:]:
            self._change(statement, row, self._assigned(statement, values))
        return await super().update_one(statement, values)


class NoopUpdateIsAMiss(MemoryBackend):
    """An update that changes nothing finds nothing: it goes by the number of changed rows."""

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        if self._modified(statement, values):
            return await super().update_one(statement, values)
        return None

    def _modified(self, statement: Update, values: Values) -> list[dict[str, Any]]:
        assigned = self._assigned(statement, values)
        rows = self._matching(statement.table, statement.condition, values)
        return [row for row in rows if {**row, **assigned} != row]


class CountsModified(NoopUpdateIsAMiss):
    """`update_many` counts the records that it changed, not those that matched."""

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        return await MemoryBackend.update_one(self, statement, values)

    async def update_many(self, statement: Update, values: Values) -> int:
        modified = len(self._modified(statement, values))
        await super().update_many(statement, values)
        return modified


class ReturnsStaleRow(MemoryBackend):
    """`update` returns the record as it was."""

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        before = self._matching(statement.table, statement.condition, values, at_most=1)
        await super().update_one(statement, values)
        return tuple(before[0][column] for column in statement.returning) if before else None


class UpdateReplaces(MemoryBackend):
    """An update empties every optional field that it does not name."""

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        return await super().update_one(self.replacing(statement, len(values)), (*values, None))

    async def update_many(self, statement: Update, values: Values) -> int:
        return await super().update_many(self.replacing(statement, len(values)), (*values, None))

    def replacing(self, statement: Update, none: int) -> Update:
        """The statement with an assignment for every optional column."""
        assigned = {column for column, _ in statement.assignments}
        optional = [column.name for column in statement.table.columns.values() if column.nullable]
        emptied = tuple((name, none) for name in optional if name not in assigned)
        return replace(statement, assignments=(*statement.assignments, *emptied))


class UpdateForgetsOnUpdate(MemoryBackend):
    """`updated_at` stays as it was."""

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        kept = tuple(pair for pair in statement.assignments if pair[0] != "updated_at")
        return await super().update_one(replace(statement, assignments=kept), values)


class QuotesWhatTransformsRefuse(BackendAdapter):
    """The error for a value that does not fit shows it."""

    async def create(self, model: Any, data: Mapping[str, Any], **options: Any) -> Any:
        try:
            return await super().create(model, data, **options)
        except InvalidValueError as error:
            refused = str(error)
        raise InvalidValueError(f"{refused}: {data}")


class RefreshesOnce(BackendAdapter):
    """What `on_update` makes is made once, for every update."""

    def __init__(self, backend: Backend, *, schema: Schema | None = None, observe: Observer | None = None) -> None:
        super().__init__(backend, schema=schema, observe=observe)
        for codec in self._planner.codec.models.values():
            kept = [(name, functools.cache(made) if callable(made) else made) for name, made in codec._updating]
            codec._updating = tuple(kept)


class DeleteRemovesSeveral(MemoryBackend):
    """`delete` removes every record that matches."""

    async def delete(self, statement: Delete, values: Values) -> int:
        return await super().delete(replace(statement, limit=None), values)


class UpdateManyIsNotAtomic(MemoryBackend):
    """`update_many` keeps what it changed before the record that fails."""

    async def update_many(self, statement: Update, values: Values) -> int:
        rows = self._matching(statement.table, statement.condition, values)
        for row in rows:
            await self._write(lambda row=row: self._change(statement, row, self._assigned(statement, values)))  # type: ignore[misc]
        return len(rows)


class DeleteManyIsNotAtomic(MemoryBackend):
    """`delete_many` keeps what it removed before the record that refuses."""

    async def delete(self, statement: Delete, values: Values) -> int:
        if statement.limit is not None:
            return await super().delete(statement, values)
        removed = 0
        one = replace(statement, limit=len(values))
        while await super().delete(one, (*values, 1)):
            removed += 1
        return removed


class NullsCollide(MemoryBackend):
    """A second NULL in a unique key is taken for a duplicate."""

    def _store_new(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        for columns in table.unique_keys[1:]:
            held = [row[column] for column in columns]
            others = self._tables().of(table).values()
            if None in held and any([other[column] for column in columns] == held for other in others):
                raise unique_violation(table, columns)
        return super()._store_new(table, row)


class MissRaises(MemoryBackend):
    """Deleting what is not there is an error."""

    async def delete(self, statement: Delete, values: Values) -> int:
        removed = await super().delete(statement, values)
        if not removed:
            raise BackendError("no record was found to delete")
        return removed


class EmptyWhereMeansAll(BackendAdapter):
    """An empty `where` reaches the whole table."""

    async def update_many(self, model: Any, where: Any, changes: Mapping[str, Any]) -> int:
        return await super().update_many(model, ALL if where in ({}, None) else where, changes)

    async def delete_many(self, model: Any, where: Any) -> int:
        return await super().delete_many(model, ALL if where in ({}, None) else where)


class NoneTakesTheDefault(BackendAdapter):
    """An explicit None counts as a missing key."""

    async def create(self, model: Any, data: Mapping[str, Any], **options: Any) -> Any:
        return await super().create(model, {key: value for key, value in data.items() if value is not None}, **options)


class IgnoresForcedIds(BackendAdapter):
    """The adapter makes every id, whatever `force_id` says."""

    async def create(self, model: Any, data: Mapping[str, Any], **options: Any) -> Any:
        options.pop("force_id", None)
        return await super().create(model, {key: value for key, value in data.items() if key != "id"}, **options)


class DropsUnknownFields(BackendAdapter):
    """A field that does not exist is left out."""

    async def create(self, model: Any, data: Mapping[str, Any], **options: Any) -> Any:
        known = self._planner.codec.model(model).fields
        return await super().create(model, {key: value for key, value in data.items() if key in known}, **options)


class TakesNaiveTimes(BackendAdapter):
    """A time without a zone is taken for UTC."""

    async def create(self, model: Any, data: Mapping[str, Any], **options: Any) -> Any:
        guessed = {
            key: value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
            for key, value in data.items()
        }
        return await super().create(model, guessed, **options)


class CoercesValues(BackendAdapter):
    """A number is taken for a text."""

    async def create(self, model: Any, data: Mapping[str, Any], **options: Any) -> Any:
        fields = self._planner.codec.model(model).model.fields
        coerced = {
            key: str(value) if key in fields and fields[key].type == "string" and type(value) is int else value
            for key, value in data.items()
        }
        return await super().create(model, coerced, **options)


class IgnoresNaming(BackendAdapter):
    """Tables and columns have their logical names, whatever the schema says."""

    def __init__(self, backend: Backend, *, schema: Schema | None = None, observe: Observer | None = None) -> None:
        plain = replace(schema, naming=Naming()) if schema else None
        super().__init__(backend, schema=plain, observe=observe)


class IgnoresTransforms(BackendAdapter):
    """Transforms are not applied."""

    def __init__(self, backend: Backend, *, schema: Schema | None = None, observe: Observer | None = None) -> None:
        plain = (
            replace(schema, models={name: self.plain(model) for name, model in schema.models.items()})
            if schema
            else None
        )
        super().__init__(backend, schema=plain, observe=observe)

    def plain(self, model: Model) -> Model:
        """The model without transforms."""
        return replace(model, fields={name: replace(field, transforms=None) for name, field in model.fields.items()})
