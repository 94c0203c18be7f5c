"""Connections of SQLite that are open, counted from outside: each has a thread."""

import threading

__all__ = ["sqlite_threads"]


def sqlite_threads() -> int:
    """How many threads of SQLite connections there are."""
    return sum("_connection_worker_thread" in thread.name for thread in threading.enumerate())
