"""The public tables on both servers, made by SQLAlchemy beside tables of the application's."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from sqlalchemy import Column, ForeignKey, Table, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

import servers
from auth_adapters import BackendAdapter, Field, Model, Schema, auth_schema
from auth_adapters.backends.mysql import MySQLEngineBackend
from auth_adapters.backends.sql import reference_type, sql_metadata
from auth_adapters.schema.composition import IdMode
from conformance_tests.mysql_family import ask, make_database, options_of, quoted

DATABASE = "public_tables"
DEFAULTS = Schema(
    {
        "odd": Model(
            fields={
                "label": Field("string", default="it's 100%\\"),
                "body": Field("text", default="long"),
                "data": Field("json", default={"a": ["b%"]}),
                "words": Field("string[]", default=["x", "y"]),
                "blob": Field("bytes", default=b"\x00\xff"),
                "flag": Field("boolean", default=True),
                "moment": Field("datetime", default=datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)),
            }
        ),
        "device": Model(
            fields={"owner": Field("string"), "handle": Field("string", length=1_400, unique=True)},
            primary_key=("owner", "handle"),
        ),
    }
)


@pytest_asyncio.fixture(params=["mariadb", "mysql"])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[AsyncEngine]:
    server: servers.MariaDB = request.getfixturevalue(f"{request.param}_server")
    await make_database(server.url, DATABASE)
    options = options_of(server.url)
    ((host, port),) = options.hosts
    engine = create_async_engine(f"mysql+asyncmy://{options.user}@{host}:{port}/{DATABASE}")
    yield engine
    await engine.dispose()
    await ask(server.url, f"DROP DATABASE {quoted(DATABASE)}")


@pytest.mark.asyncio
@pytest.mark.parametrize("ids", ["random", "serial", "uuid7"])
async def test_tables_made_by_sqlalchemy_serve_the_adapter_and_take_foreign_keys(
    engine: AsyncEngine, ids: IdMode
) -> None:
    schema = auth_schema(ids=ids)
    metadata = sql_metadata(schema)
    notes = Table("note", metadata, Column("author", reference_type(schema, "user"), ForeignKey("user.id")))
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    async with BackendAdapter(MySQLEngineBackend(engine), schema=schema) as db:
        await db.create_tables()
        user = await db.create("user", {"email": "ada@example.com"})
        async with engine.begin() as connection:
            await connection.execute(notes.insert().values(author=user["id"]))
            users = metadata.tables["user"]
            rows = (await connection.execute(select(users).join(notes))).mappings().all()
            author = (await connection.execute(select(notes.c.author))).scalar_one()
        assert dict(rows[0]) == user
        assert author == user["id"]


@pytest.mark.asyncio
async def test_long_keys_and_defaults_are_made_by_sqlalchemy_too(engine: AsyncEngine) -> None:
    metadata = sql_metadata(DEFAULTS)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        odd = metadata.tables["odd"]
        await connection.execute(odd.insert().values(id="one"))
        stored = (await connection.execute(select(odd))).mappings().one()
    async with BackendAdapter(MySQLEngineBackend(engine), schema=DEFAULTS) as db:
        assert await db.find_one("odd", {"id": "one"}) == dict(stored)
        assert stored["label"] == "it's 100%\\"
        made = await db.create("device", {"owner": "ada", "handle": "h" * 1_400})
        assert await db.find_one("device", {"handle": "h" * 1_400}) == made


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "text", ["\\", "\\'", "it's 100%", "'%\\", "a\\nb\nc", "'; DROP TABLE odd; --", "é\\😀'", '"\\"', "''"]
)
async def test_odd_texts_are_defaults_of_columns_as_they_are(engine: AsyncEngine, text: str) -> None:
    schema = Schema(
        {
            "odd": Model(
                fields={
                    "rank": Field("integer"),
                    "label": Field("string", default=text),
                    "kind": Field("enum", values=(text, "other"), default=text),
                    "body": Field("text", default=text),
                    "data": Field("json", default={"a": [text]}),
                    "words": Field("string[]", default=[text]),
                }
            )
        }
    )
    async with BackendAdapter(MySQLEngineBackend(engine), schema=schema) as db:
        await db.create_tables()
        made = await db.create("odd", {"rank": 1})
        async with engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE odd ADD COLUMN later INT")  # the server writes it all anew
            odd = sql_metadata(schema).tables["odd"]
            await connection.execute(odd.insert().inline().values(id="theirs", rank=2))
        theirs = await db.find_one("odd", {"id": "theirs"})
        assert theirs == {**made, "id": "theirs", "rank": 2}
        assert (made["label"], made["kind"], made["body"], made["data"], made["words"]) == (
            text,
            text,
            text,
            {"a": [text]},
            [text],
        )
