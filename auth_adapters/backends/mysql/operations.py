"""What each verb does in MySQL and MariaDB: choose a row, change it by its key, fetch it by its key."""

from collections.abc import Sequence
from typing import Any, Final

from auth_adapters.backends.mysql.changes import ChangeOne, UpsertOne
from auth_adapters.backends.mysql.compiler import MySQLCompiler
from auth_adapters.backends.mysql.erasing import Eraser
from auth_adapters.backends.mysql.errors import at_table
from auth_adapters.backends.mysql.server import Server
from auth_adapters.backends.sql.compiler import Sql
from auth_adapters.backends.sql.operations import OneRow, Operation, Operations, Reached, Request, Steps, Work
from auth_adapters.errors import AuthAdapterError, ConstraintError, ForeignKeyViolationError
from auth_adapters.physical import Delete, Increment, Insert, Layout, Row, Table, Update, Upsert, Values

__all__ = ["MySQLOperations"]

UUIDS_AT_ONCE: Final = 1_000


class Written(Request):
    """A write of one row into a table, which its errors speak of."""

    __slots__ = ("table",)

    def __init__(self, text: str, parameters: Any, table: Table) -> None:
        super().__init__(text, parameters, True)
        self.table: Table = table

    def failure(self, error: AuthAdapterError) -> AuthAdapterError:
        return at_table(error, self.table) if isinstance(error, ConstraintError) else error


class Stored(Written):
    """An INSERT of one row, of which nothing is made by the database."""

    __slots__ = ()

    def result(self, rows: list[Row]) -> list[Row]:
        return [()]


