"""PostgreSQL, through asyncpg."""

from auth_adapters.backends.postgresql.backend import PostgreSQLBackend, PostgreSQLPoolBackend
from auth_adapters.backends.postgresql.options import PostgreSQLOptions
from auth_adapters.backends.postgresql.owned import PostgreSQLEngineBackend

__all__ = ["PostgreSQLBackend", "PostgreSQLEngineBackend", "PostgreSQLOptions", "PostgreSQLPoolBackend"]
