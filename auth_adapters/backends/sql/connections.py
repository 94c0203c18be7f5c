"""Where connections come from: the contracts between a pool, what makes connections, and who uses them."""

import asyncio
from dataclasses import dataclass
from random import uniform
from typing import Any, Protocol

__all__ = ["Connections", "Connector", "Lease", "PoolFigures", "PoolOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolOptions:
    """Bounds of a pool; times in seconds.

    size: connections at most. acquire_timeout: how long a caller waits for one. max_waiting: how many callers may wait.
    connect_timeout: for making one. ping_after: one that was idle for so long is tried before use. max_idle: one that
    was idle for so long is closed. max_lifetime: one that is so old (less up to a tenth) is replaced. close_timeout:
    how long closing waits for what is under way. coalesce: whether look-ups that wait together go as one statement.
    """

    size: int = 10
    acquire_timeout: float = 30.0
    max_waiting: int = 10_000
    connect_timeout: float = 10.0
    ping_after: float = 30.0
    max_idle: float = 300.0
    max_lifetime: float = 3_600.0
    close_timeout: float = 10.0
    coalesce: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """A pool at one moment, for monitoring. wait_time: seconds, of all callers that had to wait since it was opened.
    acquired, waited, timeouts, opened, lost, failures: how often since then a connection was taken, was waited for, was
    not had in time, was made, was found dead, could not be made.
    """

    size: int
    in_use: int
    idle: int
    waiting: int
    wait_time: float
    acquired: int
    waited: int
    timeouts: int
    opened: int
    lost: int
    failures: int


class Connector(Protocol):
    """What a pool must know of a driver. Errors are ours; `terminate` never raises."""

    async def connect(self) -> Any:
        """A new connection."""
        ...

    async def ping(self, connection: Any) -> None:
        """Raise unless it answers."""
        ...

    async def recover(self, connection: Any) -> None:
        """Make one usable again whose statement was interrupted, or raise."""
        ...

    def is_alive(self, connection: Any) -> bool:
        """Whether nothing is known against it."""
        ...

    async def close(self, connection: Any) -> None:
        """End it politely."""
        ...

    def terminate(self, connection: Any) -> None:
        """End it at once."""
        ...


class Connections(Protocol):
    """Where connections come from and go back to: a `Pool` of ours, or one of the application's."""

    @property
    def figures(self) -> PoolFigures:
        """How it is doing."""
        ...

    def take(self) -> "Lease | None":
        """An idle connection that can be used as it is, if there is one and nobody waits."""
        ...

    async def acquire(self) -> "Lease":
        """A connection, waiting for one if need be."""
        ...

    def release(self, lease: "Lease") -> None:
        """Give a connection back, unharmed."""
        ...

    def discard(self, lease: "Lease") -> None:
        """Give back a connection that is lost."""
        ...

    def interrupted(self, lease: "Lease") -> asyncio.Task[None]:
        """Give back a connection whose statement or transaction was interrupted; the task makes it usable or ends
        it.
        """
        ...

    async def close(self) -> None:
        """Wait for what is under way, then let go."""
        ...


class Lease:
    """A connection of the pool, idle or in use, and moments by `time.monotonic`.

    expires: when it is replaced. used: when it last was. fresh_until: before that it is used without being tried.
    """

    __slots__ = ("connection", "expires", "fresh_until", "used")

    def __init__(self, connection: Any, now: float, lifetime: float) -> None:
        self.connection: Any = connection
        self.expires: float = now + lifetime * uniform(0.9, 1.0)  # noqa: S311  (spreads replacements, no secret)
        self.used: float = now
        self.fresh_until: float = 0.0
