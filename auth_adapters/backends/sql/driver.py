"""What an asyncio driver must say of itself so that the SQL operations run on its connections."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

from auth_adapters.backends.sql.operations import Answer, Request, run_work
from auth_adapters.errors import AuthAdapterError
from auth_adapters.physical import Row
from auth_adapters.protocols import Isolation

__all__ = ["Driver"]


class Driver(ABC):
    """One database's driver: how its connections are made, used and ended. All errors come out as ours.

    Also the `Connector` of the pool.
    """

    @abstractmethod
    def error(self, error: Exception) -> AuthAdapterError:
        """Our error for one of the driver's."""

    @abstractmethod
    def in_transaction(self, connection: Any) -> bool:
        """Whether the connection is inside a transaction."""

    @abstractmethod
    async def connect(self) -> Any:
        """A new connection, as every connection of ours is set up."""

    @abstractmethod
    async def ping(self, connection: Any) -> None:
        """Raise unless it answers."""

    @abstractmethod
    async def recover(self, connection: Any) -> None:
        """After an interrupted statement: end what it began, so that the connection is as new; or raise."""

    @abstractmethod
    def is_alive(self, connection: Any) -> bool:
        """Whether nothing is known against it."""

    @abstractmethod
    async def close(self, connection: Any) -> None:
        """End it politely."""

    @abstractmethod
    def terminate(self, connection: Any) -> None:
        """End it at once. Never raises."""

    @abstractmethod
    async def rows(self, connection: Any, text: str, parameters: Sequence[Any]) -> list[Row]:
        """The rows of one statement."""

    @abstractmethod
    async def execute(self, connection: Any, request: Request) -> Answer:
        """One statement, or one for each of many parameters."""

    async def ask(self, connection: Any, request: Request) -> Any:
        """What an operation that is this request alone returns."""
        return await run_work(request, partial(self.execute, connection))

    @abstractmethod
    async def statement(self, connection: Any, text: str) -> None:
        """One statement without parameters and rows."""

    @abstractmethod
    async def begin(self, connection: Any, isolation: Isolation | None) -> None:
        """Begin a transaction."""
