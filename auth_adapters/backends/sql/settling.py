"""How a connection goes back to its pool after an error."""

import asyncio

from auth_adapters.backends.sql.connections import Connections, Lease
from auth_adapters.errors import ConnectionFailedError, OperationTimeoutError

__all__ = ["settle"]


async def settle(pool: Connections, lease: Lease, error: BaseException, *, dirty: bool = False) -> None:
    """Give back a connection after an error. dirty: it may be inside a transaction, which is undone first."""
    if isinstance(error, ConnectionFailedError):
        pool.discard(lease)
    elif isinstance(error, OperationTimeoutError) or not isinstance(error, Exception):
        pool.interrupted(lease)
    elif dirty:
        await asyncio.wait([pool.interrupted(lease)])
    else:
        pool.release(lease)
