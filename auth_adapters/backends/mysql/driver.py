"""asyncmy, as the pool and the operations use it."""

import asyncio
import re
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final
from weakref import WeakKeyDictionary

from asyncmy.connection import Connection
from asyncmy.constants import CLIENT
from asyncmy.cursors import Cursor

from auth_adapters.backends.mysql.errors import READ_ONLY, mysql_error
from auth_adapters.backends.mysql.options import MySQLOptions
from auth_adapters.backends.mysql.prepared import PreparedStatements, goes_straight
from auth_adapters.backends.sql.driver import Driver
from auth_adapters.backends.sql.operations import Answer, Request
from auth_adapters.backends.sql.watch import Watch, Watched
from auth_adapters.errors import AuthAdapterError, ConnectionFailedError, InvalidValueError, OperationTimeoutError
from auth_adapters.physical import Layout, Row
from auth_adapters.protocols import Isolation

__all__ = ["SQL_MODE", "MySQLDriver", "is_mariadb", "read_rows"]

SQL_MODE: Final = (
    "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "ONLY_FULL_GROUP_BY"
)
MATCHED: Final = re.compile(rb"\d+")
MORE_CHARACTERS: Final = 4
"""Bytes that a character takes at most."""


class QuietCursor(Cursor):
    """Asks for no warnings: they quote values, and asyncmy would log them."""

    async def _show_warnings(self, conn: Any) -> None:
        pass


class TLSConnection(Connection):
    """Closed, it is closed: over TLS asyncmy's own waits for the server's farewell, that nobody waits for."""

    def close(self) -> None:
        transport = getattr(self, "_transport", None)
        super().close()
        if transport is not None:
            transport.abort()


