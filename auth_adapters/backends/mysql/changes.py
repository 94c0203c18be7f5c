"""Changing one row and returning it, where no UPDATE returns anything."""

from typing import Final

from auth_adapters.backends.mysql.compiler import MySQLCompiler, equal
from auth_adapters.backends.mysql.errors import at_table
from auth_adapters.backends.sql.compiler import Sql
from auth_adapters.backends.sql.operations import Operation, Reached, Request
from auth_adapters.errors import ConstraintError, ForeignKeyViolationError, TransientError, UniqueViolationError
from auth_adapters.physical import Increment, Insert, Row, Update, Upsert, Values, pinned_key, tests_of

__all__ = ["ChangeOne", "UpsertOne"]

ATTEMPTS: Final = 8
"""So often an upsert looks for the row that was in its way and is gone again."""
BEGIN: Final = Request("START TRANSACTION", ())
COMMIT: Final = Request("COMMIT", ())


class ChangeOne:
    """The statements of an update or increment of one row: inside a transaction."""

    def __init__(self, compiler: MySQLCompiler, statement: Update | Increment) -> None:
        table, condition = statement.table, statement.condition
        added = statement.increments if isinstance(statement, Increment) else ()
        written = {name for name, _ in (*statement.assignments, *added)}
        key = pinned_key(table, condition)
        self._choose: Sql | None = None
        if key is None or any(name in written for name, _ in key):
            slots = [test.slot for test in tests_of(condition) if test.slot is not None]
            slots += [slot for _, slot in (*statement.assignments, *added)]
            self._slots = max(slots, default=-1) + 1
            key = tuple((name, self._slots + at) for at, name in enumerate(table.primary_key))
            self._choose = compiler.choose(table, condition, table.primary_key)
            condition = equal(key)
        self._change = compiler.change(statement, condition)
        self._fetch = compiler.fetch(table, statement.returning, key, lock=True)

    def run(self, values: Values) -> Operation[Row | None]:
        """The row as it is now; None where none matched."""
        if self._choose is not None:
            answer = yield Request(self._choose.text, self._choose.parameters(values))
            if not answer.rows:
                return None
            values = (*values[: self._slots], *answer.rows[0])
        answer = yield Reached(self._change.text, self._change.parameters(values))
        if not answer.reached:
            return None
        answer = yield Request(self._fetch.text, self._fetch.parameters(values))
        row: Row = answer.rows[0]
        return row


class UpsertOne:
    """The statements of an upsert. A row that was made is known: no column of it has a value of the database's, its id
    apart.
    """

    def __init__(self, compiler: MySQLCompiler, statement: Upsert) -> None:
        table = statement.table
        columns = table.columns
        self._table = table
        self._fields = table.fields(statement.key)
        self._mariadb = compiler.mariadb
        made = [name for name in statement.returning if name not in statement.columns]
        self._uuid = any(columns[name].generated == "database" for name in made) and not self._mariadb
        self._slots = len(statement.columns) + len(statement.assignments)
        named = (*statement.columns, *(made if self._uuid else ()))
        returning = statement.returning if self._mariadb else ()
        self._insert = compiler.insert(Insert(table=table, columns=named, returning=returning))
        self._places = [named.index(name) if name in named else None for name in statement.returning]
        self._width = len(statement.columns)
        key = _slots(statement, statement.key)
        self._fetch = compiler.fetch(table, statement.returning, key)
        self._hold = compiler.fetch(table, statement.returning, key, lock=True)
        self._others = {
            table.fields(columns): compiler.fetch(table, columns, _slots(statement, columns), lock=True)
            for columns in table.unique_keys
            if set(columns) <= set(statement.columns) and columns != statement.key
        }
        self._change: ChangeOne | None = None
        if statement.assignments:
            assigned = Update(
                table=table, condition=equal(key), assignments=statement.assignments, returning=statement.returning
            )
            self._change = ChangeOne(compiler, assigned)

    def alone(self, values: Values) -> Operation[tuple[Row, bool]]:
        """Outside a transaction: the INSERT commits by itself, since one that fails in a transaction goes on holding a
        lock on the row that was in its way.
        """
        for _ in range(ATTEMPTS):
            made, refusal = yield from self._inserted(values)
            if refusal is None:
                return made, True
            row = yield from self._present_alone(values)
            if row is not None:
                return row, False
            if not self._is_of_key(refusal):
                row = yield from self._settled(values, refusal)
                if row is not None:
                    return row, False
        raise TransientError("the row that was in the way came and went; safe to retry")

    def _present_alone(self, values: Values) -> Operation[Row | None]:
        """The row that has the key, changed; None where there is none."""
        if self._change is None:
            answer = yield Request(self._fetch.text, self._fetch.parameters(values))
            return answer.rows[0] if answer.rows else None
        yield BEGIN
        row = yield from self._change.run(values)
        yield COMMIT
        return row

    def _settled(self, values: Values, refusal: ConstraintError) -> Operation[Row | None]:
        """After an INSERT that something else refused: the row that has the key, changed, if it has come; None
        where what refused it has gone. Raises the refusal if it stands: the row in the way is held, and is another one.
        """
        others = self._others.get(refusal.fields) if isinstance(refusal, UniqueViolationError) else None
        yield BEGIN
        refused = True
        if others is not None:
            answer = yield Request(others.text, others.parameters(values))
            refused = bool(answer.rows)
        row = yield from self._present(values)
        yield COMMIT
        if row is None and refused:
            raise refusal
        return row

    def inside(self, values: Values) -> Operation[tuple[Row, bool]]:
        """In a transaction, whose locks stay: the row is held for writing before an INSERT holds it for reading. What
        refuses the INSERT is held too, so that one look more tells whether it is the row that has the key.
        """
        refusal: ConstraintError | None = None
        for _ in range(ATTEMPTS):
            row = yield from self._present(values)
            if row is not None:
                return row, False
            if refusal is not None and not self._is_of_key(refusal):
                raise refusal
            made, refusal = yield from self._inserted(values)
            if refusal is None:
                return made, True
        raise TransientError("the row that was in the way came and went; safe to retry")

    def _present(self, values: Values) -> Operation[Row | None]:
        """In a transaction: the row that has the key, held and changed; None where there is none."""
        if self._change is not None:
            return (yield from self._change.run(values))
        answer = yield Request(self._hold.text, self._hold.parameters(values))
        return answer.rows[0] if answer.rows else None

    def _is_of_key(self, refusal: ConstraintError) -> bool:
        return isinstance(refusal, UniqueViolationError) and refusal.fields == self._fields

    def _inserted(self, values: Values) -> Operation[tuple[Row, ConstraintError | None]]:
        """The row that was made; or an empty one and what refused it, which is whatever the server looked at first: a
        unique key that is taken, or a reference that leads nowhere.
        """
        row = values[: self._width]
        if self._uuid:
            answer = yield Request("SELECT UUID()", ())
            row = (*row, answer.rows[0][0])
        try:
            kind = Request if self._mariadb else Reached
            answer = yield kind(self._insert.text, self._insert.parameters(row))
        except (UniqueViolationError, ForeignKeyViolationError) as error:
            return (), at_table(error, self._table)
        if answer.rows:
            return answer.rows[0], None
        return tuple(answer.made if place is None else row[place] for place in self._places), None


def _slots(statement: Upsert, columns: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((name, statement.columns.index(name)) for name in columns)
