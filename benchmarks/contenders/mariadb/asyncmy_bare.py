"""asyncmy alone: a free list of connections, rows to dicts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncmy

from benchmarks.contenders.mariadb import sql
from benchmarks.contenders.shared.free_list import FreeList
from benchmarks.contenders.shared.protocol import Record, SignUp, now
from benchmarks.contenders.shared.statements import ACCOUNT, SESSION, USER, complete


class BareAsyncmy:
    """The floor. A single statement commits itself; an UPDATE returns nothing, so a transaction reads the row again."""

    name = "asyncmy, free list"
    lacks: frozenset[str] = frozenset()
    weight = 5

    async def open(self, target: str, connections: int) -> None:
        arguments = sql.arguments(target)
        self.connections = FreeList([await asyncmy.connect(**arguments) for _ in range(connections)])

    async def close(self) -> None:
        for connection in self.connections.free:
            await connection.ensure_closed()

    async def _row(self, text: str, *values: Any) -> Any:
        connections = self.connections
        connection = connections.take() or await connections.wait()
        try:
            cursor = connection.cursor()
            await cursor.execute(text, values)
            return await cursor.fetchone()
        finally:
            connections.give(connection)

    async def _run(self, text: str, *values: Any) -> int:
        connections = self.connections
        connection = connections.take() or await connections.wait()
        try:
            cursor = connection.cursor()
            await cursor.execute(text, values)
            reached: int = cursor.rowcount
            return reached
        finally:
            connections.give(connection)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        connection = self.connections.take() or await self.connections.wait()
        try:
            cursor = connection.cursor()
            await cursor.execute("START TRANSACTION")
            yield cursor
            await cursor.execute("COMMIT")
        except BaseException:
            await connection.rollback()
            raise
        finally:
            self.connections.give(connection)

    async def a2(self, token: str) -> Record | None:
        row = await self._row(sql.SESSION_BY_TOKEN, token)
        if row is None:
            return None
        session = sql.session(row)
        session["user"] = sql.user(await self._row(sql.USER_BY_ID, session["user_id"]))
        return session

    async def aj(self, token: str) -> Record | None:
        row = await self._row(sql.SESSION_WITH_USER, token)
        return None if row is None else sql.session_with_user(row)

    async def b(self, email: str) -> Record | None:
        row = await self._row(sql.USER_BY_EMAIL, email)
        return None if row is None else sql.user(row)

    async def c(self, data: Record) -> Record:
        made = complete(SESSION, data)
        await self._run(sql.INSERT_SESSION, *made.values())
        return made

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        async with self._transaction() as cursor:
            await cursor.execute(sql.UPDATE_SESSION, (expires_at, now(), token))
            await cursor.execute(sql.SESSION_BY_TOKEN, (token,))
            row = await cursor.fetchone()
        return None if row is None else sql.session(row)

    async def e(self, token: str) -> bool:
        return await self._run(sql.DELETE_SESSION, token) > 0

    async def consume(self, identifier: str) -> Record | None:
        row = await self._row(sql.CONSUME, identifier)
        return None if row is None else sql.verification(row)

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        user = complete(USER, data.user)
        account = complete(ACCOUNT, {**data.account, "user_id": user["id"]})
        session = complete(SESSION, {**data.session, "user_id": user["id"]})
        async with self._transaction() as cursor:
            await cursor.execute(sql.INSERT_USER, tuple(user.values()))
            await cursor.execute(sql.INSERT_ACCOUNT, tuple(account.values()))
            await cursor.execute(sql.INSERT_SESSION, tuple(session.values()))
        return user, account, session
