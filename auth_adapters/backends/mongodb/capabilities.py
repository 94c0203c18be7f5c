"""What MongoDB can do, and which values it stores as they are."""

from dataclasses import replace
from typing import Final

from bson import ObjectId

from auth_adapters.capabilities import Capabilities, Storage

__all__ = ["REPLICA_SET", "STANDALONE", "STORAGE"]

STORAGE: Final = Storage(
    boolean=True, datetime="naive", json=True, arrays=True, uuid=True, bytes=False, object_id=ObjectId
)
"""bytes: MongoDB sorts them by their length first. datetime: what has no time zone is UTC to the driver."""
REPLICA_SET: Final = Capabilities(
    transactions=True,
    atomic_batches=True,
    atomic_bulk=True,
    serial_ids=True,
    database_schemas=True,
    bind=True,
    native_joins=True,
)
STANDALONE: Final = replace(REPLICA_SET, transactions=False, atomic_batches=False, atomic_bulk=False, bind=False)
"""A server in no replica set has no transactions, and so nothing to bind to."""
