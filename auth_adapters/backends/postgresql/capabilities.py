"""What PostgreSQL can do, on whosever connection, and which values it takes as they are."""

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

STORAGE: Final = Storage(boolean=True, datetime="written", arrays=True, uuid=True)
"""Times are sent as text, since asyncpg makes the first moment of year 1 an infinity; JSON too, since an application's
own connections may have codecs of theirs for it."""
