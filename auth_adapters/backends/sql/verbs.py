"""The physical verbs in SQL: each makes its operation; who has a connection performs it."""

from collections.abc import Coroutine, Sequence
from typing import Any

from auth_adapters.backends.sql.operations import Operations, Work
from auth_adapters.physical import Count, Delete, Increment, Insert, Row, Select, Update, Upsert, Values

__all__ = ["SqlVerbs"]


class SqlVerbs:
    """An `Executor` over anything that can perform a `Work`."""

    _operations: Operations

    def _perform(self, work: Work) -> Coroutine[Any, Any, Any]:
        raise NotImplementedError

    def insert(self, statement: Insert, rows: Sequence[Row]) -> Coroutine[Any, Any, list[Row]]:
        return self._perform(self._operations.insert(statement, rows))

    def select(self, statement: Select, values: Values) -> Coroutine[Any, Any, list[Row]]:
        return self._perform(self._operations.select(statement, values))

    def count(self, statement: Count, values: Values) -> Coroutine[Any, Any, int]:
        return self._perform(self._operations.count(statement, values))

    def update_one(self, statement: Update, values: Values) -> Coroutine[Any, Any, Row | None]:
        return self._perform(self._operations.update_one(statement, values))

    def update_many(self, statement: Update, values: Values) -> Coroutine[Any, Any, int]:
        return self._perform(self._operations.update_many(statement, values))

    def increment_one(self, statement: Increment, values: Values) -> Coroutine[Any, Any, Row | None]:
        return self._perform(self._operations.increment_one(statement, values))

    def delete(self, statement: Delete, values: Values) -> Coroutine[Any, Any, int]:
        return self._perform(self._operations.delete(statement, values))

    def consume_one(self, statement: Delete, values: Values) -> Coroutine[Any, Any, Row | None]:
        return self._perform(self._operations.consume_one(statement, values))

    def upsert(self, statement: Upsert, values: Values) -> Coroutine[Any, Any, tuple[Row, bool]]:
        return self._perform(self._operations.upsert(statement, values))
