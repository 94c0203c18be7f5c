"""The adapter over a backend: open and closed, transactions, and who may use what when."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

from auth_adapters.cancellation import uninterrupted
from auth_adapters.capabilities import Capabilities
from auth_adapters.codec import Codec
from auth_adapters.errors import (
    AdapterStateError,
    AuthAdapterError,
    BackendError,
    InvalidQueryError,
    TransientError,
    UnsupportedOperationError,
)
from auth_adapters.observation import Observer
from auth_adapters.planning import Planner
from auth_adapters.protocols import Adapter, Backend, BackendTransaction, Isolation
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.verbs import Verbs

__all__ = ["BackendAdapter"]

T = TypeVar("T")
ISOLATIONS: Final = (None, "read_committed", "repeatable_read", "serializable")
ID_CAPABILITIES: Final = {"serial": "serial_ids", "database": "database_ids"}
PAUSE: Final = 0.01
"""Seconds; the first pause before a transaction is tried again is at most this long, each next one twice that."""


class BackendAdapter(Verbs):
    """An `Adapter` over any `Backend`. schema: the core four if none is given. observe: told of every verb."""

    def __init__(self, backend: Backend, *, schema: Schema | None = None, observe: Observer | None = None) -> None:
        codec = Codec(schema or auth_schema(), backend.storage)
        planner = Planner(codec, native_joins=backend.capabilities.native_joins)
        super().__init__(planner, backend, observe)
        self._backend = backend
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        self._owners: dict[asyncio.Task[Any] | None, TransactionAdapter] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} over {type(self._backend).__name__}, {'open' if self._loop else 'closed'}>"

    @property
    def capabilities(self) -> Capabilities:
        self._check_open()
        return self._backend.capabilities

    @property
    def backend(self) -> Backend:
        """The backend, for what it offers beyond the contract."""
        return self._backend

    async def open(self) -> None:
        async with self._door():
            if self._loop is not None:
                self._check_open()
                return
            await self._backend.open(self._planner.codec.layout)
            try:
                self._check_schema(self._backend.capabilities)
            except BaseException:
                await uninterrupted(self._backend.close())
                raise
            self._loop = asyncio.get_running_loop()

    async def close(self) -> None:
        self._check_owner()
        async with self._door():
            if self._loop is None:
                return
            self._check_open()
            self._loop = None
            await uninterrupted(self._backend.close())

    def _door(self) -> asyncio.Lock:
        """Held while opening and closing. A lock serves one event loop."""
        loop = asyncio.get_running_loop()
        if self._lock is None or self._lock[0] is not loop:
            self._lock = (loop, asyncio.Lock())
        return self._lock[1]

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def create_tables(self) -> None:
        await self._run("create_tables", "", self._backend.create_tables)

    def bind(self, connection_or_session: Any) -> Adapter:
        self._check_open()
        self._require("bind", "bind")
        return TransactionAdapter(self, self._backend.bind(connection_or_session), "bound")

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Adapter]:
        if isolation not in ISOLATIONS:
            raise InvalidQueryError(f"isolation is one of {', '.join(filter(None, ISOLATIONS))}")
        self._check_open()
        self._require("transactions", "transaction")
        if isolation == "serializable":
            self._require("serializable", "a serializable transaction")
        handle: BackendTransaction = await self._run("begin", "", self._backend.begin, isolation)
        task = asyncio.current_task()
        tx = TransactionAdapter(self, handle, "transaction")
        self._owners[task] = tx
        try:
            async with tx.ended():
                yield tx
        finally:
            del self._owners[task]

    async def run_transaction(
        self, work: Callable[[Adapter], Awaitable[T]], *, isolation: Isolation | None = None, attempts: int = 3
    ) -> T:
        if not isinstance(attempts, int) or attempts < 1:
            raise InvalidQueryError("attempts takes a whole number from 1 on")
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction(isolation=isolation) as tx:
                    return await work(tx)
            except TransientError:
                if attempt == attempts:
                    raise
            await asyncio.sleep(random.uniform(0, PAUSE * 2 ** (attempt - 1)))  # noqa: S311  (a pause, no secret)
        raise AssertionError("unreachable")

    def _check_open(self) -> None:
        if self._loop is None:
            raise AdapterStateError("the adapter is not open: use it in `async with`, or await open() first")
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            return  # plain code asks: it awaits nothing
        if self._loop is not running:
            raise AdapterStateError("the adapter was opened in another event loop; open one per loop")

    def _check_owner(self) -> None:
        if self._owners and asyncio.current_task() in self._owners:
            raise AdapterStateError("this task is inside a transaction: use the transaction's adapter")

    def _run(self, verb: str, model: str, call: Callable[..., Awaitable[Any]], *given: Any) -> Awaitable[Any]:
        if self._observe is not None:
            return self._guarded(verb, model, call, *given)
        if self._loop is None or self._owners or self._loop is not asyncio.get_running_loop():
            self._enter()
        return call(*given)  # and nothing to do afterwards

    def _enter(self) -> None:
        self._check_open()
        self._check_owner()

    def _require(self, capability: str, what: str) -> None:
        if not getattr(self._backend.capabilities, capability):
            raise UnsupportedOperationError(f"{what}: this backend has no {capability}")

    def _check_schema(self, capabilities: Capabilities) -> None:
        schema = self.schema
        wanted = ID_CAPABILITIES.get(schema.ids) if isinstance(schema.ids, str) else None
        if wanted and not getattr(capabilities, wanted):
            raise UnsupportedOperationError(f"ids={schema.ids!r}: this backend has no {wanted}")
        if schema.naming.database_schema and not capabilities.database_schemas:
            raise UnsupportedOperationError("Naming.database_schema: this backend has no database_schemas")


class TransactionAdapter(Verbs):
    """An `Adapter` inside a transaction, a savepoint, or a connection of the application's ("bound")."""

    def __init__(
        self, root: BackendAdapter, handle: BackendTransaction, kind: str, outer: "TransactionAdapter | None" = None
    ) -> None:
        super().__init__(root._planner, handle, root._observe)
        self._root = root
        self._handle = handle
        self._kind = kind
        self._outer = outer
        self._busy = False
        self._failure: str | None = None
        self._retry = False
        self._ended = False
        self._child: TransactionAdapter | None = None

    def __repr__(self) -> str:
        state = "over" if self._over else "failed" if self._failure else "active"
        return f"<{type(self).__name__}: {self._kind}, {state}>"

    @property
    def capabilities(self) -> Capabilities:
        return self._root.capabilities

    @property
    def _over(self) -> bool:
        """Whether it has ended, or what is around it has, which takes it along."""
        return self._ended or (self._outer is not None and self._outer._over)

    async def open(self) -> None:
        """Nothing to do: it is open as long as its transaction is."""
        self._check_usable()

    async def close(self) -> None:
        """Nothing to do: its owner ends it."""

    async def __aenter__(self) -> Self:
        self._check_usable()
        return self

    async def __aexit__(self, *exc: object) -> None:
        pass

    async def create_tables(self) -> None:
        raise UnsupportedOperationError("create_tables: call it on the adapter itself, outside a transaction")

    def bind(self, connection_or_session: Any) -> Adapter:
        raise UnsupportedOperationError("bind: call it on the adapter itself, not inside a transaction")

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Adapter]:
        if isolation is not None:
            raise InvalidQueryError("isolation is chosen where the transaction begins, not for a savepoint")
        self._check_usable()
        self._require("savepoints", "a transaction inside a transaction")
        handle: BackendTransaction = await self._run("savepoint", "", self._handle.savepoint)
        child = TransactionAdapter(self._root, handle, "savepoint", self)
        self._child = child
        try:
            async with child.ended():
                yield child
        finally:
            self._child = None

    async def run_transaction(
        self, work: Callable[[Adapter], Awaitable[T]], *, isolation: Isolation | None = None, attempts: int = 3
    ) -> T:
        async with self.transaction(isolation=isolation) as tx:
            return await work(tx)

    @asynccontextmanager
    async def ended(self) -> AsyncIterator[None]:
        """Commit when the block ends well, roll back when it does not."""
        try:
            yield
        except AdapterStateError as error:
            await self._roll_back(error)
            if not self._retry:
                raise
        except BaseException as error:
            await self._roll_back(error)
            raise
        else:
            if not (self._over or self._busy or self._failure or self._child):
                self._ended = True
                await uninterrupted(self._handle.commit())
                return
            await self._roll_back()
        outlived = self._outer is not None and self._outer._over
        reason = self._failure or ("what is around it has ended" if outlived else "it was still in use when it ended")
        raise (TransientError if self._retry else AdapterStateError)(f"the {self._kind} was rolled back: {reason}")

    async def _roll_back(self, cause: BaseException | None = None) -> None:
        """Undo, unless what is around it has done so. Where even that fails, the connection takes the transaction
        along, and what is around it fails too, with the same prospects as the cause of it all.
        """
        over, self._ended = self._over, True
        if over:
            return
        try:
            await uninterrupted(self._handle.rollback())
        except BackendError as error:
            if self._outer is not None:
                self._outer._failure = f"a savepoint of it could not be undone: {type(error).__name__}"
                self._outer._retry = self._retry or isinstance(cause, TransientError)

    def _enter(self) -> None:
        self._check_usable()
        self._busy = True

    def _leave(self, error: BaseException | None) -> None:
        self._busy = False
        if error is not None and not self._ended and self._kind != "bound":  # once it has ended, that is why it failed
            why = f": {error}" if isinstance(error, AuthAdapterError) else ""  # ours quote no stored value
            self._failure = f"it failed with {type(error).__name__}{why}"
            self._retry = isinstance(error, TransientError)

    def _check_usable(self) -> None:
        self._root._check_open()
        if self._over:
            raise AdapterStateError(f"the {self._kind} is over")
        if self._failure:
            raise AdapterStateError(f"the {self._kind} has failed: {self._failure}; leave it, and begin another")
        if self._child is not None:
            raise AdapterStateError(f"the {self._kind} has a savepoint open: use that")
        if self._busy:
            raise AdapterStateError(f"the {self._kind} is in use by another task; one at a time")

    def _require(self, capability: str, what: str) -> None:
        self._root._require(capability, what)
