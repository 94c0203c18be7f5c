"""asyncpg alone: a free list of connections, statements prepared once, rows to dicts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final

import asyncpg

from benchmarks.contenders.shared.free_list import FreeList
from benchmarks.contenders.shared.protocol import Record, SignUp, now
from benchmarks.contenders.shared.statements import ACCOUNT, SESSION, USER, VERIFICATION, Statements, columns, complete

STATEMENTS: Final = Statements(lambda number: f"${number}")
SESSION_BY_TOKEN: Final = STATEMENTS.select("session", "token")
USER_BY_ID: Final = STATEMENTS.select("user", "id")
USER_BY_EMAIL: Final = STATEMENTS.select("user", "email")
SESSION_WITH_USER: Final = STATEMENTS.session_with_user()
INSERT_USER: Final = STATEMENTS.insert("user")
INSERT_SESSION: Final = STATEMENTS.insert("session")
INSERT_ACCOUNT: Final = STATEMENTS.insert("account")
UPDATE_SESSION: Final = f"{STATEMENTS.update_session()} RETURNING {columns(SESSION)}"
DELETE_SESSION: Final = STATEMENTS.delete_session()
CONSUME: Final = (
    "DELETE FROM verification WHERE id = ANY (array(SELECT id FROM verification WHERE identifier = $1 LIMIT 1 "
    f"FOR UPDATE)) RETURNING {columns(VERIFICATION)}"
)
WIDTH: Final = len(SESSION)


ALL: Final = (
    SESSION_BY_TOKEN, USER_BY_ID, USER_BY_EMAIL, SESSION_WITH_USER, INSERT_USER, INSERT_SESSION, INSERT_ACCOUNT,
    UPDATE_SESSION, DELETE_SESSION, CONSUME,
)  # fmt: skip


class Prepared:
    """A connection on which every statement is prepared."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.statements: dict[str, Any] = {}

    @classmethod
    async def connect(cls, target: str) -> "Prepared":
        """A new one."""
        made = cls(await asyncpg.connect(target))
        for text in ALL:
            made.statements[text] = await made.connection.prepare(text)
        return made

    async def execute(self, text: str, *values: Any) -> str:
        """Without rows; what the server says of it."""
        statement = self.statements[text]
        await statement.fetch(*values)
        status: str = statement.get_statusmsg()
        return status


class BareAsyncpg:
    """The floor. A single statement commits itself."""

    name = "asyncpg, free list"
    lacks: frozenset[str] = frozenset()
    weight = 5

    async def open(self, target: str, connections: int) -> None:
        self.connections = FreeList([await Prepared.connect(target) for _ in range(connections)])

    async def close(self) -> None:
        for prepared in self.connections.free:
            await prepared.connection.close()

    async def _row(self, text: str, *values: Any) -> Any:
        connections = self.connections
        prepared = connections.take() or await connections.wait()
        try:
            return await prepared.statements[text].fetchrow(*values)
        finally:
            connections.give(prepared)

    async def _run(self, text: str, *values: Any) -> str:
        connections = self.connections
        prepared = connections.take() or await connections.wait()
        try:
            status: str = await prepared.execute(text, *values)
            return status
        finally:
            connections.give(prepared)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        prepared = self.connections.take() or await self.connections.wait()
        try:
            await prepared.connection.execute("BEGIN")
            yield prepared
            await prepared.connection.execute("COMMIT")
        except BaseException:
            await prepared.connection.execute("ROLLBACK")
            raise
        finally:
            self.connections.give(prepared)

    async def a2(self, token: str) -> Record | None:
        row = await self._row(SESSION_BY_TOKEN, token)
        if row is None:
            return None
        session = dict(row)
        session["user"] = dict(await self._row(USER_BY_ID, session["user_id"]))
        return session

    async def aj(self, token: str) -> Record | None:
        row = await self._row(SESSION_WITH_USER, token)
        if row is None:
            return None
        session: Record = dict(zip(SESSION, row[:WIDTH], strict=True))
        session["user"] = dict(zip(USER, row[WIDTH:], strict=True))
        return session

    async def b(self, email: str) -> Record | None:
        row = await self._row(USER_BY_EMAIL, email)
        return None if row is None else dict(row)

    async def c(self, data: Record) -> Record:
        made = complete(SESSION, data)
        await self._run(INSERT_SESSION, *made.values())
        return made

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        row = await self._row(UPDATE_SESSION, expires_at, now(), token)
        return None if row is None else dict(row)

    async def e(self, token: str) -> bool:
        return await self._run(DELETE_SESSION, token) != "DELETE 0"

    async def consume(self, identifier: str) -> Record | None:
        row = await self._row(CONSUME, identifier)
        return None if row is None else dict(row)

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        user = complete(USER, data.user)
        account = complete(ACCOUNT, {**data.account, "user_id": user["id"]})
        session = complete(SESSION, {**data.session, "user_id": user["id"]})
        async with self._transaction() as connection:
            await connection.execute(INSERT_USER, *user.values())
            await connection.execute(INSERT_ACCOUNT, *account.values())
            await connection.execute(INSERT_SESSION, *session.values())
        return user, account, session
