"""Looking into SQLite from outside the adapter."""

import threading

__all__ = ["quoted", "sqlite_threads"]


def sqlite_threads() -> set[threading.Thread]:
    """The connections that are open: each has a thread."""
    return {thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name}


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
