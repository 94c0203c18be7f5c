"""asyncpg and its own pool, as its documentation shows them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from benchmarks.contenders.postgresql.asyncpg_bare import BareAsyncpg


class AsyncpgPool(BareAsyncpg):
    """`pool.fetchrow`, `pool.execute`, `pool.acquire`; a connection is reset when it comes back."""

    name = "asyncpg, its own pool"

    async def open(self, target: str, connections: int) -> None:
        self.pool = await asyncpg.create_pool(target, min_size=connections, max_size=connections)

    async def close(self) -> None:
        await self.pool.close()

    async def _row(self, text: str, *values: Any) -> Any:
        return await self.pool.fetchrow(text, *values)

    async def _run(self, text: str, *values: Any) -> str:
        status: str = await self.pool.execute(text, *values)
        return status

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection
