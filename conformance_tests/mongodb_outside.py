"""What the tests of MongoDB's resilience share: what is done to its servers from outside, past the adapter."""

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Self

import pytest
from pymongo import MongoClient

import servers
from auth_adapters import (
    BackendAdapter,
    Extension,
    Field,
    Model,
    OperationTimeoutError,
    Reference,
    Schema,
    auth_schema,
    connect,
)
from conformance_tests.resilience.outside import patience, until

__all__ = ["TOKENS", "LossyProxy", "OutsideMongoDB", "either_mongodb", "nothing_leaked", "orphans", "teams"]

OP_MSG = 2013
HEADER = struct.Struct("<iiii")
TOKENS = auth_schema(
    Extension(models={"counter": Model(fields={"name": Field("string", unique=True), "value": Field("integer")})})
)
"""The core four, and a counter."""


def teams(on_delete: Any) -> Schema:
    """Members of teams, which refer to them by code."""
    reference = Reference(model="team", field="code", on_delete=on_delete)
    return Schema(
        {
            "team": Model(fields={"code": Field("string", unique=True)}),
            "member": Model(
                fields={"number": Field("integer"), "team_code": Field("string", required=False, references=reference)}
            ),
        }
    )


@dataclass
class Failing:
    """A fail point that was set. hits: how often it was met, once it is over."""

    hits: int = 0


class OutsideMongoDB:
    """One database of a MongoDB server."""

    made = 0

    def __init__(self, server: servers.MongoDB) -> None:
        self.server = server
        OutsideMongoDB.made += 1
        self.url = server.create_database(f"faults_{OutsideMongoDB.made}")
        self.name = f"faults_{OutsideMongoDB.made}"
        self.sync: MongoClient[dict[str, Any]] = MongoClient(
            server.url, uuidRepresentation="standard", appname="outside", serverSelectionTimeoutMS=20_000
        )

    def connect(self, url: str | None = None, **options: Any) -> BackendAdapter:
        """An adapter for the database, not open yet. The server knows it by the database's name."""
        options.setdefault("schema", TOKENS)
        adapter = connect(url or self.url, appname=self.name, **options)
        assert isinstance(adapter, BackendAdapter)
        return adapter

    def stored(self, table: str) -> list[dict[str, Any]]:
        """The documents of a collection, as they are."""
        return list(self.sync[self.name][table].find())

    @contextmanager
    def failing(self, *commands: str, times: int | None = 1, skip: int = 0, **data: Any) -> Iterator[Failing]:
        """Some of the adapters' commands fail, so many times after the first few; None: always."""
        failing = Failing()
        before = self._fail_point("off")
        mode: Any = "alwaysOn" if times is None else {"skip": skip} if skip else {"times": times}
        self._fail_point(mode, failCommands=list(commands), appName=self.name, **data)
        try:
            yield failing
        finally:
            failing.hits = self._fail_point("off") - before

    def _fail_point(self, mode: Any, **data: Any) -> int:
        asked: dict[str, Any] = {"configureFailPoint": "failCommand", "mode": mode}
        answer = self.sync.admin.command({**asked, "data": data} if data else asked)
        return int(answer["count"])

    def connections(self) -> int:
        """How many connections the adapters have; two of each adapter's are those by which it watches the server."""
        pipeline: list[dict[str, Any]] = [
            {"$currentOp": {"allUsers": True, "idleConnections": True}},
            {"$match": {"appName": self.name, "connectionId": {"$exists": True}}},
        ]
        return len(list(self.sync.admin.aggregate(pipeline)))

    def open_transactions(self) -> int:
        """How many transactions are under way on the server, whosever."""
        return int(self.sync.admin.command("serverStatus")["transactions"]["currentOpen"])

    def end_transactions(self) -> None:
        """What the server does by itself after a minute with a transaction whose commit never reached it."""
        self.sync.admin.command("killAllSessions", [])

    def empty(self) -> None:
        """Remove every document, and leave collections and indexes."""
        database = self.sync[self.name]
        for table in database.list_collection_names():
            database[table].delete_many({})

    def close(self) -> None:
        """Drop the database."""
        try:
            self.sync.drop_database(self.name)
        finally:
            self.sync.close()


async def nothing_leaked(adapter: BackendAdapter, outside: OutsideMongoDB) -> None:
    """No transaction is left open, no connection is lent, and the pool serves everybody at once."""
    model = next(iter(adapter.schema.models))
    await until(lambda: lent(adapter) == outside.open_transactions() == 0)
    answers: list[Any] = []
    async with patience():
        while not answers or any(isinstance(one, OperationTimeoutError) for one in answers):
            # a test's statement_timeout may be too short for all at once on a busy machine
            answers = await asyncio.gather(*(adapter.count(model) for _ in range(30)), return_exceptions=True)
    assert [one for one in answers if isinstance(one, BaseException)] == []
    assert lent(adapter) == 0


def lent(adapter: BackendAdapter) -> int:
    """How many connections of the adapter's pools are in use."""
    client = adapter.backend._scope().collections.client  # type: ignore[attr-defined]
    return sum(server.pool.active_sockets for server in client._topology._servers.values())


class LossyProxy:
    """Between an adapter and a server: does what it is asked, and then loses the answer with the connection.

    lose: the names of commands whose answer is lost, one by one, in any order.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.lose: list[str] = []
        self.lost: list[str] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    asked = await _message(reader)
                    outer.write(asked)
                    name = _command(asked)
                    answer = await _message(inner)
                    if name in self.lose:
                        self.lose.remove(name)
                        self.lost.append(name)
                        return
                    writer.write(answer)
                    await writer.drain()
        finally:
            for stream in (outer, writer):
                stream.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    header = await reader.readexactly(HEADER.size)
    return header + await reader.readexactly(HEADER.unpack(header)[0] - HEADER.size)


def _command(message: bytes) -> str:
    """The name of the command in a message: the first key of its document."""
    if HEADER.unpack_from(message)[3] != OP_MSG:
        return ""
    begin = HEADER.size + 4 + 1 + 4 + 1
    return message[begin : message.index(b"\x00", begin)].decode()


@pytest.fixture(scope="module", params=["set", "alone"])
def either_mongodb(request: pytest.FixtureRequest) -> Iterator[OutsideMongoDB]:
    """A database of a server of the module's own: of a set of one, and of one that stands alone."""
    with servers.mongodb(standalone=request.param == "alone") as server:
        outside = OutsideMongoDB(server)
        yield outside
        outside.close()


def orphans(outside: OutsideMongoDB) -> list[str]:
    """The tokens of sessions without a user."""
    users = {one["_id"] for one in outside.stored("user")}
    return [one["token"] for one in outside.stored("session") if one["user_id"] not in users]
