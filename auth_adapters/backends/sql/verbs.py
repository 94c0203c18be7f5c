"""The physical verbs in SQL: each makes its operation; who has a connection performs it."""

from collections.abc import Sequence
from typing import Any

from auth_adapters.backends.sql.operations import Operations, Work
from auth_adapters.physical import Count, Delete, Increment, Insert, Row, Select, Update, Upsert, Values

__all__ = ["SqlVerbs"]


class SqlVerbs:
    """An `Executor` over anything that can perform a `Work`."""

    _operations: Operations

    async def _perform(self, work: Work) -> Any:
        raise NotImplementedError

    async def insert(self, statement: Insert, rows: Sequence[Row]) -> list[Row]:
        made: list[Row] = await self._perform(self._operations.insert(statement, rows))
        return made

    async def select(self, statement: Select, values: Values) -> list[Row]:
        rows: list[Row] = await self._perform(self._operations.select(statement, values))
        return rows

    async def count(self, statement: Count, values: Values) -> int:
        number: int = await self._perform(self._operations.count(statement, values))
        return number

    async def update_one(self, statement: Update, values: Values) -> Row | None:
        row: Row | None = await self._perform(self._operations.update_one(statement, values))
        return row

    async def update_many(self, statement: Update, values: Values) -> int:
        number: int = await self._perform(self._operations.update_many(statement, values))
        return number

    async def increment_one(self, statement: Increment, values: Values) -> Row | None:
        row: Row | None = await self._perform(self._operations.increment_one(statement, values))
        return row

    async def delete(self, statement: Delete, values: Values) -> int:
        number: int = await self._perform(self._operations.delete(statement, values))
        return number

    async def consume_one(self, statement: Delete, values: Values) -> Row | None:
        row: Row | None = await self._perform(self._operations.consume_one(statement, values))
        return row

    async def upsert(self, statement: Upsert, values: Values) -> tuple[Row, bool]:
        result: tuple[Row, bool] = await self._perform(self._operations.upsert(statement, values))
        return result
