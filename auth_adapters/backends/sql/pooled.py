"""The verbs on connections of our own, from a pool; and, where there is a replica, on that for reads."""

import asyncio
import weakref
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeAlias

from auth_adapters.backends.sql.coalescing import Coalescer
from auth_adapters.backends.sql.connections import Connections, Lease, PoolFigures
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.backends.sql.operations import LookUp, Operations, Request, Work, run_work
from auth_adapters.backends.sql.owned import RunnerTransaction, Runs
from auth_adapters.backends.sql.pool import Pool
from auth_adapters.backends.sql.settling import settle
from auth_adapters.backends.sql.verbs import SqlVerbs
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import (
    AdapterStateError,
    ConnectionFailedError,
    OperationTimeoutError,
    PoolTimeoutError,
    TransientError,
)
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction, Isolation

__all__ = ["DriverBound", "MakePool", "PooledBackend"]

MakePool: TypeAlias = Callable[[Driver], Connections]

REPLICA_PAUSE: Final = 5.0
"""Seconds for which a replica that failed is left alone."""


class PooledBackend(SqlVerbs):
    """A `Backend` over a driver's connections. A database adds its driver, its SQL and its storage.

    replica: a driver whose connections serve reads outside transactions. A task that has written reads from the
    primary from then on; so does everybody while the replica cannot be reached.
    """

    storage: Storage
    capabilities: Capabilities

    def __init__(self, driver: Driver, make_pool: MakePool, replica: Driver | None = None) -> None:
        self._driver = driver
        self._replica = replica
        self._make_pool = make_pool
        self._pool: Connections | None = None
        self._reads: Connections | None = None
        self._coalescers: dict[Connections, Coalescer] = {}
        self._writers: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._replica_rests_until = 0.0
        self._layout = Layout(tables={})
        self.statements: int = 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._driver!r}>"

    @property
    def figures(self) -> PoolFigures:
        """The figures of the pool. `AdapterStateError` unless it is open."""
        return self._opened().figures

    @property
    def replica_figures(self) -> PoolFigures | None:
        """The figures of the replica's pool, if there is one."""
        return None if self._reads is None else self._reads.figures

    def _opened(self) -> Connections:
        if self._pool is None:
            raise AdapterStateError("the adapter is not open")
        return self._pool

    @abstractmethod
    async def prepare(self, connection: Any, layout: Layout) -> Operations:
        """Look at the server through its first connection; the operations for it. Sets `capabilities`."""

    @abstractmethod
    async def create_all(self, connection: Any) -> None:
        """Create what is absent."""

    async def open(self, layout: Layout) -> None:
        self._layout = layout
        self._coalescers.clear()
        pool = self._made(self._driver)
        try:
            lease = await pool.acquire()
            try:
                self._operations = await self.prepare(lease.connection, layout)
            except BaseException as error:
                await settle(pool, lease, error)
                raise
            pool.release(lease)
        except BaseException:
            await pool.close()
            raise
        self._pool = pool
        if self._replica is not None:
            self._reads = self._made(self._replica)

    async def close(self) -> None:
        pools = [pool for pool in (self._pool, self._reads) if pool is not None]
        self._pool = self._reads = None
        await asyncio.gather(*(pool.close() for pool in pools))

    async def create_tables(self) -> None:
        self._written()
        pool = self._opened()
        lease = await pool.acquire()
        try:
            await self.create_all(lease.connection)
        except BaseException as error:
            await settle(pool, lease, error, dirty=True)
            raise
        pool.release(lease)

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        self._written()
        pool = self._opened()
        lease = pool.take() or await pool.acquire()
        try:
            await self._driver.begin(lease.connection, isolation)
        except BaseException as error:
            await settle(pool, lease, error, dirty=True)
            raise
        return PooledTransaction(self, pool, lease)

    def _perform(self, work: Work) -> Coroutine[Any, Any, Any]:
        if self._reads is not None:
            if work.writes:
                self._written()
            elif self._replica is not None and self._may_read_elsewhere():
                return self._read(self._reads, self._replica, work)
        return self._sent(self._pool or self._opened(), self._driver, work)

    def _sent(self, pool: Connections, driver: Driver, work: Work) -> Coroutine[Any, Any, Any]:
        """An operation by itself, or a look-up with others like it."""
        if type(work) is LookUp and (coalescer := self._coalescers.get(pool)) is not None and coalescer.gathers:
            return coalescer.ask(work)
        return self._on(pool, driver, work)

    def _made(self, driver: Driver) -> Connections:
        """A new pool, and what coalesces the look-ups on it, if it is one of ours."""

        def ask(connection: Any, request: Request) -> Any:
            self.statements += 1
            return driver.ask(connection, request)

        pool = self._make_pool(driver)
        if isinstance(pool, Pool) and pool.coalesces:
            self._coalescers[pool] = Coalescer(pool, ask)
        return pool

    async def _on(self, pool: Connections, driver: Driver, work: Work, attempt: int = 1) -> Any:
        """An operation by itself: committed when it returns."""
        lease = pool.take() or await pool.acquire()
        try:
            if isinstance(work, Request):
                self.statements += 1
                result: Any = await driver.ask(lease.connection, work)
            elif work.alone is not None:
                result = await self.run(driver, lease.connection, work._replace(operation=work.alone))
            elif work.several:
                await driver.begin(lease.connection, None)
                result = await self.run(driver, lease.connection, work)
                await driver.statement(lease.connection, "COMMIT")
            else:
                result = await self.run(driver, lease.connection, work)
        except BaseException as error:
            await settle(pool, lease, error, dirty=work.several)
            if not isinstance(error, TransientError):
                raise
            undone = error
        else:
            pool.release(lease)
            return result
        return await self._on(pool, driver, await self._once_more(work, undone, attempt), attempt + 1)

    async def _once_more(self, work: Work, error: TransientError, attempt: int) -> Work:
        """The same work for another attempt, now that the database has undone it; or its error."""
        raise error

    async def run(self, driver: Driver, connection: Any, work: Work) -> Any:
        """An operation inside whatever transaction there is."""
        if isinstance(work, Request):
            self.statements += 1
            return await driver.ask(connection, work)

        def execute(request: Request) -> Any:
            self.statements += 1
            return driver.execute(connection, request)

        return await run_work(work, execute)

    # ----- the replica

    def _written(self) -> None:
        if self._reads is not None and (task := asyncio.current_task()) is not None:
            self._writers.add(task)

    def _may_read_elsewhere(self) -> bool:
        rested = asyncio.get_running_loop().time() >= self._replica_rests_until
        return rested and asyncio.current_task() not in self._writers

    async def _read(self, reads: Connections, replica: Driver, work: Work) -> Any:
        try:
            return await self._sent(reads, replica, work)
        except (ConnectionFailedError, OperationTimeoutError, PoolTimeoutError):
            self._replica_rests_until = asyncio.get_running_loop().time() + REPLICA_PAUSE
        except TransientError:
            pass  # what the primary is doing got in its way
        return await self._sent(self._opened(), self._driver, work)


