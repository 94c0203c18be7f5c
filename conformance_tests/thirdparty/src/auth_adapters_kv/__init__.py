"""auth_adapters on a key-value store: a toy, and the shortest example of a backend of one's own."""

from auth_adapters_kv.backend import KeyValueBackend
from auth_adapters_kv.store import KeyValueStore

__all__ = ["KeyValueBackend", "KeyValueStore"]
