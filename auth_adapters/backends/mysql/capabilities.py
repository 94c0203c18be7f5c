"""What MySQL and MariaDB can do, on whosever connection, and which values they take as they are."""

from typing import Final

from auth_adapters.capabilities import Capabilities, Storage

__all__ = ["CAPABILITIES", "STORAGE"]

CAPABILITIES: Final = Capabilities(
    transactions=True,
    serializable=True,
    savepoints=True,
    atomic_batches=True,
    atomic_bulk=True,
    serial_ids=True,
    database_ids=True,
    database_schemas=True,
    bind=True,
    native_joins=True,
)

STORAGE: Final = Storage(datetime="written_naive")
