"""aiosqlite as its own documentation uses it: one connection that reads, one that writes in turn."""

import asyncio
from datetime import datetime
from typing import Any

import aiosqlite

from benchmarks.contenders.shared.protocol import BUSY_SECONDS, Record, SignUp, now
from benchmarks.contenders.shared.statements import ACCOUNT, SESSION, USER, VERIFICATION, complete
from benchmarks.contenders.shared.stored import stored_moment
from benchmarks.contenders.sqlite import sql


class AiosqliteDirect:
    """`async with execute(...) as cursor`, fetch, commit. A lock keeps writers apart: a commit commits everything."""

    name = "aiosqlite, directly"
    lacks: frozenset[str] = frozenset()
    weight = 5

    async def open(self, target: str, connections: int) -> None:
        path = target.removeprefix("sqlite:///")
        self.writer = await aiosqlite.connect(path, timeout=BUSY_SECONDS)
        self.reader = await aiosqlite.connect(path, timeout=BUSY_SECONDS)
        for connection in (self.writer, self.reader):
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                await connection.execute(f"PRAGMA {pragma}")
        self.lock = asyncio.Lock()

    async def close(self) -> None:
        await self.reader.close()
        await self.writer.close()

    async def _one(self, text: str, *values: Any) -> Any:
        async with self.reader.execute(text, values) as cursor:
            return await cursor.fetchone()

    async def _write(self, text: str, *values: Any) -> Any:
        async with self.lock:
            async with self.writer.execute(text, values) as cursor:
                rows = list(await cursor.fetchall())
            await self.writer.commit()
        return rows[0] if rows else None

    async def a2(self, token: str) -> Record | None:
        row = await self._one(sql.SESSION_BY_TOKEN, token)
        if row is None:
            return None
        session = sql.record(SESSION, row)
        session["user"] = sql.record(USER, await self._one(sql.USER_BY_ID, session["user_id"]))
        return session

    async def aj(self, token: str) -> Record | None:
        row = await self._one(sql.SESSION_WITH_USER, token)
        return None if row is None else sql.session_with_user(row)

    async def b(self, email: str) -> Record | None:
        row = await self._one(sql.USER_BY_EMAIL, email)
        return None if row is None else sql.record(USER, row)

    async def c(self, data: Record) -> Record:
        made = complete(SESSION, data)
        async with self.lock:
            async with self.writer.execute(sql.INSERT_SESSION, sql.parameters(made.values())):
                pass
            await self.writer.commit()
        return made

    async def d(self, token: str, expires_at: datetime) -> Record | None:
        row = await self._write(sql.UPDATE_SESSION, stored_moment(expires_at), stored_moment(now()), token)
        return None if row is None else sql.record(SESSION, row)

    async def e(self, token: str) -> bool:
        async with self.lock:
            async with self.writer.execute(sql.DELETE_SESSION, (token,)) as cursor:
                reached = cursor.rowcount
            await self.writer.commit()
        return reached > 0

    async def consume(self, identifier: str) -> Record | None:
        row = await self._write(sql.CONSUME, identifier)
        return None if row is None else sql.record(VERIFICATION, row)

    async def f(self, data: SignUp) -> tuple[Record, Record, Record]:
        async with self.lock:
            try:
                user = complete(USER, data.user)
                await self._insert(sql.INSERT_USER, user)
                account = complete(ACCOUNT, {**data.account, "user_id": user["id"]})
                await self._insert(sql.INSERT_ACCOUNT, account)
                session = complete(SESSION, {**data.session, "user_id": user["id"]})
                await self._insert(sql.INSERT_SESSION, session)
                await self.writer.commit()
            except BaseException:
                await self.writer.rollback()
                raise
        return user, account, session

    async def _insert(self, text: str, made: Record) -> None:
        async with self.writer.execute(text, sql.parameters(made.values())):
            pass
