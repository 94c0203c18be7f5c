"""What each verb does in SQL, as generators: they yield statements and are sent the answers.

They do no I/O, so that the same operation runs in one hop on a connection's own thread, on an asyncio driver, or on the
application's connection. A runner maps a driver's error to ours and throws it into the generator, which may look
closer before it raises.
"""

from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias, TypeVar

from auth_adapters.backends.sql.compiler import Parameters, Sql, SqlCompiler
from auth_adapters.backends.sql.lookups import Shape, shape_of
from auth_adapters.cascades import DeletePlan, Find, plan_delete
from auth_adapters.errors import AuthAdapterError, ForeignKeyViolationError
from auth_adapters.physical import (
    Condition,
    Count,
    Delete,
    Increment,
    Insert,
    Layout,
    Row,
    Select,
    Statement,
    Table,
    Test,
    Update,
    Upsert,
    Values,
)

__all__ = [
    "Answer", "LookUp", "Many", "Number", "OneRow", "Operation", "Operations", "Reached", "Request", "Steps", "Work",
    "run_work",
]  # fmt: skip

T = TypeVar("T")
MAX_STATEMENTS = 2_048


class Request:
    """One statement to execute; also the work of a verb that needs no more. writes: on the writing connection."""

    __slots__ = ("parameters", "text", "writes")

    many: ClassVar[bool] = False
    """Whether it is executed once for each of the parameters."""
    counts: ClassVar[bool] = False
    """Whether how many rows it reaches is asked for, not rows. A driver that tells only one of them goes by this."""
    several: ClassVar[bool] = False

    def __init__(self, text: str, parameters: Any, writes: bool = False) -> None:  # noqa: FBT002  (hot)
        self.text: str = text
        self.parameters: Any = parameters
        self.writes: bool = writes

    def result(self, rows: list[Row]) -> Any:
        """What the verb gets, given its rows."""
        return rows

    def answered(self, answer: "Answer") -> Any:
        """What the verb gets."""
        return answer.reached if self.counts else self.result(answer.rows)

    def failure(self, error: AuthAdapterError) -> AuthAdapterError:
        """The error of the verb."""
        return error


class LookUp(Request):
    """A request for the rows that have one value of a unique column. shape: what it has in common with others."""

    __slots__ = ("shape", "value")

    def __init__(self, text: str, parameters: Any, shape: Shape, value: Any) -> None:
        self.text = text
        self.parameters = parameters
        self.writes = False
        self.shape: Shape = shape
        self.value: Any = value


class Reached(Request):
    """A request that returns how many rows it reached."""

    __slots__ = ()
    counts = True


class Many(Reached):
    """A statement to be executed once for each of the parameters."""

    __slots__ = ()
    many = True


class OneRow(Request):
    """A request that returns its row, or None."""

    __slots__ = ()

    def result(self, rows: list[Row]) -> Row | None:
        return rows[0] if rows else None


class Number(Request):
    """A request that returns a number."""

    __slots__ = ()

    def result(self, rows: list[Row]) -> int:
        return int(rows[0][0])


class Answer(NamedTuple):
    """Its rows, how many rows it reached, and the number that the database made for a new row (where it says so)."""

    rows: list[Row]
    reached: int
    made: int = 0


Operation: TypeAlias = Generator[Request, Answer, T]


class Steps(NamedTuple):
    """An operation and what it needs. writes: the writing connection. several: a transaction around it.

    alone: what needs `several` outside any transaction, where that takes another way; it commits by itself. again: the
    same once more, after the database has undone it.
    """

    operation: Operation[Any]
    writes: bool
    several: bool = False
    alone: Operation[Any] | None = None
    again: "Callable[[], Work] | None" = None


Work: TypeAlias = Request | Steps
"""What a verb has to do: one statement, or an operation."""


async def run_work(
    work: Work,
    execute: Callable[[Request], Awaitable[Answer]],
    *,
    told: type[BaseException] | tuple[type[BaseException], ...] = AuthAdapterError,
) -> Any:
    """Answer an operation's requests until it returns; errors of the kind `told` are thrown into it."""
    if isinstance(work, Request):
        return await _run_request(work, execute)
    operation = work.operation
    try:
        request = next(operation)
        while True:
            failure: BaseException | None = None
            try:
                answer = await execute(request)
            except told as error:
                failure = error
            request = operation.send(answer) if failure is None else operation.throw(failure)
    except StopIteration as end:
        return end.value


async def _run_request(request: Request, execute: Callable[[Request], Awaitable[Answer]]) -> Any:
    try:
        return request.answered(await execute(request))
    except AuthAdapterError as error:
        failure = request.failure(error)
        if failure is error:
            raise
    raise failure from None