class MySQLOperations(Operations):
    """The operations on either server; errors are completed with the table that was written."""

    coalesced = True

    def __init__(self, layout: Layout, server: Server) -> None:
        self._mysql = MySQLCompiler(layout, mariadb=server.mariadb)
        self._mariadb = server.mariadb
        self._eraser = Eraser(self._mysql, layout, careful=server.loses_cascades)
        super().__init__(self._mysql, layout, explains=False)

    @property
    def compiler(self) -> MySQLCompiler:
        """The SQL of the server."""
        return self._mysql

    # ----- insert

    def insert(self, statement: Insert, rows: Sequence[Row]) -> Work:
        work = self._inserts(statement, rows)
        return work if isinstance(work, Request) else work._replace(again=lambda: self.insert(statement, rows))

    def _inserts(self, statement: Insert, rows: Sequence[Row]) -> Work:
        made_here = self._uuid_column(statement)
        if made_here is not None:
            return Steps(_at(statement.table, self._insert_with_uuids(statement, rows)), True, len(rows) > 1)
        sql: Sql = self._sql(statement, self._mysql.insert)
        if len(rows) == 1 and (self._mariadb or not statement.returning):
            kind = Written if statement.returning else Stored
            return kind(sql.text, sql.parameters(rows[0]), statement.table)
        several = len(rows) > 1  # the driver may send them as more than one statement
        if statement.returning and not self._mariadb:
            return Steps(_at(statement.table, self._insert_numbered(sql, rows)), True, several)
        return Steps(_at(statement.table, self._insert(statement, sql, rows)), True, several)

    def _insert_numbered(self, sql: Sql, rows: Sequence[Row]) -> Operation[list[Row]]:
        made: list[Row] = []
        for row in rows:
            answer = yield Reached(sql.text, sql.parameters(row))
            made.append((answer.made,))
        return made

    def _uuid_column(self, statement: Insert) -> str | None:
        """The column of an id that MySQL makes, but cannot return."""
        if self._mariadb:
            return None
        columns = statement.table.columns
        return next((name for name in statement.returning if columns[name].generated == "database"), None)

    def _insert_with_uuids(self, statement: Insert, rows: Sequence[Row]) -> Operation[list[Row]]:
        whole: Insert = self._sql(statement, _with_returned)
        sql: Sql = self._sql(whole, self._mysql.insert)
        ids: list[Row] = []
        while len(ids) < len(rows):
            number = min(len(rows) - len(ids), UUIDS_AT_ONCE)
            answer = yield Request(f"SELECT {', '.join(['UUID()'] * number)}", ())
            ids += [(one,) for one in answer.rows[0]]
        full = [(*made, *row) for made, row in zip(ids, rows, strict=True)]
        yield from self._insert(whole, sql, full)
        return ids

    # ----- one row

    def update_one(self, statement: Update, values: Values) -> Work:
        return self._change_one(statement, values)

    def increment_one(self, statement: Increment, values: Values) -> Work:
        return self._change_one(statement, values)

    def _change_one(self, statement: Update | Increment, values: Values) -> Work:
        change: ChangeOne = self._sql(statement, self._compile_change)
        operation = _at(statement.table, change.run(values))
        return Steps(operation, True, True, again=lambda: self._change_one(statement, values))

    def _compile_change(self, statement: Update | Increment) -> ChangeOne:
        return ChangeOne(self._mysql, statement)

    def update_many(self, statement: Update, values: Values) -> Work:
        work = _steps(super().update_many(statement, values))
        operation = _at(statement.table, work.operation)
        return work._replace(operation=operation, again=lambda: self.update_many(statement, values))

    # ----- delete

    def delete(self, statement: Delete, values: Values) -> Work:
        work = self._deletes(statement, values)
        return work if isinstance(work, Request) else work._replace(again=lambda: self.delete(statement, values))

    def _deletes(self, statement: Delete, values: Values) -> Work:
        if self._eraser.is_lost(statement.table) or self._eraser.is_moved(statement.table, statement.condition):
            return Steps(self._eraser.delete(statement, values), True, True)
        needed = self._eraser.is_needed(statement.table)
        sql, counting = self._sql(statement, self._compile_delete)
        if not needed and counting is None:
            return Reached(sql.text, sql.parameters(values), True)
        work = _steps(super().delete(statement, values))
        if not needed:
            return work
        return work._replace(operation=self._delete_all(statement, values, work), several=True)

    def _delete_all(self, statement: Delete, values: Values, work: Steps) -> Operation[int]:
        try:
            reached: int = yield from work.operation
        except ForeignKeyViolationError:
            return (yield from self._eraser.delete(statement, values))
        return reached

    def consume_one(self, statement: Delete, values: Values) -> Work:
        work = self._consumes(statement, values)
        return work if isinstance(work, Request) else work._replace(again=lambda: self.consume_one(statement, values))

    def _consumes(self, statement: Delete, values: Values) -> Work:
        if self._mariadb and not self._eraser.is_needed(statement.table):
            sql: Sql = self._sql(statement, self._mysql.delete)
            return OneRow(sql.text, sql.parameters(values), True)
        sqls: tuple[Sql, Sql] = self._sql(statement, self._compile_consume)
        return Steps(self._consume(statement, sqls, values), True, True)

    def _compile_consume(self, statement: Delete) -> tuple[Sql, Sql]:
        table = statement.table
        columns = (*table.columns, *statement.returning)
        key = tuple((name, at) for at, name in enumerate(table.primary_key))
        return self._mysql.choose(table, statement.condition, columns), self._mysql.remove(table, key)

    def _consume(self, statement: Delete, sqls: tuple[Sql, Sql], values: Values) -> Operation[Row | None]:
        choose, remove = sqls
        table = statement.table
        answer = yield Request(choose.text, choose.parameters(values))
        if not answer.rows:
            return None
        width = len(table.columns)
        row = dict(zip(table.columns, answer.rows[0][:width], strict=True))
        if self._eraser.is_lost(table):
            yield from self._eraser.erase(table, [row])
            return answer.rows[0][width:]
        try:
            yield Reached(remove.text, remove.parameters(tuple(row[name] for name in table.primary_key)))
        except ForeignKeyViolationError:
            if not self._eraser.is_needed(table):
                raise
            yield from self._eraser.erase(table, [row])
        consumed: Row = answer.rows[0][width:]
        return consumed

    # ----- upsert

    def upsert(self, statement: Upsert, values: Values) -> Work:
        one: UpsertOne = self._sql(statement, self._compile_upsert_one)
        inside = _at(statement.table, one.inside(values))
        alone = _at(statement.table, one.alone(values))
        return Steps(inside, True, True, alone, lambda: self.upsert(statement, values))

    def _compile_upsert_one(self, statement: Upsert) -> UpsertOne:
        return UpsertOne(self._mysql, statement)


def _with_returned(statement: Insert) -> Insert:
    return Insert(table=statement.table, columns=(*statement.returning, *statement.columns), returning=())


def _steps(work: Work) -> Steps:
    assert not isinstance(work, Request)
    return work


def _at(table: Table, operation: Operation[Any]) -> Operation[Any]:
    """The operation, its errors completed with the table that it writes."""
    try:
        return (yield from operation)
    except ConstraintError as error:
        failure = at_table(error, table)
        if failure is error:
            raise
    raise failure from None
