"""asyncpg, as the pool and the operations use it."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from auth_adapters.backends.postgresql.errors import postgresql_error
from auth_adapters.backends.postgresql.options import PostgreSQLOptions
from auth_adapters.backends.postgresql.prepared import Prepared, goes_straight, prepare
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.backends.sql.operations import Answer, Request
from auth_adapters.backends.sql.watch import Watch, Watched
from auth_adapters.errors import AuthAdapterError, ConnectionFailedError
from auth_adapters.physical import Layout, Row
from auth_adapters.protocols import Isolation

__all__ = ["PostgreSQLDriver", "driver_of"]

BEGIN: Final[dict[Isolation | None, str]] = {
    None: "BEGIN",
    "read_committed": "BEGIN ISOLATION LEVEL READ COMMITTED",
    "repeatable_read": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE",
}
KIND: Final = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"
STEPPED_DOWN: Final = "25006"
MAX_PREPARED: Final = 512


class _OurConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection of our own, which keeps its prepared statements by their text. watched: what times them."""

    __slots__ = ("prepared", "watched")

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.prepared: dict[str, Prepared] = {}


class PostgreSQLDriver(Driver):
    """Connections of asyncpg. Errors speak of the models of `layout`."""

    def __init__(self, options: PostgreSQLOptions) -> None:
        self._options = options
        ours = {"connection_class": _OurConnection, "command_timeout": None}  # `_watch` keeps the time, at less cost
        self._arguments = {**options.arguments, **ours}
        self._watch = Watch(options.statement_timeout)
        self._patience = Watch(None)
        self.layout: Layout = Layout(tables={})

    def __repr__(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self._options.hosts)

    def in_transaction(self, connection: Any) -> bool:
        return bool(connection.is_in_transaction())

    def error(self, error: Exception) -> AuthAdapterError:
        return postgresql_error(error, self.layout)

    async def connect(self) -> Any:
        """To the first host that answers in time and is of the kind asked for."""
        failure: AuthAdapterError | None = None
        wanted = self._options.target_session_attrs
        for kind in ("standby", "any") if wanted == "prefer-standby" else (wanted,):
            for host, port in self._options.hosts:
                try:
                    async with asyncio.timeout(self._options.connect_timeout):
                        return await self._connect(host, port, kind)
                except TimeoutError:
                    failure = ConnectionFailedError("the server did not answer in time (connect_timeout)")
                except Exception as error:  # noqa: BLE001  (mapped at one place)
                    failure = self.error(error)
        assert failure is not None
        raise failure from None

    async def _connect(self, host: str, port: int, kind: str | None) -> Any:
        """To one host. (asyncpg can tell the kinds apart too, but leaves open the connections that it turns down.)"""
        connection = await asyncpg.connect(host=host, port=port, timeout=None, **self._arguments)
        connection.watched = Watched(self._watch, connection)
        if kind in (None, "any"):
            return connection
        try:
            standby, read_only = await connection.fetchrow(KIND)
        except BaseException:
            connection.terminate()
            raise
        if kind in ("standby" if standby else "primary", "read-only" if read_only else "read-write"):
            return connection
        await connection.close()
        raise ConnectionFailedError(f"the server is not {kind}, which target_session_attrs asks for")

    async def ping(self, connection: Any) -> None:
        await self.statement(connection, "SELECT 1")

    async def recover(self, connection: Any) -> None:
        # asyncpg has asked the server to cancel, and lets nothing else through before that is done
        await self.statement(connection, "ROLLBACK" if connection.is_in_transaction() else "SELECT 1")
        if connection.is_in_transaction():
            await self.statement(connection, "ROLLBACK")

    def is_alive(self, connection: Any) -> bool:
        return not connection.is_closed()

    async def close(self, connection: Any) -> None:
        try:
            await connection.close()
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self.error(error)
        else:
            return
        raise failure from None

    def terminate(self, connection: Any) -> None:
        connection.terminate()

    async def rows(self, connection: Any, text: str, parameters: Sequence[Any]) -> list[Row]:
        try:
            with self._watched(connection):
                rows: list[Row] = await self._fetch(connection, text, *parameters)
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._failure(connection, error)
        else:
            return rows
        raise failure from None

    def _fetch(self, connection: Any, text: str, *parameters: Any) -> Any:
        """Rows, by asyncpg's own means: with a pooler by transaction nothing is kept."""
        return connection.fetch(text, *parameters)

    async def execute(self, connection: Any, request: Request) -> Answer:
        try:
            with self._watched(connection):
                if request.many:
                    await connection.executemany(request.text, request.parameters)
                    return Answer([], 0)
                if request.counts:
                    status = await connection.execute(request.text, *request.parameters)
                    return Answer([], _reached(status.encode()))
                return Answer(await self._fetch(connection, request.text, *request.parameters), 0)
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._failure(connection, error)
        raise failure from None

    async def statement(self, connection: Any, text: str) -> None:
        try:
            with self._watched(connection):
                await connection.execute(text)
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._failure(connection, error)
        else:
            return
        raise failure from None

    async def begin(self, connection: Any, isolation: Isolation | None) -> None:
        await self.statement(connection, BEGIN[isolation])

    def _watched(self, connection: Any) -> Watched:
        """The time of a statement; on connections of the application, how long one may take is for it to say."""
        ours: bool = type(connection) is _OurConnection
        return connection.watched if ours else Watched(self._patience, connection)

    def _failure(self, connection: Any, error: Exception) -> AuthAdapterError:
        failure = postgresql_error(error, self.layout)
        ours = type(connection) is _OurConnection  # asyncpg's own isinstance says yes to any connection
        if ours and getattr(failure, "code", None) == STEPPED_DOWN:
            connection.terminate()  # its successor is found by connecting anew
        return failure