class MySQLDriver(Driver):
    """Connections of asyncmy. Errors speak of the models of `layout`."""

    def __init__(self, options: MySQLOptions) -> None:
        self._options = options
        self._watch = Watch(options.statement_timeout)
        self._context = options.context()
        self._places: WeakKeyDictionary[Any, tuple[str, int]] = WeakKeyDictionary()
        self._straight: bool | None = None
        self.max_packet: int = 2**24
        self.layout: Layout = Layout(tables={})

    def __repr__(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self._options.hosts)

    def in_transaction(self, connection: Any) -> bool:
        return not connection.get_autocommit() or bool(connection.get_transaction_status())

    def error(self, error: Exception) -> AuthAdapterError:
        return mysql_error(error, self.layout)

    async def connect(self) -> Any:
        failure: AuthAdapterError | None = None
        for place in self._options.hosts:
            try:
                async with asyncio.timeout(self._options.connect_timeout):
                    connection = await self._set_up(place)
            except TimeoutError:
                failure = ConnectionFailedError("the server did not answer in time (connect_timeout)")
            except Exception as error:  # noqa: BLE001  (mapped at one place)
                failure = mysql_error(error, self.layout)
            else:
                self._places[connection] = place
                return connection
        assert failure is not None
        raise failure from None

    async def _set_up(self, place: tuple[str, int]) -> Any:
        connection = await self._connect(place)
        try:
            await connection.query(self._setup(connection))
            if not self._options.prepared_statements:
                return connection
            if self._straight is None:
                self._straight = await goes_straight(connection)
                if self._straight is False:  # who knows what the trial has done to it
                    self.terminate(connection)
                    return await self._set_up(place)
        except BaseException:
            self.terminate(connection)
            raise
        connection.prepared = PreparedStatements(connection, straight=self._straight is True)
        return connection

    async def _connect(self, place: tuple[str, int]) -> Any:
        options = self._options
        host, port = place
        arguments: dict[str, Any] = {"unix_socket": host} if host.startswith("/") else {"host": host, "port": port}
        arguments |= {
            "user": options.user,
            "password": (options.password or "").encode(),
            "database": options.database,
            "charset": "utf8mb4",
            "autocommit": None,
            "connect_timeout": options.connect_timeout,
            "client_flag": CLIENT.FOUND_ROWS,
        }
        if self._context is None or host.startswith("/"):
            return await self._connected(arguments)
        try:
            return await self._connected({**arguments, "ssl": self._context})
        except Exception as error:
            refused = mysql_error(error, self.layout)
            if options.ssl != "preferred" or getattr(refused, "code", None) in (1040, 1044, 1045, 1049, 1698):
                raise
        return await self._connected(arguments)

    async def _connected(self, arguments: Mapping[str, Any]) -> Any:
        """A connection that knows its transport, and what times its statements (`watched`)."""
        # asyncmy is quicker on connections of its very own class, unless they are encrypted
        kind: Any = TLSConnection if "ssl" in arguments else Connection
        connection = kind(**arguments)
        await connection.connect()
        connection.transport = connection._transport
        connection.watched = Watched(self._watch, connection)
        return connection

    def _setup(self, connection: Any) -> str:
        """One statement that makes every session alike, whatever the server's settings."""
        mariadb = is_mariadb(connection)
        settings = {
            "sql_mode": f"'{SQL_MODE}'",
            "time_zone": "'+00:00'",
            "autocommit": "1",
            "foreign_key_checks": "1",
            "unique_checks": "1",
            "tx_isolation" if mariadb else "transaction_isolation": "'READ-COMMITTED'",
        }
        if not mariadb:
            settings["range_optimizer_max_mem_size"] = "0"
        if self._options.lock_timeout is not None:
            settings["innodb_lock_wait_timeout"] = str(max(1, int(self._options.lock_timeout)))
        return f"SET {', '.join(f'SESSION {name} = {value}' for name, value in settings.items())}"

    async def ping(self, connection: Any) -> None:
        await self.statement(connection, "SELECT 1")

    async def recover(self, connection: Any) -> None:
        if self._watch.is_busy(connection):
            connection.close()  # another task waits for its answer, and would get ours
        elif connection.connected:
            await self.statement(connection, "ROLLBACK")
            return
        await self.kill(connection)
        raise ConnectionFailedError("the connection was in the middle of a statement")

    async def kill(self, connection: Any) -> None:
        """End a session on the server, whose statement was interrupted here, so that its locks are released."""
        place = self._places.get(connection)
        if place is None:
            return
        with suppress(Exception):  # it may be gone already, or its server
            helper = await self._connect(place)
            try:
                await self.end_session(helper, connection)
            finally:
                await helper.ensure_closed()

    async def end_session(self, helper: Any, connection: Any) -> None:
        """End the session of `connection` from `helper`, another connection to the same server."""
        await helper.query(f"KILL {int(connection.thread_id())}")

    def is_alive(self, connection: Any) -> bool:
        return bool(connection.connected) and not getattr(connection, "_stream_broken", False)

    async def close(self, connection: Any) -> None:
        try:
            await connection.ensure_closed()
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = mysql_error(error, self.layout)
        else:
            return
        raise failure from None

    def terminate(self, connection: Any) -> None:
        with suppress(Exception):
            connection.close()
            if transport := getattr(connection, "transport", None):  # asyncmy may let go of it before it has ended
                transport.abort()

    async def rows(self, connection: Any, text: str, parameters: Sequence[Any]) -> list[Row]:
        return list((await self._run(connection, text, parameters)).rows or ())

    async def ask(self, connection: Any, request: Request) -> Any:
        try:
            with self._watched(connection):
                result = await self._send(connection, request.text, request.parameters)
            return _matched(result) if request.counts else request.result(list(result.rows or ()))
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._failure(connection, error)
        raise request.failure(failure) from None

    async def execute(self, connection: Any, request: Request) -> Answer:
        if request.many:
            await self._run(connection, request.text, request.parameters, many=True)
            return Answer([], 0)
        result = await self._run(connection, request.text, request.parameters)
        if result.description is not None:
            return Answer(list(result.rows), result.affected_rows)
        return Answer([], _matched(result), result.insert_id)

    async def statement(self, connection: Any, text: str) -> None:
        await self._run(connection, text, ())

    async def begin(self, connection: Any, isolation: Isolation | None) -> None:
        if isolation is not None:
            level = isolation.replace("_", " ").upper()
            await self.statement(connection, f"SET TRANSACTION ISOLATION LEVEL {level}")
        await self.statement(connection, "START TRANSACTION")

    async def _run(self, connection: Any, text: str, parameters: Sequence[Any], *, many: bool = False) -> Any:
        """What asyncmy has of a statement's result. many: once for each of the parameters."""
        try:
            with self._watched(connection):
                if many:
                    return await _execute_many(connection, text, parameters)
                return await self._send(connection, text, parameters)
        except Exception as error:  # noqa: BLE001  (mapped at one place)
            failure = self._failure(connection, error)
        raise failure from None

    def _send(self, connection: Any, text: str, parameters: Sequence[Any]) -> Coroutine[Any, Any, Any]:
        """What asyncmy has of a statement's result."""
        if parameters and (prepared := getattr(connection, "prepared", None)):
            executed: Coroutine[Any, Any, Any] = prepared.execute(text, parameters, self.max_packet, self._send_as_text)
            return executed
        return self._send_as_text(connection, text, parameters)

    async def _send_as_text(self, connection: Any, text: str, parameters: Sequence[Any]) -> Any:
        await connection.query(_written(connection, text, parameters, self.max_packet))
        return connection._result

    def _watched(self, connection: Any) -> Watched:
        watched: Watched = getattr(connection, "watched", None) or Watched(self._watch, connection)
        return watched

    def _failure(self, connection: Any, error: Exception) -> AuthAdapterError:
        if isinstance(error, TimeoutError):
            return OperationTimeoutError(
                f"the database did not answer within {self._watch.seconds or 0:g} seconds (statement_timeout)"
            )
        failure = mysql_error(error, self.layout)
        if connection in self._places and getattr(failure, "code", None) in READ_ONLY:
            connection.close()  # its successor is found by connecting anew
        return failure


def is_mariadb(connection: Any) -> bool:
    """Whether the server says that it is MariaDB."""
    return "mariadb" in str(connection.get_server_info()).lower()


async def read_rows(connection: Any, text: str) -> list[Row]:
    """The rows of a statement without parameters; errors are the driver's."""
    await connection.query(text)
    return list(connection._result.rows or ())


def _written(connection: Any, text: str, parameters: Sequence[Any], limit: int) -> str:
    """The statement with its values."""
    written = text % tuple([connection.literal(value) for value in parameters])
    if len(written) * MORE_CHARACTERS >= limit and len(written.encode("utf-8", "surrogateescape")) >= limit:
        raise InvalidValueError(f"the statement is longer than the {limit:,} bytes of max_allowed_packet")
    return written


async def _execute_many(connection: Any, text: str, parameters: Sequence[Any]) -> None:
    await connection.cursor(QuietCursor).executemany(text, [tuple(row) for row in parameters])


def _matched(result: Any) -> int:
    """Rows that matched, where the connection was not made to count so: the message says it first."""
    number = MATCHED.search(result.message) if result.message else None
    return int(number[0]) if number else int(result.affected_rows)
