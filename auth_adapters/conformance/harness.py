"""What a binding tells the suite about an adapter under test."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from auth_adapters.observation import Observer
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import Schema

__all__ = ["Harness"]


class Harness(ABC):
    """The glue between one adapter and the suite. Made anew for every test.

    `database` is a name that the suite makes up, letters and digits: the first `connect` with a new name must lead to
    an empty database, a further one with the same name to the same data.
    """

    deviations: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Tests that this adapter is known to fail, each with the reason: `{"TestWhere::test_...": "..."}`; the class may
    be left out, and `*` stands for anything. They are strict xfails: one that passes after all is a failure."""

    @abstractmethod
    def connect(self, database: str, schema: Schema, *, observe: Observer | None = None) -> Adapter:
        """An adapter that is not open yet."""

    @abstractmethod
    async def stored(self, database: str, table: str) -> list[dict[str, Any]]:
        """What is really stored: every row of a physical table, by physical column, read past the adapter."""

    async def indexes(self, database: str, table: str) -> list[tuple[tuple[str, ...], bool]] | None:
        """The columns of every index of a table and whether it is unique, the primary key apart. None: cannot tell."""
        return None

    def statements(self, database: str) -> int | None:
        """How many statements the database has been sent so far, BEGIN and COMMIT apart. None: cannot count."""
        return None

    async def open_connections(self, database: str) -> int:
        """How many connections (or threads, or file handles) are open for this database."""
        return 0

    async def aclose(self) -> None:  # noqa: B027  (most have nothing to clean up)
        """Clean up after the test."""
