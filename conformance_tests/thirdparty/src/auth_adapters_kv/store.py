"""The database of this toy: blobs by key, in buckets. It knows nothing of auth_adapters."""

import asyncio
from collections.abc import Mapping
from typing import TypeAlias

__all__ = ["Changes", "KeyValueStore"]

Changes: TypeAlias = Mapping[tuple[str, str], str | None]


class KeyValueStore:
    """Buckets of blobs by key. Every call gives up the event loop once, as a network would."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, str]] = {}
        self.lock = asyncio.Lock()
        self.clients = 0

    def connect(self) -> None:
        """A client comes. The first one brings the lock: a lock belongs to one event loop."""
        if not self.clients:
            self.lock = asyncio.Lock()
        self.clients += 1

    def disconnect(self) -> None:
        """A client goes."""
        self.clients -= 1

    async def create(self, bucket: str) -> None:
        """Make a bucket that is absent."""
        await asyncio.sleep(0)
        self.buckets.setdefault(bucket, {})

    async def get(self, bucket: str, key: str) -> str | None:
        """The blob of a key. `KeyError` without the bucket."""
        await asyncio.sleep(0)
        return self.buckets[bucket].get(key)

    async def scan(self, bucket: str) -> dict[str, str]:
        """Every blob of a bucket. `KeyError` without it."""
        await asyncio.sleep(0)
        return dict(self.buckets[bucket])

    async def write(self, changes: Changes) -> None:
        """Store blobs, or remove them (None), all at once."""
        await asyncio.sleep(0)
        for (bucket, key), blob in changes.items():
            if blob is None:
                self.buckets[bucket].pop(key, None)
            else:
                self.buckets[bucket][key] = blob