class Operations:
    """The operations of one layout. explains: whether errors of foreign keys are looked into by further statements."""

    coalesced: ClassVar[bool] = False
    """Whether look-ups are told apart from other requests, for those who can ask several at once."""

    def __init__(self, compiler: SqlCompiler, layout: Layout, *, explains: bool) -> None:
        self._compiler = compiler
        self._layout = layout
        self._explains = explains
        self._compiled: dict[Hashable, tuple[Statement, Any]] = {}

    def _sql(self, statement: Any, make: Callable[[Any], Any]) -> Any:
        """What `make` makes of the statement, once."""
        kept = self._compiled.get(id(statement))
        if kept is None:
            if len(self._compiled) >= MAX_STATEMENTS:
                self._compiled.pop(next(iter(self._compiled)))
            kept = self._compiled[id(statement)] = (statement, make(statement))
        return kept[1]

    def insert(self, statement: Insert, rows: Sequence[Row]) -> Work:
        """Store rows; for each the values the database made."""
        sql: Sql = self._sql(statement, self._compiler.insert)
        return Steps(self._insert(statement, sql, rows), True, len(rows) > 1)

    def _insert(self, statement: Insert, sql: Sql, rows: Sequence[Row]) -> Operation[list[Row]]:
        made: list[Row] = []
        try:
            if statement.returning or len(rows) == 1:
                for row in rows:
                    answer = yield Request(sql.text, sql.parameters(row))
                    made.append(answer.rows[0] if statement.returning else ())
            else:
                yield Many(sql.text, [sql.parameters(row) for row in rows])
                made = [()] * len(rows)
        except ForeignKeyViolationError as error:
            written = [dict(zip(statement.columns, row, strict=True)) for row in rows]
            yield from self._explain_written(statement.table, written, error)
            raise
        return made

    def select(self, statement: Select, values: Values) -> Work:
        """The rows asked for."""
        sqls: tuple[Sql, Shape | None] = self._sql(statement, self._compile_select)
        sql, shape = sqls
        if shape is None:
            return Request(sql.text, sql.parameters(values))
        return LookUp(sql.text, sql.parameters(values), shape, values[0])

    def _compile_select(self, statement: Select) -> tuple[Sql, Shape | None]:
        sql = self._compiler.select(statement)
        return sql, shape_of(statement, self._compiler.select) if self.coalesced else None

    def count(self, statement: Count, values: Values) -> Work:
        """How many rows match."""
        sql: Sql = self._sql(statement, self._compiler.count)
        return Number(sql.text, sql.parameters(values))

    def update_one(self, statement: Update, values: Values) -> Work:
        """Change one row and return it."""
        sql: Sql = self._sql(statement, self._compile_update_one)
        return Steps(self._one(sql, values, statement), True)

    def _compile_update_one(self, statement: Update) -> Sql:
        return self._compiler.update(statement, one=True)

    def _compile_update_many(self, statement: Update) -> Sql:
        return self._compiler.update(statement, one=False)

    def update_many(self, statement: Update, values: Values) -> Work:
        """Change every row that matches; how many."""
        sql: Sql = self._sql(statement, self._compile_update_many)
        return Steps(self._reached(sql, values, statement), True)

    def increment_one(self, statement: Increment, values: Values) -> Work:
        """Add to one row and return it."""
        sql: Sql = self._sql(statement, self._compiler.increment)
        return Steps(self._one(sql, values, statement), True)

    def delete(self, statement: Delete, values: Values) -> Work:
        """Remove rows; how many matched, those included that a cascade of others removed before their turn."""
        sqls: tuple[Sql, Sql | None] = self._sql(statement, self._compile_delete)
        sql, counting = sqls
        if counting is None:
            return Steps(self._reached(sql, values, statement), True)
        return Steps(self._delete_counted(sql, counting, values, statement), True, True)

    def _compile_delete(self, statement: Delete) -> tuple[Sql, Sql | None]:
        """The DELETE, and the count before it where the database's own count leaves out what cascades removed."""
        counting = None
        if self._cascades_into(statement.table, statement.table, set()):
            counting = self._compiler.count(Count(table=statement.table, condition=statement.condition))
        return self._compiler.delete(statement), counting

    def _cascades_into(self, table: Table, goal: Table, seen: set[str]) -> bool:
        for child, key in self._layout.children(table):
            if key.on_delete != "cascade" or child.name in seen:
                continue
            if child is goal or self._cascades_into(child, goal, {*seen, child.name}):
                return True
        return False

    def _delete_counted(self, sql: Sql, counting: Sql, values: Values, statement: Delete) -> Operation[int]:
        matched = yield from _number(counting.text, counting.parameters(values))
        yield from self._reached(sql, values, statement)
        return matched if statement.limit is None else min(matched, int(values[statement.limit]))

    def consume_one(self, statement: Delete, values: Values) -> Work:
        """Remove one row and return it."""
        sql: Sql = self._sql(statement, self._compiler.delete)
        return Steps(self._one(sql, values, statement), True)

    def upsert(self, statement: Upsert, values: Values) -> Work:
        """Insert, or change the row that has the key."""
        sqls: tuple[Sql, Sql] = self._sql(statement, self._compile_upsert)
        return Steps(self._upsert(statement, sqls, values), True, True)

    def _compile_upsert(self, statement: Upsert) -> tuple[Sql, Sql]:
        return self._compiler.upsert_insert(statement), self._compiler.upsert_existing(statement)

    def _upsert(self, statement: Upsert, sqls: tuple[Sql, Sql], values: Values) -> Operation[tuple[Row, bool]]:
        insert, existing = sqls
        try:
            answer = yield Request(insert.text, insert.parameters(values))
            if answer.rows:
                return answer.rows[0], True
            answer = yield Request(existing.text, existing.parameters(values))
        except ForeignKeyViolationError as error:
            written = [dict(zip(statement.columns, values, strict=False)), _assigned(statement, values)]
            yield from self._explain_written(statement.table, written, error)
            raise
        return answer.rows[0], False

    def _one(self, sql: Sql, values: Values, statement: Update | Increment | Delete) -> Operation[Row | None]:
        try:
            answer = yield Request(sql.text, sql.parameters(values))
        except ForeignKeyViolationError as error:
            yield from self._explain(statement, values, error)
            raise
        return answer.rows[0] if answer.rows else None

    def _reached(self, sql: Sql, values: Values, statement: Update | Delete) -> Operation[int]:
        try:
            answer = yield Reached(sql.text, sql.parameters(values))
        except ForeignKeyViolationError as error:
            yield from self._explain(statement, values, error)
            raise
        return answer.reached

    # ----- which foreign key it was, where the database does not say

    def _explain(
        self, statement: Update | Increment | Delete, values: Values, error: ForeignKeyViolationError
    ) -> Operation[None]:
        if isinstance(statement, Delete):
            limit = None if statement.limit is None else values[statement.limit]
            yield from self._explain_deleted(statement.table, statement.condition, values, limit, error)
            return
        assigned = _assigned(statement, values)
        yield from self._explain_written(statement.table, [assigned], error)
        for child, key in self._layout.children(statement.table):
            if key.target_column in assigned:
                raise _violation(child, key.column, error)

    def _explain_written(
        self, table: Table, rows: Sequence[dict[str, Any]], error: ForeignKeyViolationError
    ) -> Operation[None]:
        if not self._explains:
            return
        for row in rows:
            for key in table.foreign_keys:
                value = row.get(key.column)
                if value is None or (key.target == table.name and row.get(key.target_column) == value):
                    continue
                found = yield from self._holding(Find(self._layout.tables[key.target], key.target_column, [value]))
                if not found:
                    raise _violation(table, key.column, error)

    def _explain_deleted(
        self, table: Table, condition: Condition, values: Values, limit: int | None, error: ForeignKeyViolationError
    ) -> Operation[None]:
        if not self._explains:
            return
        doomed = yield from self._rows_of(table, condition, values)
        steps: Generator[Find, list[Any], DeletePlan] = plan_delete(self._layout, table, doomed[:limit])
        try:
            question = next(steps)
            while True:
                question = steps.send((yield from self._holding(question)))
        except StopIteration:
            return
        except ForeignKeyViolationError as explained:
            explained.code = error.code
            raise

    def _holding(self, question: Find) -> Operation[list[dict[str, Any]]]:
        return (yield from self._rows_of(question.table, Test(question.column, "in", 0), (list(question.values),)))

    def _rows_of(self, table: Table, condition: Condition, values: Values) -> Operation[list[dict[str, Any]]]:
        columns = tuple(table.columns)
        sql = self._compiler.select(Select(table=table, columns=columns, condition=condition))
        answer = yield Request(sql.text, sql.parameters(values))
        return [dict(zip(columns, row, strict=True)) for row in answer.rows]


def _number(text: str, parameters: Parameters) -> Operation[int]:
    number: int = (yield Request(text, parameters)).rows[0][0]
    return number


def _assigned(statement: Update | Increment | Upsert, values: Values) -> dict[str, Any]:
    return {column: values[slot] for column, slot in statement.assignments}


def _violation(table: Table, column: str, error: ForeignKeyViolationError) -> ForeignKeyViolationError:
    fields = table.fields((column,))
    return ForeignKeyViolationError(
        f"{table.model}.{fields[0]} refers to nothing, or is referred to",
        model=table.model,
        fields=fields,
        code=error.code,
    )
