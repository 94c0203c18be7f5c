"""Faults of the verbs that must be atomic: consume, increment, upsert, and purge."""

import asyncio
from dataclasses import replace
from typing import Any

from auth_adapters import UniqueViolationError
from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.physical import AllOf, Condition, Delete, Increment, Row, Upsert, Values
from auth_adapters.rules import added, unique_violation
from conformance_tests.broken.questions import each_test

__all__ = [
    "ConsumeInTwoSteps",
    "ConsumeSkipsLocked",
    "ConsumeTakesAll",
    "EmptyChangesOverwrite",
    "IncrementIgnoresGuard",
    "IncrementInTwoSteps",
    "IncrementSaturates",
    "IncrementWraps",
    "PurgeKeepsTheMoment",
    "PurgeTakesOneBatch",
    "UpsertAlwaysCreates",
    "UpsertGoesByTheFirstKey",
    "UpsertInTwoSteps",
    "UpsertTakesAnyKey",
]


class ConsumeInTwoSteps(MemoryBackend):
    """Finds a record, and deletes it a moment later: two may have found the same."""

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        found = self._matching(statement.table, statement.condition, values, at_most=1)
        await asyncio.sleep(0)
        for row in found:
            await super().delete(statement, values)
            return tuple(row[column] for column in statement.returning)
        return None


class ConsumeTakesAll(MemoryBackend):
    """Removes every record that matches, and returns the first."""

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        found = await super().consume_one(statement, values)
        await super().delete(replace(statement, limit=None), values)
        return found


class ConsumeSkipsLocked(MemoryBackend):
    """Says that there is none while somebody's transaction holds it."""

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        return None if self._store.writer.locked() else await super().consume_one(statement, values)


class IncrementInTwoSteps(MemoryBackend):
    """Reads a number, and writes the sum a moment later."""

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        found = self._matching(statement.table, statement.condition, values, at_most=1)
        await asyncio.sleep(0)
        if not found:
            return None
        sums = {column: added(found[0][column], values[slot]) for column, slot in statement.increments}
        changes = {**self._assigned(statement, values), **sums}
        return await self._write(lambda: self._change(statement, found[0], changes))


class IncrementIgnoresGuard(MemoryBackend):
    """Uses `where` to find the record by what it equals, not as a guard."""

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        return await super().increment_one(replace(statement, condition=self.unguarded(statement.condition)), values)

    def unguarded(self, condition: Condition) -> Condition:
        """The condition without bounds."""
        bounds = {"lt", "lte", "gt", "gte"}
        return each_test(condition, lambda test: AllOf(()) if test.op in bounds else test)


class Sums(MemoryBackend):
    """Makes another number of a sum that does not fit."""

    def bent(self, total: int) -> int:
        raise NotImplementedError

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        def work() -> Row | None:
            for row in self._matching(statement.table, statement.condition, values, at_most=1):
                sums = {column: (row[column] or 0) + values[slot] for column, slot in statement.increments}
                bent: dict[str, Any] = {
                    column: self.bent(total) if isinstance(total, int) else total for column, total in sums.items()
                }
                return self._change(statement, row, {**self._assigned(statement, values), **bent})
            return None

        return await self._write(work)


class IncrementWraps(Sums):
    """The largest number and one more is the smallest."""

    def bent(self, total: int) -> int:
        return (total + 2**63) % 2**64 - 2**63


class IncrementSaturates(Sums):
    """The largest number and one more is the largest."""

    def bent(self, total: int) -> int:
        return max(-(2**63), min(2**63 - 1, total))


class UpsertInTwoSteps(MemoryBackend):
    """Looks whether there is one, and inserts or updates a moment later."""

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        row = dict(zip(statement.columns, values, strict=False))
        wanted = [row[column] for column in statement.key]
        there = [
            stored
            for stored in self._tables().of(statement.table).values()
            if [stored[column] for column in statement.key] == wanted
        ]
        await asyncio.sleep(0)
        if there:
            return await super().upsert(statement, values)
        stored = await self._write(lambda: self._store_new(statement.table, row))
        return tuple(stored[column] for column in statement.returning), True


class UpsertAlwaysCreates(MemoryBackend):
    """`created` is a guess."""

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        row, _ = await super().upsert(statement, values)
        return row, True


class EmptyChangesOverwrite(MemoryBackend):
    """`changes={}` overwrites the record that is there."""

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        if not statement.assignments:
            kept = {*statement.key, *statement.table.primary_key}
            slots = [(column, slot) for slot, column in enumerate(statement.columns) if column not in kept]
            statement = replace(statement, assignments=tuple(slots))
        return await super().upsert(statement, values)


class UpsertTakesAnyKey(MemoryBackend):
    """A conflict on another key changes the record that holds that key, as ON DUPLICATE KEY does."""

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        try:
            return await super().upsert(statement, values)
        except UniqueViolationError as error:
            for columns in statement.table.unique_keys:
                if unique_violation(statement.table, columns).fields == error.fields:
                    return await super().upsert(replace(statement, key=columns), values)
            raise


class UpsertGoesByTheFirstKey(MemoryBackend):
    """A key declared before the one that is asked for refuses the record that holds both."""

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        row = dict(zip(statement.columns, values, strict=False))
        for columns in statement.table.unique_keys:
            if columns == statement.key:
                break
            taken = self._tables().taken[statement.table.whole_name, columns]
            if tuple(row.get(column) for column in columns) in taken:
                raise unique_violation(statement.table, columns)
        return await super().upsert(statement, values)


class PurgeKeepsTheMoment(MemoryBackend):
    """What expires right now is not expired."""

    async def delete(self, statement: Delete, values: Values) -> int:
        condition = each_test(statement.condition, lambda test: replace(test, op="lt") if test.op == "lte" else test)
        return await super().delete(replace(statement, condition=condition), values)


class PurgeTakesOneBatch(MemoryBackend):
    """Says that a full batch was less than that, so that nobody asks for another."""

    async def delete(self, statement: Delete, values: Values) -> int:
        removed = await super().delete(statement, values)
        full = statement.limit is not None and values[statement.limit] > 1 and removed == values[statement.limit]
        return removed - 1 if full else removed
