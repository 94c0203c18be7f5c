"""The verbs on what the application owns: its SQLAlchemy engine, connection or session. None of them is ever closed.

The same operations and the same SQL as on connections of our own, through `exec_driver_sql`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import CursorResult
from sqlalchemy.exc import DBAPIError, InvalidRequestError
from sqlalchemy.exc import TimeoutError as SqlTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession
from sqlalchemy.pool import StaticPool

from auth_adapters.backends.sql.operations import Answer, Operations, Request, Work, run_work
from auth_adapters.backends.sql.verbs import SqlVerbs
from auth_adapters.cancellation import uninterrupted
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import (
    AdapterStateError,
    AuthAdapterError,
    BackendError,
    ConfigurationError,
    PoolTimeoutError,
    TransientError,
)
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction, Isolation

__all__ = ["BoundTransaction", "EngineBackend", "OwnedDialect", "Runner", "RunnerTransaction", "Runs"]

T = TypeVar("T")

TURN_TIMEOUT: Final = 10.0
"""Seconds that a writer waits for one before it."""


class OwnedDialect(ABC):
    """What a database must say of itself so that its operations run on connections of the application."""

    errors: tuple[type[Exception], ...] = (DBAPIError,)
    """What a statement of the database's may raise: SQLAlchemy lets some errors of drivers through as they are."""

    one_writer: bool = False
    """Whether the database admits one writer at a time, so that ours had better queue here, in order."""

    @abstractmethod
    def operations(self, layout: Layout, connection: AsyncConnection) -> Operations:
        """The operations of a layout, for the server that the connection leads to."""

    @abstractmethod
    async def create_all(self, layout: Layout, runner: "Runner") -> None:
        """Create what is absent. Inside a transaction, where that means something to the database."""

    @abstractmethod
    def error(self, error: BaseException, layout: Layout) -> AuthAdapterError:
        """Our error for one of the driver's."""

    def made(self, result: CursorResult[Any]) -> int:
        """The number that the database made for a new row, where it tells by other means than rows; else 0."""
        return 0

    async def prepare(self, connection: AsyncConnection) -> None:  # noqa: B027  (most need nothing)
        """Before the first statement on a connection: check or set what the promises need."""

    async def join_transaction(self, connection: AsyncConnection) -> None:  # noqa: B027  (most need nothing)
        """Make sure that the connection really is in the transaction its owner believes it to be in."""

    async def begin(self, connection: AsyncConnection, isolation: Isolation | None) -> None:
        """Begin a transaction of ours on a connection of the engine."""
        if isolation is not None:
            await connection.execution_options(isolation_level=isolation.replace("_", " ").upper())
        await connection.begin()

    async def commit(self, connection: AsyncConnection) -> None:
        """End it well."""
        await connection.commit()

    async def rollback(self, connection: AsyncConnection) -> None:
        """Undo it."""
        await connection.rollback()


class Runs(Protocol):
    """What runs statements and operations on one connection."""

    async def statement(self, text: str) -> None:
        """One statement without parameters."""
        ...

    async def run(self, work: Work) -> Any:
        """An operation, inside whatever transaction there is."""
        ...


