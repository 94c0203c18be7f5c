"""What SQLite can do, on whosever connection."""

from typing import Final

from auth_adapters.capabilities import Capabilities

__all__ = ["CAPABILITIES"]

CAPABILITIES: Final = Capabilities(
    transactions=True,
    serializable=True,
    savepoints=True,
    atomic_batches=True,
    atomic_bulk=True,
    serial_ids=True,
    database_ids=True,
    bind=True,
    native_joins=True,
)
