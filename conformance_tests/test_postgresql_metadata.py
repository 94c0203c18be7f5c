"""PostgreSQL's tables as SQLAlchemy has them, with those of an application beside them."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import Column, ForeignKey, Table, select, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from auth_adapters import Naming, auth_schema, connect
from auth_adapters.backends.sql import reference_type, sql_metadata
from auth_adapters.schema.composition import IdMode
from servers import PostgreSQL


@pytest_asyncio.fixture
async def engine(postgresql_server: PostgreSQL) -> AsyncIterator[AsyncEngine]:
    name = f"metadata_{uuid4().hex}"
    server = await asyncpg.connect(postgresql_server.url)
    await server.execute(f"CREATE DATABASE {name}")
    url = f"{postgresql_server.url.rpartition('/')[0]}/{name}".replace("postgresql://", "postgresql+asyncpg://", 1)
    engine = create_async_engine(url)
    yield engine
    await engine.dispose()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("database_schema", [None, "auth"])
@pytest.mark.parametrize("ids", ["random", "serial", "uuid7", "database"])
async def test_tables_made_by_sqlalchemy_serve_the_adapter_and_take_foreign_keys(
    engine: AsyncEngine, ids: IdMode, database_schema: str | None
) -> None:
    schema = auth_schema(ids=ids, naming=Naming(database_schema=database_schema))
    metadata = sql_metadata(schema)
    users = metadata.tables["user" if database_schema is None else "auth.user"]
    notes = Table("note", metadata, Column("author", reference_type(schema, "user"), ForeignKey(users.c.id)))
    async with engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA IF NOT EXISTS auth"))
        await connection.run_sync(metadata.create_all)
    async with connect(engine, schema=schema) as db:
        await db.create_tables()
        user = await db.create("user", {"email": "ada@example.com"})
        async with engine.begin() as connection:
            await connection.execute(notes.insert().values(author=user["id"]))
            joined = (await connection.execute(select(users).join(notes))).mappings().one()
            found = (await connection.execute(select(users).where(users.c.id == user["id"]))).mappings().one()
            author = (await connection.execute(select(notes.c.author))).scalar_one()
        assert dict(joined) == dict(found) == user
        assert author == user["id"]