class PooledTransaction(SqlVerbs):
    """A transaction on one connection of the pool, which goes back at the end."""

    def __init__(self, backend: PooledBackend, pool: Connections, lease: Lease) -> None:
        self._backend = backend
        self._operations = backend._operations
        self._driver = backend._driver
        self._pool = pool
        self._lease = lease
        self._lost = False

    async def _perform(self, work: Work) -> Any:
        try:
            return await self._backend.run(self._driver, self._lease.connection, work)
        except ConnectionFailedError:
            self._lost = True
            raise

    async def say(self, *statements: str) -> None:
        """Statements without parameters."""
        try:
            for statement in statements:
                await self._driver.statement(self._lease.connection, statement)
        except ConnectionFailedError:
            self._lost = True
            raise

    async def commit(self) -> None:
        try:
            await self._driver.statement(self._lease.connection, "COMMIT")
        except BaseException as error:
            await settle(self._pool, self._lease, error, dirty=True)
            raise
        self._pool.release(self._lease)

    async def rollback(self) -> None:
        if self._lost:
            self._pool.discard(self._lease)
            return
        await asyncio.wait([self._pool.interrupted(self._lease)])

    async def savepoint(self) -> BackendTransaction:
        return await PooledSavepoint.begin(self, 1)


class PooledSavepoint(SqlVerbs):
    """A part of a transaction."""

    def __init__(self, outer: PooledTransaction, depth: int) -> None:
        self._outer = outer
        self._operations = outer._operations
        self._depth = depth
        self._name = f"auth_adapters_{depth}"
        self._perform = outer._perform  # type: ignore[method-assign]

    @classmethod
    async def begin(cls, outer: PooledTransaction, depth: int) -> "PooledSavepoint":
        """Begin one inside `outer`."""
        savepoint = cls(outer, depth)
        await outer.say(f"SAVEPOINT {savepoint._name}")
        return savepoint

    async def commit(self) -> None:
        await self._outer.say(f"RELEASE SAVEPOINT {self._name}")

    async def rollback(self) -> None:
        await self._outer.say(f"ROLLBACK TO SAVEPOINT {self._name}", f"RELEASE SAVEPOINT {self._name}")

    async def savepoint(self) -> BackendTransaction:
        return await PooledSavepoint.begin(self._outer, self._depth + 1)


class DriverRunner:
    """Runs operations on one connection of the driver's."""

    def __init__(self, driver: Driver, connection: Any) -> None:
        self._driver = driver
        self._connection = connection

    async def statement(self, text: str) -> None:
        """One statement without parameters."""
        await self._driver.statement(self._connection, text)

    async def run(self, work: Work) -> Any:
        """An operation, inside whatever transaction there is."""
        return await run_work(work, partial(self._driver.execute, self._connection))


class DriverBound(RunnerTransaction):
    """The verbs in the application's own transaction on a connection of the driver's."""

    def __init__(self, driver: Driver, connection: Any, operations: Operations) -> None:
        super().__init__(operations, 0)
        self._driver = driver
        self._connection = connection
        self._runner = DriverRunner(driver, connection)

    async def _ready(self) -> Runs:
        return self._runner

    async def _perform(self, work: Work) -> Any:
        if work.several:
            self._check_transaction()
        return await super()._perform(work)

    async def savepoint(self) -> BackendTransaction:
        self._check_transaction()
        return await super().savepoint()

    def _check_transaction(self) -> None:
        if not self._driver.in_transaction(self._connection):
            raise AdapterStateError("the bound connection is in no transaction: begin one on it first")
