"""PostgreSQL, through asyncpg."""

from auth_adapters.backends.postgresql.backend import PostgreSQLBackend, PostgreSQLPoolBackend
from auth_adapters.backends.postgresql.options import PostgreSQLOptions
from auth_adapters.backends.postgresql.owned import PostgreSQLEngineBackend
from auth_adapters.backends.postgresql.reading import read_backend

__all__ = [
    "PostgreSQLBackend",
    "PostgreSQLEngineBackend",
    "PostgreSQLOptions",
    "PostgreSQLPoolBackend",
    "read_backend",
]
