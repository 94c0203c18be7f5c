"""Python's sqlite3 on the event loop's own thread: nobody can do this work for less in Python."""

import sqlite3
from datetime import datetime
from typing import Any

from benchmarks.contenders.shared.protocol import BUSY_SECONDS, Record, SignUp, now
from benchmarks.contenders.shared.statements import ACCOUNT, SESSION, USER, VERIFICATION, complete
from benchmarks.contenders.shared.stored import stored_moment
from benchmarks.contenders.sqlite import sql


class SynchronousSqlite:
    """The floor. It blocks the loop, so it is no way to write an application."""

    name = "sqlite3, same thread"
    lacks: frozenset[str] = frozenset()
    weight = 5

    async def open(self, target: str, connections: int) -> None:
        path = target.removeprefix("sqlite:///")
        self.connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            self.connection.execute(f"PRAGMA {pragma}")

    async def close(self) -> None:
        self.connection.close()

    def _one(self, text: str, *values: Any) -> Any:
        rows = self.connection.execute(text, values).fetchall()
        return rows[0] if rows else None

    async def a2(self, token: str) -> Record | None:
        row = self._one(sql.SESSION_BY_TOKEN, token)
        if row is None:
            return None
        session = sql.record(SESSION, row)
        session["user"] = sql.record(USER, self._one(sql.USER_BY_ID, session["user_id"]))
        return session

    async def aj(self, token: str) -> Record | None:
        row = self._one(sql.SESSION_WITH_USER, token)
        return None if row is None else sql.session_with_user(row)

    async def b(self, email: str) -> Record | None:
        row = self._one(sql.USER_BY_EMAIL, email)
        return None if row is None else sql.record(USER, row)

    async def c(self, data: Record) -> Record:
        made = complete(SESSION, data)
        self.connection.execute(sql.INSERT_SESSION, sql.parameters(made.values()))
        return made

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        row = self._one(sql.UPDATE_SESSION, stored_moment(expires_at), stored_moment(now()), token)
        return None if row is None else sql.record(SESSION, row)

    async def e(self, token: str) -> bool:
        return self.connection.execute(sql.DELETE_SESSION, (token,)).rowcount > 0

    async def consume(self, identifier: str) -> Record | None:
        row = self._one(sql.CONSUME, identifier)
        return None if row is None else sql.record(VERIFICATION, row)

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            user = complete(USER, data.user)
            execute(sql.INSERT_USER, sql.parameters(user.values()))
            account = complete(ACCOUNT, {**data.account, "user_id": user["id"]})
            execute(sql.INSERT_ACCOUNT, sql.parameters(account.values()))
            session = complete(SESSION, {**data.session, "user_id": user["id"]})
            execute(sql.INSERT_SESSION, sql.parameters(session.values()))
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise
        return user, account, session
