"""What each verb does in PostgreSQL, where that is less than elsewhere."""

from collections.abc import Sequence
from typing import Any

from auth_adapters.backends.postgresql.compiler import DEFAULT_SCHEMA, PostgreSQLCompiler
from auth_adapters.backends.sql.compiler import Sql
from auth_adapters.backends.sql.operations import OneRow, Operation, Operations, Reached, Request, Steps, Work
from auth_adapters.errors import TransientError, UniqueViolationError
from auth_adapters.physical import Delete, Increment, Insert, Layout, Row, Table, Update, Upsert, Values

__all__ = ["REFUSALS", "PostgreSQLOperations"]

ATTEMPTS = 8
"""So often an upsert looks for the row that was in its way and is gone again."""
REFUSALS = 3
"""So often another key must be in the way before that is believed: what was there may have gone and come again."""

ONE_MOVER = "SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))"
MOVE_SEQUENCE = """SELECT setval(sequence, $2::bigint)
FROM (SELECT pg_get_serial_sequence($1::text, $3::text)::regclass AS sequence) AS found
WHERE coalesce(pg_sequence_last_value(sequence), 0) < $2::bigint"""
"""Move the sequence of a serial id past one that was given."""


class Stored(Request):
    """An INSERT of one row, of which nothing is made by the database."""

    __slots__ = ()

    def result(self, rows: list[Row]) -> list[Row]:
        return [()]


class Upserted(Request):
    """The whole of an upsert; the last value of its row says whether it was made."""

    __slots__ = ()

    def result(self, rows: list[Row]) -> tuple[Row, bool]:
        return rows[0][:-1], rows[0][-1]


class PostgreSQLOperations(Operations):
    """Most verbs are one statement; errors name their constraint, so none is looked into."""

    coalesced = True

    def __init__(self, layout: Layout) -> None:
        self._postgresql = PostgreSQLCompiler(layout)
        super().__init__(self._postgresql, layout, explains=False)

    @property
    def compiler(self) -> PostgreSQLCompiler:
        """PostgreSQL's SQL."""
        return self._postgresql

    def insert(self, statement: Insert, rows: Sequence[Row]) -> Work:
        sql, forced = self._sql(statement, self._compile_insert)
        if forced is not None:
            return Steps(self._insert_forced(statement, sql, rows, forced), True, True)
        if len(rows) > 1:
            return Steps(self._insert(statement, sql, rows), True, True)
        kind = Request if statement.returning else Stored
        return kind(sql.text, sql.parameters(rows[0]), True)

    def _compile_insert(self, statement: Insert) -> tuple[Sql, str | None]:
        return self._compiler.insert(statement), _forced_serial(statement)

    def _insert_forced(self, statement: Insert, sql: Sql, rows: Sequence[Row], forced: str) -> Operation[list[Row]]:
        made = yield from self._insert(statement, sql, rows)
        largest = max(row[statement.columns.index(forced)] for row in rows)
        yield Request(ONE_MOVER, (_quoted(statement.table),))
        yield Request(MOVE_SEQUENCE, (_quoted(statement.table), largest, forced))
        return made

    def update_one(self, statement: Update, values: Values) -> Work:
        sql: Sql = self._sql(statement, self._compile_update_one)
        return OneRow(sql.text, sql.parameters(values), True)

    def update_many(self, statement: Update, values: Values) -> Work:
        sql: Sql = self._sql(statement, self._compile_update_many)
        return Reached(sql.text, sql.parameters(values), True)

    def delete(self, statement: Delete, values: Values) -> Work:
        sql, counting = self._sql(statement, self._compile_delete)
        if counting is not None:
            return super().delete(statement, values)
        return Reached(sql.text, sql.parameters(values), True)

    def increment_one(self, statement: Increment, values: Values) -> Work:
        sql: Sql = self._sql(statement, self._compiler.increment)
        return OneRow(sql.text, sql.parameters(values), True)

    def consume_one(self, statement: Delete, values: Values) -> Work:
        sql: Sql = self._sql(statement, self._compiler.delete)
        return OneRow(sql.text, sql.parameters(values), True)

    def upsert(self, statement: Upsert, values: Values) -> Work:
        plan: Sql | tuple[Sql, Sql, Sql] = self._sql(statement, self._compile_upserting)
        if isinstance(plan, Sql):
            return Upserted(plan.text, plan.parameters(values), True)
        inside, alone = self._step_by_step(plan, values), self._step_by_step(plan, values, REFUSALS)
        return Steps(inside, True, False, alone, lambda: self.upsert(statement, values))

    def _compile_upserting(self, statement: Upsert) -> Sql | tuple[Sql, Sql, Sql]:
        """The one statement that is all of it, or the steps."""
        if statement.assignments and not _other_keys(statement):
            return self._postgresql.upsert(statement)
        insert, existing = self._compile_upsert(statement)
        attempt = self._postgresql.insert_unless_in_the_way(statement) if _other_keys(statement) else insert
        return attempt, existing, insert

    def _step_by_step(
        self, sqls: tuple[Sql, Sql, Sql], values: Values, refusals: int = 1
    ) -> Operation[tuple[Row, bool]]:
        """Insert unless anything is in the way; look for the row that has the key; only then let another key object.

        A key that two callers store at once may be met at any of its unique indexes first. To go by the one asked for
        alone would be an error then, though the row that has the key is there a moment later. refusals: how many it
        takes; in a transaction the first one ends it.
        """
        attempt, existing, insert = sqls
        steps = ((attempt, True), (existing, False), (insert, True))
        for _ in range(ATTEMPTS):
            try:
                for sql, created in steps if attempt is not insert else steps[:2]:
                    answer = yield Request(sql.text, sql.parameters(values))
                    if answer.rows:
                        return answer.rows[0], created
            except UniqueViolationError:
                refusals -= 1
                if not refusals:
                    raise
        raise TransientError("the row that was in the way came and went; safe to retry")


def _other_keys(statement: Upsert) -> bool:
    """Whether a new row can be in the way of others by a key that is not the one asked for."""
    table = statement.table
    made = table.primary_key if table.makes_id else None
    return any(set(key) != set(statement.key) and key != made for key in table.unique_keys)


def _forced_serial(statement: Insert) -> str | None:
    """The column of a serial id that the caller gives."""
    columns: dict[str, Any] = dict(statement.table.columns)
    return next((name for name in statement.columns if columns[name].generated == "serial"), None)


def _quoted(table: Table) -> str:
    return ".".join('"' + name.replace('"', '""') + '"' for name in (table.schema or DEFAULT_SCHEMA, table.name))