class PreparingDriver(PostgreSQLDriver):
    """Connections of our own, each of which prepares a statement once."""

    def __init__(self, options: PostgreSQLOptions) -> None:
        super().__init__(options)
        self._straight: bool | None = None

    async def _connect(self, host: str, port: int, kind: str | None) -> Any:
        connection = await super()._connect(host, port, kind)
        if self._straight is not None:
            return connection
        try:
            self._straight = await goes_straight(connection)
        except BaseException:
            connection.terminate()
            raise
        if self._straight:
            return connection
        connection.terminate()  # who knows what the trial has done to it
        return await super()._connect(host, port, kind)

    async def ask(self, connection: Any, request: Request) -> Any:
        if type(connection) is not _OurConnection:
            return await super().ask(connection, request)
        failure: AuthAdapterError | None = None
        try:
            with connection.watched:
                prepared = connection.prepared.get(request.text) or await self._prepare(connection, request.text)
                rows, status, _ = await prepared.execute(prepared.state, request.parameters, "", 0, True, None)
            return _reached(status) if request.counts else request.result(rows)
        except asyncpg.InvalidCachedStatementError as error:
            connection.prepared.clear()
            if connection.is_in_transaction():
                failure = self._failure(connection, error)
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._failure(connection, error)
        if failure is None:  # the table was changed meanwhile: prepared anew it fits
            return await super().ask(connection, request)
        raise request.failure(failure) from None

    async def _fetch(self, connection: Any, text: str, *parameters: Any) -> Any:
        if type(connection) is not _OurConnection:
            return await connection.fetch(text, *parameters)  # one that the application has bound
        prepared = connection.prepared.get(text) or await self._prepare(connection, text)
        try:
            return await prepared.fetch(parameters)
        except asyncpg.InvalidCachedStatementError:
            connection.prepared.clear()
            if connection.is_in_transaction():
                raise
        # the table was changed meanwhile: prepared anew it fits
        return await (await self._prepare(connection, text)).fetch(parameters)

    async def _prepare(self, connection: Any, text: str) -> Prepared:
        if len(connection.prepared) >= MAX_PREPARED:
            connection.prepared.pop(next(iter(connection.prepared)))
        made: Prepared = await prepare(connection, text, straight=self._straight is True)
        connection.prepared[text] = made
        return made


def _reached(status: bytes) -> int:
    return int(status.rpartition(b" ")[2])


def driver_of(options: PostgreSQLOptions) -> PostgreSQLDriver:
    """The driver for connections of our own."""
    return PostgreSQLDriver(options) if options.pooler else PreparingDriver(options)
