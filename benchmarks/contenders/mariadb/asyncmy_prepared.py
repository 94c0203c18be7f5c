"""asyncmy alone, with its cache of prepared statements, which is off unless asked for."""

import asyncmy

from benchmarks.contenders.mariadb import sql
from benchmarks.contenders.mariadb.asyncmy_bare import BareAsyncmy
from benchmarks.contenders.shared.free_list import FreeList

CACHED = 64


class PreparedAsyncmy(BareAsyncmy):
    """The floor's cursors; `stmt_cache_size` makes them prepare what they execute."""

    name = "asyncmy, free list, prepared"

    async def open(self, target: str, connections: int) -> None:
        arguments = sql.arguments(target) | {"stmt_cache_size": CACHED}
        self.connections = FreeList([await asyncmy.connect(**arguments) for _ in range(connections)])