class Runner:
    """Runs operations on one SQLAlchemy connection."""

    def __init__(self, connection: AsyncConnection, dialect: OwnedDialect, layout: Layout) -> None:
        self.connection = connection
        self._dialect = dialect
        self._layout = layout
        self._turn = asyncio.Lock()

    async def prepare(self) -> None:
        """Before the first statement: check or set what the promises need."""
        await self._mapped(self._dialect.prepare(self.connection))

    async def join_transaction(self) -> None:
        """Make sure that the connection is in the transaction its owner believes it to be in."""
        await self._mapped(self._dialect.join_transaction(self.connection))

    async def statement(self, text: str) -> None:
        """One statement without parameters."""
        await self._execute(Request(text, ()))

    async def rows(self, text: str) -> list[Any]:
        """The rows of a statement without parameters."""
        return (await self._execute(Request(text, ()))).rows

    async def begin(self, isolation: Isolation | None = None) -> None:
        """Begin a transaction."""
        await self._mapped(self._dialect.begin(self.connection, isolation))

    async def commit(self) -> None:
        """End it well."""
        await self._mapped(self._dialect.commit(self.connection))

    async def roll_back(self) -> None:
        """Undo what was begun, if the database has not done so already."""
        with suppress(BackendError):
            await self._mapped(self._dialect.rollback(self.connection))

    async def run(self, work: Work) -> Any:
        """Answer an operation's requests until it returns."""
        # a statement of ours ends even when its caller is cancelled, and the operation puts back what it has set
        return await run_work(work, self._execute, told=(AuthAdapterError, asyncio.CancelledError))

    async def _execute(self, request: Request) -> Answer:
        parameters = [tuple(row) for row in request.parameters] if request.many else tuple(request.parameters)
        result = await self._mapped(self.connection.exec_driver_sql(request.text, parameters))
        rows = [tuple(row) for row in result.all()] if result.returns_rows else []
        return Answer(rows, result.rowcount, self._dialect.made(result))

    async def _mapped(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            await self._turn.acquire()  # a driver hangs or fails when two tasks speak on one connection
        except BaseException:
            work.close()
            raise
        try:
            return await uninterrupted(work)
        except InvalidRequestError:  # SQLAlchemy's word for a connection that is closed, or a transaction that is over
            failure: AuthAdapterError = AdapterStateError("the connection is closed, or its transaction has failed")
        except self._dialect.errors as error:
            failure = self._dialect.error(error, self._layout)
        finally:
            self._turn.release()
        raise failure from None


class EngineBackend(SqlVerbs):
    """A `Backend` on the application's `AsyncEngine`, which is never disposed of."""

    storage: Storage = Storage()
    capabilities: Capabilities

    def __init__(self, engine: AsyncEngine, dialect: OwnedDialect, capabilities: Capabilities) -> None:
        self._engine = engine
        self._dialect = dialect
        self.capabilities = capabilities
        self._layout = Layout(tables={})
        self._single = isinstance(engine.pool, StaticPool)
        self._turn = asyncio.Lock()

    async def open(self, layout: Layout) -> None:
        self._layout = layout
        self._turn = asyncio.Lock()  # of this event loop
        async with self._runner() as runner:
            self._operations = self._dialect.operations(layout, runner.connection)

    async def close(self) -> None:
        pass

    async def create_tables(self) -> None:
        async with self._runner() as runner:
            try:
                await runner.begin()
                await self._dialect.create_all(self._layout, runner)
                await runner.commit()
            except BaseException:
                await runner.roll_back()
                raise

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        context = self._runner(writes=True)
        runner = await context.__aenter__()
        try:
            await runner.begin(isolation)
        except BaseException as error:
            await runner.roll_back()
            await context.__aexit__(type(error), error, error.__traceback__)
            raise
        return EngineTransaction(runner, self._operations, context)

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        return BoundTransaction(connection_or_session, self._dialect, self._operations, self._layout)

    async def _perform(self, work: Work) -> Any:
        async with self._runner(writes=work.writes) as runner:
            if not work.writes:
                return await runner.run(work)
            try:
                await runner.begin()
                result = await runner.run(work)
                await runner.commit()
            except BaseException:
                await runner.roll_back()
                raise
            return result

    async def _connect(self) -> AsyncConnection:
        """A connection of the engine. One that arrives after its caller was cancelled goes back at once."""
        arriving = asyncio.ensure_future(self._engine.connect().start())
        try:
            return await asyncio.shield(arriving)
        except asyncio.CancelledError:
            await asyncio.wait([arriving])
            if not arriving.cancelled() and arriving.exception() is None:
                await arriving.result().close()
            raise
        except SqlTimeoutError:
            failure: AuthAdapterError = PoolTimeoutError("no connection of your engine's pool became free in time")
        except self._dialect.errors as error:
            failure = self._dialect.error(error, self._layout)
        raise failure from None

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(TURN_TIMEOUT):
                await self._turn.acquire()
        except TimeoutError:
            raise TransientError("another transaction held the database for too long; safe to retry") from None
        try:
            yield
        finally:
            self._turn.release()

    @asynccontextmanager
    async def _runner(self, *, writes: bool = True) -> AsyncIterator[Runner]:
        async with self._my_turn() if self._single or (writes and self._dialect.one_writer) else nullcontext():
            connection = await self._connect()
            try:
                runner = Runner(connection, self._dialect, self._layout)
                await runner.prepare()
                yield runner
            finally:
                await asyncio.shield(connection.close())


class RunnerTransaction(SqlVerbs):
    """The verbs on a connection that is inside a transaction already. A savepoint is one of these."""

    def __init__(self, operations: Operations, depth: int) -> None:
        self._operations = operations
        self._depth = depth

    async def _ready(self) -> Runs:
        """The connection, ready for a statement."""
        raise NotImplementedError

    async def _perform(self, work: Work) -> Any:
        runner = await self._ready()
        if not work.several:
            return await runner.run(work)
        await runner.statement("SAVEPOINT auth_adapters_verb")
        try:
            result = await runner.run(work)
        except BaseException:
            with suppress(BackendError):  # a deadlock has undone the whole transaction, savepoints and all
                await runner.statement("ROLLBACK TO SAVEPOINT auth_adapters_verb")
                await runner.statement("RELEASE SAVEPOINT auth_adapters_verb")
            raise
        await runner.statement("RELEASE SAVEPOINT auth_adapters_verb")
        return result

    async def savepoint(self) -> BackendTransaction:
        runner = await self._ready()
        await runner.statement(f"SAVEPOINT auth_adapters_{self._depth + 1}")
        return Savepoint(runner, self._operations, self._depth + 1)

    async def commit(self) -> None:
        """For the owner to do."""

    async def rollback(self) -> None:
        """For the owner to do."""


class Savepoint(RunnerTransaction):
    """A part of a transaction."""

    def __init__(self, runner: Runs, operations: Operations, depth: int) -> None:
        super().__init__(operations, depth)
        self._runner = runner

    async def _ready(self) -> Runs:
        return self._runner

    async def commit(self) -> None:
        await self._runner.statement(f"RELEASE SAVEPOINT auth_adapters_{self._depth}")

    async def rollback(self) -> None:
        await self._runner.statement(f"ROLLBACK TO SAVEPOINT auth_adapters_{self._depth}")
        await self._runner.statement(f"RELEASE SAVEPOINT auth_adapters_{self._depth}")


class EngineTransaction(RunnerTransaction):
    """A transaction of ours on a connection of the application's engine, which goes back to it at the end."""

    def __init__(self, runner: Runner, operations: Operations, context: Any) -> None:
        super().__init__(operations, 0)
        self._runner = runner
        self._context = context

    async def _ready(self) -> Runs:
        return self._runner

    async def commit(self) -> None:
        try:
            await self._runner.commit()
        except BackendError:
            await self._runner.roll_back()
            raise
        finally:
            await self._context.__aexit__(None, None, None)

    async def rollback(self) -> None:
        try:
            await self._runner.roll_back()
        finally:
            await self._context.__aexit__(None, None, None)


class BoundTransaction(RunnerTransaction):
    """The verbs in the application's own transaction. A session is flushed first, where it says autoflush."""

    def __init__(self, owner: Any, dialect: OwnedDialect, operations: Operations, layout: Layout) -> None:
        if not isinstance(owner, AsyncConnection | AsyncSession):
            raise ConfigurationError(
                f"bind takes an SQLAlchemy AsyncConnection or AsyncSession, not {type(owner).__name__}"
            )
        super().__init__(operations, 0)
        self._owner = owner
        self._dialect = dialect
        self._layout = layout
        self._prepared: AsyncConnection | None = None

    async def _ready(self) -> Runs:
        if isinstance(self._owner, AsyncSession):
            if self._owner.sync_session.autoflush:
                await self._owner.flush()
            connection = await self._owner.connection()
        else:
            connection = self._owner
        runner = Runner(connection, self._dialect, self._layout)
        if connection is not self._prepared:
            await runner.prepare()
            self._prepared = connection
        await runner.join_transaction()
        return runner
