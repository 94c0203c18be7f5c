"""asyncmy and its own pool, as its documentation shows them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncmy

from benchmarks.contenders.mariadb import sql
from benchmarks.contenders.mariadb.asyncmy_bare import BareAsyncmy


class AsyncmyPool(BareAsyncmy):
    """`async with pool.acquire()`, `async with connection.cursor()`."""

    name = "asyncmy, its own pool"

    async def open(self, target: str, connections: int) -> None:
        arguments = sql.arguments(target)
        self.pool = await asyncmy.create_pool(minsize=connections, maxsize=connections, **arguments)

    async def close(self) -> None:
        self.pool.close()
        await self.pool.wait_closed()

    async def _row(self, text: str, *values: Any) -> Any:
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(text, values)
            return await cursor.fetchone()

    async def _run(self, text: str, *values: Any) -> int:
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(text, values)
            reached: Any = cursor.rowcount
            return int(reached)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection, connection.cursor() as cursor:
            await connection.begin()
            try:
                yield cursor
            except BaseException:
                await connection.rollback()
                raise
            await connection.commit()
