"""SQLite, on connections of our own (`backend`) or on the application's (`owned`)."""

from auth_adapters.backends.sqlite.backend import SQLiteBackend
from auth_adapters.backends.sqlite.owned import SQLiteEngineBackend
from auth_adapters.backends.sqlite.reading import read_backend

__all__ = ["SQLiteBackend", "SQLiteEngineBackend", "read_backend"]
