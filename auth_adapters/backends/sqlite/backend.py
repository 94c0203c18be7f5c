"""The SQLite backend: one connection that writes, one that reads, each on a thread."""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from auth_adapters.backends.sql.operations import Operations, Request, Work
from auth_adapters.backends.sql.owned import BoundTransaction
from auth_adapters.backends.sql.verbs import SqlVerbs
from auth_adapters.backends.sqlite.capabilities import CAPABILITIES
from auth_adapters.backends.sqlite.compiler import SQLiteCompiler
from auth_adapters.backends.sqlite.errors import sqlite_error
from auth_adapters.backends.sqlite.lane import Gate, Lane, Occupied
from auth_adapters.backends.sqlite.owned import SQLiteOwned
from auth_adapters.backends.sqlite.thread import OnThread
from auth_adapters.backends.sqlite.transactions import LaneTransaction
from auth_adapters.capabilities import Capabilities, Storage
from auth_adapters.errors import ConfigurationError, ConnectionFailedError, TransientError
from auth_adapters.physical import Layout
from auth_adapters.protocols import BackendTransaction, Isolation

__all__ = ["SQLiteBackend"]

T = TypeVar("T")
MINIMUM: Final = (3, 35, 0)
BUSY_TIMEOUT: Final = 10.0
MMAP_SIZE: Final = 2**31 - 2**16 if sys.maxsize > 2**32 else 2**28
"""Bytes: as many as SQLite maps at most, unless it was built otherwise; less where addresses are short."""


class SQLiteBackend(SqlVerbs):
    """A database file, or `:memory:`, on connections of our own.

    A file has one connection that writes and one that reads, in WAL mode with foreign keys on and synchronous=FULL;
    `:memory:` has one for both, and lives as long as the backend is open. busy_timeout: seconds to wait for a lock,
    of this process or of others, before `TransientError`. mmap_size: so many bytes of the file are read through memory
    that is mapped to it, at most; 0 for none. A disk that fails there ends the process.
    """

    storage: Storage = Storage()
    capabilities: Capabilities = CAPABILITIES

    def __init__(self, path: str, *, busy_timeout: float = BUSY_TIMEOUT, mmap_size: int = MMAP_SIZE) -> None:
        if sqlite3.sqlite_version_info < MINIMUM:
            raise ConfigurationError(f"SQLite {sqlite3.sqlite_version} is too old; 3.35 is the oldest that works")
        self._path = path
        self._timeout = busy_timeout
        self._mmap_size = mmap_size
        self._memory = path == ":memory:"
        self._folder = Path(path).parent

    def __repr__(self) -> str:
        return f"<SQLiteBackend on {self._path}>"

    @property
    def statements(self) -> int:
        """How many statements were sent since it was opened, BEGIN and COMMIT apart."""
        return self._thread.statements

    async def open(self, layout: Layout) -> None:
        if not self._memory and not self._folder.is_dir():
            raise ConnectionFailedError("the folder of the database file does not exist")
        self._thread = OnThread(layout)
        self._compiler = SQLiteCompiler(layout)
        self._operations = Operations(self._compiler, layout, explains=True)
        self._gate = Gate(self._timeout)
        self._layout = layout
        setup = ["PRAGMA foreign_keys = ON"]
        if not self._memory:
            setup += ["PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"]
        self._writer = await self._connect(*setup)
        if self._memory:
            self._reader = self._writer
            return
        try:
            self._reader = await self._connect("PRAGMA query_only = ON", f"PRAGMA mmap_size = {self._mmap_size:d}")
        except BaseException:
            await self._writer.close()
            raise

    async def _connect(self, *setup: str) -> Lane:
        lane = Lane(self._path, timeout=self._timeout, setup=setup, together=self._thread.together)
        try:
            await lane.open()
        except sqlite3.Error as error:
            failure = sqlite_error(error, self._layout)
        except OSError as error:
            failure = ConnectionFailedError(f"the connection could not be made: {error.strerror}")
        else:
            return lane
        raise failure from None

    async def close(self) -> None:
        try:
            await self._gate.enter(alone=True)
        except TransientError:
            pass
        finally:
            if self._reader is not self._writer:
                await self._reader.close()
            await self._writer.close()

    async def create_tables(self) -> None:
        statements = self._compiler.create_all()
        await self._alone(lambda connection: self._thread.create(statements, connection))

    async def begin(self, isolation: Isolation | None) -> BackendTransaction:
        await self._gate.enter(alone=True)
        return LaneTransaction(self._writer, self._operations, self._thread, self._gate)

    def bind(self, connection_or_session: Any) -> BackendTransaction:
        return BoundTransaction(connection_or_session, SQLiteOwned(), self._operations, self._layout)

    def _perform(self, work: Work) -> Coroutine[Any, Any, Any]:
        if not work.writes and not self._memory:
            if isinstance(work, Request):
                return self._reader.run(partial(self._thread.single, work))
            return self._reader.run(partial(self._thread.within, work))
        if work.several:
            return self._alone(partial(self._thread.alone, work))
        return self._alone(partial(self._thread.within, work), shares=True)

    async def _alone(self, job: Callable[[sqlite3.Connection], T], *, shares: bool = False) -> T:
        while True:
            if not self._gate.open:
                await self._gate.enter(alone=False)
            try:
                return await self._writer.run(job, shares=shares)
            except Occupied:
                await asyncio.sleep(0)
