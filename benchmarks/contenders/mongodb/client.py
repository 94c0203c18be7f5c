"""A client of PyMongo, set up for each contender as auth_adapters sets up its own."""

from typing import Any, Final

from pymongo import AsyncMongoClient

__all__ = ["TIMEOUT", "client_of"]

TIMEOUT: Final = 30_000
"""Milliseconds that an operation may take."""


def client_of(target: str, connections: int) -> AsyncMongoClient[dict[str, Any]]:
    """So many connections at most; writes wait for a majority, times come back aware."""
    return AsyncMongoClient(target, maxPoolSize=connections, timeoutMS=TIMEOUT, w="majority", tz_aware=True)
