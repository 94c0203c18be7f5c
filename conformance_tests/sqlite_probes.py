"""Looking into SQLite from outside the adapter."""

import threading

__all__ = ["quoted", "sqlite_threads"]


def sqlite_threads() -> int:
    """How many connections are open: each has a thread."""
    return sum("_connection_worker_thread" in thread.name for thread in threading.enumerate())


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
