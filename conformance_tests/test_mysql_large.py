"""Models with long keys, long fields and many of them: more than a row or an index holds, on both servers."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

import servers
from auth_adapters import Adapter, BackendAdapter, Field, Index, Model, Reference, Schema, SchemaError
from auth_adapters import UniqueViolationError as TakenError
from auth_adapters.backends.mysql import MySQLBackend, MySQLEngineBackend, MySQLOptions
from auth_adapters.backends.sql import sql_metadata
from conformance_tests.mysql_family import ask, make_database, options_of, quoted

DATABASE = "large_models"
Opened: TypeAlias = Callable[[Model], Awaitable[Adapter]]


@pytest_asyncio.fixture(params=["mariadb", "mysql"])
async def options(request: pytest.FixtureRequest) -> AsyncIterator[MySQLOptions]:
    server: servers.MariaDB = request.getfixturevalue(f"{request.param}_server")
    await make_database(server.url, DATABASE)
    yield options_of(server.url, DATABASE)
    await ask(server.url, f"DROP DATABASE {quoted(DATABASE)}")


@pytest_asyncio.fixture(params=["adapter", "sqlalchemy"])
async def opened(request: pytest.FixtureRequest, options: MySQLOptions) -> AsyncIterator[Opened]:
    """An adapter over one model, whose table it makes, or SQLAlchemy."""
    ((host, port),) = options.hosts
    engine = create_async_engine(f"mysql+asyncmy://{options.user}@{host}:{port}/{DATABASE}")
    adapters: list[Adapter] = []

    async def open_one(model: Model) -> Adapter:
        schema = Schema({"thing": model})
        if request.param == "sqlalchemy":
            async with engine.begin() as connection:
                await connection.run_sync(sql_metadata(schema).create_all)
            adapters.append(BackendAdapter(MySQLEngineBackend(engine), schema=schema))
        else:
            adapters.append(BackendAdapter(MySQLBackend(options), schema=schema))
        await adapters[0].open()
        await adapters[0].create_tables()
        await adapters[0].create_tables()
        return adapters[0]

    yield open_one
    for adapter in adapters:
        await adapter.close()
    await engine.dispose()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "fields",
    [
        {"a": Field("string", length=16_383)},
        {"a": Field("string", length=16_383, unique=True)},
        {"a": Field("string", length=16_383, index=True)},
        {"a": Field("string", length=16_383, default="it's 100%\\")},
        {"a": Field("string", length=16_383, case_insensitive=True)},
        {"a": Field("string", length=16_383, case_insensitive=True, unique=True)},
        {"a": Field("string", length=8_100), "b": Field("string", length=8_100, unique=True)},
        {"a": Field("enum", values=("e" * 16_384, "f"))},
        {"a": Field("enum", values=("e" * 16_384, "f"), unique=True, default="f")},
        {f"f{number}": Field("string", default="d") for number in range(70)},
        {f"f{number}": Field("string", unique=number % 2 == 0, index=True) for number in range(63)},
        {f"f{number}": Field("string", required=False) for number in range(180)},
    ],
    ids=["one", "unique", "indexed", "default", "caseless", "caseless unique", "two", "enum", "unique enum", "many",
         "many indexed", "very many"],
)  # fmt: skip
async def test_strings_that_a_row_has_no_room_for_are_kept(opened: Opened, fields: dict[str, Field]) -> None:
    db = await opened(Model(fields=fields))
    data = {name: "E" * 300 if (one.length or 255) > 300 else "E" * 255 for name, one in fields.items()}
    data |= {name: "x" * 7_990 + "y" for name, one in fields.items() if one.length in (8_100, 16_383)}
    data |= {name: one.values[0] for name, one in fields.items() if one.type == "enum"}
    made = await db.create("thing", data)
    first = next(iter(fields))
    for name in list(fields)[:3]:
        assert await db.find_one("thing", {name: made[name]}) == made
        assert await db.find_many("thing", {name: made[name]}, sort=[name]) == [made]
    if fields[first].unique:
        with pytest.raises(TakenError) as caught:
            await db.create("thing", data)
        assert caught.value.fields[0] in fields
        assert await db.upsert("thing", data, on=[first], changes={}) == (made, False)


@pytest.mark.asyncio
async def test_bytes_are_keys_and_parts_of_keys(opened: Opened) -> None:
    fields = {
        "handle": Field("bytes"),
        "owner": Field("string"),
        "credential": Field("bytes", unique=True),
        "aaguid": Field("bytes", index=True, required=False),
    }
    indexes = [Index("owner", "aaguid", unique=True), Index("aaguid", "owner")]
    db = await opened(Model(fields=fields, primary_key=("handle", "owner"), indexes=indexes))
    long = b"\xff\x00'" * 3_000
    rows: list[dict[str, Any]] = [
        {"handle": b"\x00", "owner": "ada", "credential": long + b"a", "aaguid": None},
        {"handle": b"\x00", "owner": "bob", "credential": long + b"b", "aaguid": b"%"},
        {"handle": b"", "owner": "bob", "credential": b"", "aaguid": long},
    ]
    for row in rows:
        assert await db.create("thing", row) == row
        assert await db.find_one("thing", {"handle": row["handle"], "owner": row["owner"]}) == row
        assert await db.find_one("thing", {"credential": row["credential"]}) == row
        assert await db.upsert("thing", row, on=["credential"], changes={}) == (row, False)
    taken = [
        ({"handle": b"1", "owner": "x", "credential": long + b"b"}, ("credential",)),
        ({"handle": b"1", "owner": "bob", "credential": b"1", "aaguid": long}, ("owner", "aaguid")),
        ({"handle": b"\x00", "owner": "bob", "credential": b"1"}, ("handle", "owner")),
    ]
    for row, names in taken:
        with pytest.raises(TakenError) as caught:
            await db.create("thing", row)
        assert caught.value.fields == names
    assert await db.find_many("thing", {"aaguid": long}) == rows[2:]
    assert await db.delete("thing", {"handle": b"\x00", "owner": "ada"})
    assert await db.count("thing") == 2


@pytest.mark.asyncio
@pytest.mark.parametrize("field", [Field("string", length=1_000, unique=True), Field("bytes", unique=True)], ids=str)
async def test_a_reference_to_what_no_index_holds_is_refused_before_anything_is_made(
    options: MySQLOptions, field: Field
) -> None:
    schema = Schema(
        {
            "code": Model(fields={"long": field}),
            "use": Model(fields={"code": Field("string", references=Reference(model="code", field="long"))}),
        }
    )
    unreachable = MySQLOptions(hosts=(("127.0.0.1", 1),), database="x")
    with pytest.raises(SchemaError, match=r"use\.code refers to code\.long.*768 characters"):
        await BackendAdapter(MySQLBackend(unreachable), schema=schema).open()
    ((host, port),) = options.hosts
    engine = create_async_engine(f"mysql+asyncmy://{options.user}@{host}:{port}/{DATABASE}")
    with pytest.raises(SchemaError, match=r"use\.code refers to code\.long"):
        await BackendAdapter(MySQLEngineBackend(engine), schema=schema).open()
    await engine.dispose()


@pytest.mark.asyncio
async def test_a_model_that_no_table_holds_is_named(options: MySQLOptions) -> None:
    schema = Schema({"huge": Model(fields={f"f{number}": Field("text") for number in range(1_500)})})
    async with BackendAdapter(MySQLBackend(options), schema=schema) as db:
        with pytest.raises(SchemaError, match="'huge'"):
            await db.create_tables()
