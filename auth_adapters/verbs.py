"""The verbs of an adapter: ask the planner, run the one statement, decode. The same for every kind of adapter."""

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from auth_adapters.codec import utc_moment
from auth_adapters.errors import InvalidQueryError
from auth_adapters.joins import follow
from auth_adapters.observation import Observation, Observer, rows_of
from auth_adapters.paging import check_batch, read_sort
from auth_adapters.physical import Row, Select
from auth_adapters.planning import Asked, Planner
from auth_adapters.protocols import Executor
from auth_adapters.query import All, Join, ModelRef, Predicate, Record, Where, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import utc_now

__all__ = ["Verbs"]

Name = ModelRef[Any] | str
Joins = Collection[str] | Mapping[str, Join]
PURGE_SECONDS: Final = 0.003
"""What a batch of a purge should take; the next one is smaller or larger by that."""
PURGE_LEAST: Final = 16
"""Records in its first batch, and in any: a slow disk's flush must not be paid for each of a few."""


class Verbs:
    """Every verb over some executor. What may be done when is for `_enter` and `_leave` of the subclasses to say."""

    def __init__(self, planner: Planner, executor: Executor, observe: Observer | None) -> None:
        self._planner = planner
        self._executor = executor
        self._observe = observe

    @property
    def schema(self) -> Schema:
        """What is stored."""
        return self._planner.codec.schema

    def _enter(self) -> None:
        """Called before a backend's verb; raises `AdapterStateError` if it may not run now."""
        raise NotImplementedError

    def _leave(self, error: BaseException | None) -> None:
        """Called after a backend's verb."""

    def _require(self, capability: str, what: str) -> None:
        raise NotImplementedError

    def _run(self, verb: str, model: str, call: Callable[..., Awaitable[Any]], *given: Any) -> Awaitable[Any]:
        """The only way to the backend: guarded and observed."""
        return self._guarded(verb, model, call, *given)

    async def _guarded(self, verb: str, model: str, call: Callable[..., Awaitable[Any]], *given: Any) -> Any:
        started = time.perf_counter() if self._observe else 0.0
        try:
            self._enter()
            try:
                result = await call(*given)
            except BaseException as error:
                self._leave(error)
                raise
            self._leave(None)
        except BaseException as error:
            self._tell(verb, model, started, None, error)
            raise
        if self._observe:
            self._tell(verb, model, started, result, None)
        return result

    def _tell(self, verb: str, model: str, started: float, result: Any, error: BaseException | None) -> None:
        if self._observe:
            duration = time.perf_counter() - started
            kind = type(error) if error else None
            self._observe(Observation(verb=verb, model=model, duration=duration, rows=rows_of(result), error=kind))

    async def _follow(self, asked: Asked[Select], rows: list[Row], records: list[Record]) -> None:
        """Put the records of followed joins into those of the rows."""
        joining = asked.plan.joining
        if joining is None or not rows:
            return

        async def select(statement: Select, values: Any) -> list[Row]:
            joined = statement.table.model
            found: list[Row] = await self._run("join", joined, self._executor.select, statement, values)
            return found

        await follow(select, joining, asked.followed, rows, records)

    async def create(
        self, model: Name, data: Mapping[str, Any], *, select: Collection[str] | None = None, force_id: bool = False
    ) -> Any:
        asked = self._planner.insert(model, [data], force_id)
        chosen = () if select is None else asked.model.selected(select)
        (returned,) = await self._run("create", asked.model.name, self._executor.insert, asked.statement, asked.values)
        record = asked.model.decode_new(asked.values[0], returned)
        return record if select is None else {one.name: record[one.name] for one in chosen}

    async def create_many(self, model: Name, rows: Sequence[Mapping[str, Any]], *, force_id: bool = False) -> list[Any]:
        if isinstance(rows, Mapping) or not isinstance(rows, Sequence):
            raise InvalidQueryError("create_many takes a list of records")
        if len(rows) > 1:
            self._require("atomic_batches", "create_many with more than one row")
        if not rows:
            self._planner.codec.model(model)
            return []
        asked = self._planner.insert(model, rows, force_id)
        returned = await self._run(
            "create_many", asked.model.name, self._executor.insert, asked.statement, asked.values
        )
        decode = asked.model.decode_new
        return [decode(row, made) for row, made in zip(asked.values, returned, strict=True)]

    async def find_one(
        self,
        model: Name,
        where: Where,
        *,
        select: Collection[str] | None = None,
        join: Joins = (),
        sort: Sequence[str] = (),
    ) -> Any:
        asked = self._planner.find(model, where, select, join, sort, 1, single=True)
        plan = asked.plan
        rows = await self._run("find_one", asked.model.name, self._executor.select, plan.statement, asked.values)
        if not rows:
            return None
        record = plan.decode(rows[0])
        if asked.followed:
            await self._follow(asked, rows[:1], [record])
        return record

    async def find_many(
        self,
        model: Name,
        where: Where | All | None = None,
        *,
        select: Collection[str] | None = None,
        sort: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
        after: Mapping[str, Any] | Sequence[Any] | None = None,
        join: Joins = (),
    ) -> list[Any]:
        asked = self._planner.find(model, where, select, join, sort, limit, offset=offset, after=after)
        plan = asked.plan
        rows = await self._run("find_many", asked.model.name, self._executor.select, plan.statement, asked.values)
        records = [plan.decode(row) for row in rows]
        if asked.followed:
            await self._follow(asked, rows, records)
        return records

    async def iterate(
        self,
        model: Name,
        where: Where | All | None = None,
        *,
        select: Collection[str] | None = None,
        sort: Sequence[str] = (),
        join: Joins = (),
        batch: int = 500,
    ) -> AsyncIterator[Any]:
        check_batch(batch)
        codec = self._planner.codec.model(model)
        asked_for = None if select is None else [one.name for one in codec.selected(select)]
        keys = [name for name, _ in read_sort(codec, sort)]
        fetched = None if asked_for is None else [*asked_for, *(key for key in keys if key not in asked_for)]
        dropped = [] if asked_for is None else [key for key in keys if key not in asked_for]
        after = None
        while True:
            records = await self.find_many(model, where, select=fetched, sort=sort, limit=batch, after=after, join=join)
            if records:
                after = [records[-1][key] for key in keys]
            for record in records:
                for key in dropped:
                    del record[key]
                yield record
            if len(records) < batch:
                return

    async def count(self, model: Name, where: Where | All | None = None) -> int:
        asked = self._planner.count(model, where)
        number: int = await self._run("count", asked.model.name, self._executor.count, asked.statement, asked.values)
        return number

    async def update(self, model: Name, where: Where, changes: Mapping[str, Any]) -> Any:
        asked = self._planner.update(model, where, changes, one=True)
        row = await self._run("update", asked.model.name, self._executor.update_one, asked.statement, asked.values)
        return asked.record(row)

    async def update_many(self, model: Name, where: Where | All, changes: Mapping[str, Any]) -> int:
        asked = self._planner.update(model, where, changes, one=False)
        number: int = await self._run(
            "update_many", asked.model.name, self._executor.update_many, asked.statement, asked.values
        )
        return number

    async def delete(self, model: Name, where: Where) -> bool:
        asked = self._planner.delete(model, where, one=True)
        number: int = await self._run("delete", asked.model.name, self._executor.delete, asked.statement, asked.values)
        return number > 0

    async def delete_many(self, model: Name, where: Where | All) -> int:
        asked = self._planner.delete(model, where, one=False)
        number: int = await self._run(
            "delete_many", asked.model.name, self._executor.delete, asked.statement, asked.values
        )
        return number

    async def consume_one(self, model: Name, where: Where) -> Any:
        asked = self._planner.delete(model, where, one=True, returning=True)
        row = await self._run(
            "consume_one", asked.model.name, self._executor.consume_one, asked.statement, asked.values
        )
        return asked.record(row)

    async def increment_one(
        self,
        model: Name,
        where: Where,
        increment: Mapping[str, Any],
        changes: Mapping[str, Any] | None = None,
    ) -> Any:
        if changes and isinstance(increment, Mapping) and not increment:
            return await self.update(model, where, changes)
        asked = self._planner.increment(model, where, increment, changes)
        row = await self._run(
            "increment_one", asked.model.name, self._executor.increment_one, asked.statement, asked.values
        )
        return asked.record(row)

    async def upsert(
        self,
        model: Name,
        data: Mapping[str, Any],
        *,
        on: Sequence[str],
        changes: Mapping[str, Any] | None = None,
    ) -> tuple[Any, bool]:
        asked = self._planner.upsert(model, data, on, changes)
        row, created = await self._run("upsert", asked.model.name, self._executor.upsert, asked.statement, asked.values)
        return asked.record(row), created

    async def purge_expired(self, *, now: datetime | None = None, batch: int = 1000) -> dict[str, int]:
        check_batch(batch)
        moment = utc_now() if now is None else utc_moment(now)
        purged = {}
        for name, model in self.schema.models.items():
            if model.expires is not None:
                purged[name] = await self._purge(name, field(model.expires).lte(moment), batch)
        return purged

    async def _purge(self, name: str, expired: Predicate, batch: int) -> int:
        """Remove in batches that take about `PURGE_SECONDS` each, so that others get their turn between them.

        Where even the shortest took longer, most of that is no matter of its size: they may take half as long again.
        They double until one takes too long, and grow by a quarter after that: twice as many may take far longer than
        twice as long.
        """
        purged, size, shortest, growth = 0, min(batch, PURGE_LEAST), math.inf, 2.0
        while True:
            asked = self._planner.delete_batch(name, expired, limit=size)
            started = time.perf_counter()
            removed: int = await self._run("purge_expired", name, self._executor.delete, asked.statement, asked.values)
            took = time.perf_counter() - started
            purged += removed
            if removed < size:
                return purged
            shortest = min(shortest, took)
            bound = max(PURGE_SECONDS, 1.5 * shortest)
            if took >= bound:
                growth = 1.25
            size = min(batch, max(PURGE_LEAST, int(size * (growth if took < bound else max(0.25, bound / took)))))
