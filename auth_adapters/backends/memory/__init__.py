"""The reference: exact semantics in plain dicts. Also a fast database for an application's tests."""

from auth_adapters.backends.memory.backend import MemoryBackend
from auth_adapters.backends.memory.store import MemoryStore

__all__ = ["MemoryBackend", "MemoryStore"]
