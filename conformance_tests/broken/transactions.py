"""Faults of transactions and savepoints, of the backend and of the adapter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from auth_adapters import Adapter, AuthAdapterError, BackendAdapter
from auth_adapters.adapter import TransactionAdapter
from auth_adapters.backends.memory import MemoryBackend, MemoryStore
from auth_adapters.backends.memory.store import Tables
from auth_adapters.backends.memory.transactions import MemorySavepoint, MemoryTransaction
from auth_adapters.physical import Count, Layout, Row, Select, Values
from auth_adapters.protocols import BackendTransaction, Isolation

__all__ = [
    "CancellationCommits",
    "CommitsAfterError",
    "CommitsUnderASavepoint",
    "DirtyReads",
    "MissesOwnWrites",
    "PretendsTransactions",
    "RetriesEveryError",
    "RetriesNothing",
    "RollbackKeepsWrites",
    "SavepointUndoesEverything",
    "SavepointUndoesNothing",
    "SavepointsOutlive",
    "SwallowsCancellation",
    "WaitsForItself",
    "WorksAfterItsEnd",
]


class Transacting(MemoryBackend):
    """Begins another kind of transaction."""

    kind: type[MemoryTransaction]

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        await self._acquire()
        assert self._layout is not None
        return self.kind(self._store, self._layout)


class RollbackKeepsWrites(Transacting):
    """Rolling back commits."""

    class Kind(MemoryTransaction):
        async def rollback(self) -> None:
            await self.commit()

    kind = Kind


class PretendsTransactions(Transacting):
    """Declares transactions, and runs one verb after another as ever."""

    class Kind(MemoryTransaction):
        def _tables(self) -> Tables:
            return self._store.tables

        async def _write(self, work: Callable[[], Any]) -> Any:
            return self._store.tables.atomically(work)

        async def commit(self) -> None:
            self._store.writer.release()

    kind = Kind


class MissesOwnWrites(Transacting):
    """Reads inside a transaction go to a replica that knows only what was committed."""

    class Kind(MemoryTransaction):
        async def select(self, statement: Select, values: Values) -> list[Row]:
            own, self._own = self._own, self._store.tables
            try:
                return await super().select(statement, values)
            finally:
                self._own = own

        async def count(self, statement: Count, values: Values) -> int:
            own, self._own = self._own, self._store.tables
            try:
                return await super().count(statement, values)
            finally:
                self._own = own

    kind = Kind


class Peeking(MemoryStore):
    """Knows the transaction that is under way."""

    under_way: "MemoryTransaction | None" = None


class DirtyReads(Transacting):
    """Others see what a transaction has not committed yet."""

    make_store = Peeking

    class Kind(MemoryTransaction):
        def __init__(self, store: MemoryStore, layout: Layout) -> None:
            super().__init__(store, layout)
            self.tell(self)

        def tell(self, under_way: "MemoryTransaction | None") -> None:
            """Show the store what is under way."""
            assert isinstance(self._store, Peeking)
            self._store.under_way = under_way

        async def commit(self) -> None:
            self.tell(None)
            await super().commit()

        async def rollback(self) -> None:
            self.tell(None)
            await super().rollback()

    kind = Kind

    def _tables(self) -> Tables:
        assert isinstance(self._store, Peeking)
        return self._store.under_way._tables() if self._store.under_way else super()._tables()


class SavepointUndoesEverything(Transacting):
    """Rolling back to a savepoint undoes the whole transaction."""

    class Kind(MemoryTransaction):
        async def savepoint(self) -> BackendTransaction:
            savepoint = MemorySavepoint(self)
            savepoint._before = self._store.tables.copy()
            return savepoint

    kind = Kind


class SavepointUndoesNothing(Transacting):
    """Declares savepoints, and rolling back to one does nothing."""

    class Kind(MemoryTransaction):
        class Flat(MemorySavepoint):
            async def rollback(self) -> None:
                pass

        async def savepoint(self) -> BackendTransaction:
            return self.Flat(self)

    kind = Kind


class Adapting(BackendAdapter):
    """Hands out another kind of transaction."""

    kind: type[TransactionAdapter] = TransactionAdapter

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Adapter]:
        async with super().transaction(isolation=isolation) as tx:
            assert isinstance(tx, TransactionAdapter)
            tx.__class__ = self.kind
            yield tx


class CommitsAfterError(Adapting):
    """A transaction goes on after an error, and commits."""

    class Kind(TransactionAdapter):
        def _leave(self, error: BaseException | None) -> None:
            super()._leave(None)

    kind = Kind


class WorksAfterItsEnd(Adapting):
    """A transaction that is over can be used: it writes into the void."""

    class Kind(TransactionAdapter):
        def _check_usable(self) -> None:
            self._ended = False
            super()._check_usable()

    kind = Kind


class CommitsUnderASavepoint(Adapting):
    """A transaction commits although a savepoint of it is open."""

    class Kind(TransactionAdapter):
        _child: Any = property(lambda self: None, lambda self, child: None)

    kind = Kind


class SwallowsCancellation(BackendAdapter):
    """Who is cancelled while a transaction commits goes on as if nothing had been."""

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Adapter]:
        ending = False
        try:
            async with super().transaction(isolation=isolation) as tx:
                yield tx
                ending = True
        except asyncio.CancelledError:
            if not ending:
                raise


class SavepointsOutlive(Adapting):
    """A savepoint goes on when the transaction around it has ended."""

    class Kind(TransactionAdapter):
        @asynccontextmanager
        async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Adapter]:
            async with super().transaction(isolation=isolation) as inner:
                assert isinstance(inner, TransactionAdapter)
                inner._outer = None
                yield inner

    kind = Kind


class CancellationCommits(BackendAdapter):
    """A cancelled transaction commits what it has done so far."""

    @asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None) -> AsyncIterator[Adapter]:
        cancelled = None
        async with super().transaction(isolation=isolation) as tx:
            try:
                yield tx
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled


class WaitsForItself(BackendAdapter):
    """The outer adapter, used inside its own task's transaction, waits for that transaction."""

    def _check_owner(self) -> None:
        pass


class RetriesNothing(BackendAdapter):
    """`run_transaction` gives up at the first transient error."""

    async def run_transaction(self, work: Any, *, isolation: Isolation | None = None, attempts: int = 3) -> Any:
        return await super().run_transaction(work, isolation=isolation, attempts=min(attempts, 1))


class RetriesEveryError(BackendAdapter):
    """`run_transaction` tries again whatever the error."""

    async def run_transaction(
        self,
        work: Callable[[Adapter], Awaitable[Any]],
        *,
        isolation: Isolation | None = None,
        attempts: int = 3,
    ) -> Any:
        for _ in range(attempts - 1):
            try:
                return await super().run_transaction(work, isolation=isolation, attempts=1)
            except AuthAdapterError:
                continue
        return await super().run_transaction(work, isolation=isolation, attempts=min(attempts, 1))
