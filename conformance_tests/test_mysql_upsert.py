"""Upserts of a record with two unique keys, of which both servers report the first that is taken."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import servers
from auth_adapters import Adapter, BackendAdapter, Field, Model, Schema
from auth_adapters.backends.mysql import MySQLBackend
from auth_adapters.backends.sql.connections import PoolOptions
from conformance_tests.mysql_family import ask, make_database, options_of, quoted

DATABASE = "upserts"
ROUNDS = 40
PAIRS = Schema({"pair": Model(fields={"x": Field("string", unique=True), "y": Field("string", unique=True)})})


@pytest_asyncio.fixture(params=["mariadb", "mysql"])
async def db(request: pytest.FixtureRequest) -> AsyncIterator[Adapter]:
    server: servers.MariaDB = request.getfixturevalue(f"{request.param}_server")
    await make_database(server.url, DATABASE)
    async with BackendAdapter(
        MySQLBackend(options_of(server.url, DATABASE), PoolOptions(size=10)), schema=PAIRS
    ) as adapter:
        await adapter.create_tables()
        yield adapter
    await ask(server.url, f"DROP DATABASE {quoted(DATABASE)}")


@pytest.mark.asyncio
@pytest.mark.parametrize("changes", [{}, None], ids=["nothing", "data"])
async def test_what_was_in_the_way_and_is_gone_refuses_nothing(db: Adapter, changes: dict[str, str] | None) -> None:
    data = {"x": "x", "y": "y"}
    for _ in range(ROUNDS):
        upserts = [db.upsert("pair", data, on=["y"], changes=changes) for _ in range(5)]
        deletes = [db.delete("pair", {"x": "x"}) for _ in range(5)]
        got, _ = await asyncio.gather(asyncio.gather(*upserts), asyncio.gather(*deletes))
        assert {record["y"] for record, _ in got} == {"y"}
