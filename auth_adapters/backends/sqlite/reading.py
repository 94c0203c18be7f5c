"""The options of SQLite, read from a URL or by name."""

from collections.abc import Mapping
from typing import Any, Final

from auth_adapters.backends.sqlite.backend import BUSY_TIMEOUT, MMAP_SIZE, SQLiteBackend
from auth_adapters.options import GivenOptions

__all__ = ["read_backend"]

MAX_MMAP_SIZE: Final = 2**40
"""Bytes. SQLite itself stops at about two thousand million."""


def read_backend(path: str, options: Mapping[str, Any]) -> SQLiteBackend:
    """A backend for a file, or `:memory:`. Raises `ConfigurationError`."""
    given = GivenOptions("SQLite", {}, options)
    busy_timeout = given.seconds("busy_timeout", default=BUSY_TIMEOUT)
    mmap_size = given.count("mmap_size", default=MMAP_SIZE, least=0, most=MAX_MMAP_SIZE)
    given.finish()
    return SQLiteBackend(path, busy_timeout=busy_timeout, mmap_size=mmap_size)
