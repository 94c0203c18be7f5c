"""What a place does."""

from pathlib import Path
from typing import Protocol

from benchmarks.dataset import Dataset

__all__ = ["Place"]


class Place(Protocol):
    """A folder of files, or a server. Databases are given and taken as URLs."""

    def __init__(self, folder: Path) -> None: ...

    def start(self) -> str:
        """Start it; its version."""
        ...

    def stop(self) -> None:
        """Let go of it and of all that it keeps. Also where it did not start."""
        ...

    async def write(self, name: str, data: Dataset) -> str:
        """A new database with the tables that auth_adapters creates, and the data in them."""
        ...

    async def copy(self, target: str, name: str) -> str:
        """A database with the same in it."""
        ...

    async def remove(self, target: str) -> None:
        """Let go of a database."""
        ...
