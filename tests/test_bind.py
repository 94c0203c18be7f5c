"""Working inside what the application owns: its engine, its connection, its session."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, event, insert, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import registry

from auth_adapters import (
    SESSION,
    USER,
    Adapter,
    AdapterStateError,
    ConfigurationError,
    Naming,
    TableMissingError,
    UniqueViolationError,
    UnsupportedOperationError,
    auth_schema,
    connect,
    utc_now,
)
from auth_adapters.backends.sql import reference_type, sql_metadata

pytestmark = pytest.mark.asyncio


@pytest_asyncio.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """The application's engine, on a file."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def adapter(engine: AsyncEngine) -> AsyncIterator[Adapter]:
    """An adapter on that engine."""
    async with connect(engine) as adapter:
        await adapter.create_tables()
        yield adapter


async def test_the_owner_of_a_connection_commits(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.connect() as connection:
        await adapter.bind(connection).create(USER, {"email": "a"})
        await connection.commit()
    assert await adapter.count(USER) == 1


async def test_the_owner_of_a_connection_rolls_back(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.connect() as connection:
        bound = adapter.bind(connection)
        await bound.create(USER, {"email": "a"})
        assert await bound.count(USER) == 1
        await connection.rollback()
    assert await adapter.count(USER) == 0


async def test_others_see_nothing_until_the_owner_commits(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        await adapter.bind(connection).create(USER, {"email": "a"})
        assert await adapter.count(USER) == 0
        await connection.commit()
    assert await adapter.count(USER) == 1


async def test_a_bound_transaction_is_a_savepoint_even_as_the_first_thing(
    engine: AsyncEngine, adapter: Adapter
) -> None:
    async with engine.connect() as connection:
        async with adapter.bind(connection).transaction() as inner:
            await inner.create(USER, {"email": "a"})
        await connection.rollback()
    assert await adapter.count(USER) == 0


async def test_a_bound_savepoint_is_undone_alone(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.begin() as connection:
        bound = adapter.bind(connection)
        await bound.create(USER, {"email": "a"})
        with pytest.raises(UniqueViolationError):
            async with bound.transaction() as inner:
                await inner.create(USER, {"email": "b"})
                await inner.create(USER, {"email": "a"})
    assert [user["email"] for user in await adapter.find_many(USER)] == ["a"]


async def test_an_upsert_that_fails_leaves_the_owners_transaction_whole(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.begin() as connection:
        bound = adapter.bind(connection)
        user = await bound.create(USER, {"email": "a"})
        row = {"user_id": user["id"], "token": "t", "expires_at": utc_now()}
        _, created = await bound.upsert(SESSION, row, on=["token"])
        _, again = await bound.upsert(SESSION, row, on=["token"], changes={})
        assert (created, again) == (True, False)
    assert await adapter.count(SESSION) == 1


async def test_a_session_is_flushed_first(engine: AsyncEngine) -> None:
    schema = auth_schema()
    metadata = sql_metadata(schema)
    mapped = registry(metadata=metadata)

    class Person:
        id: str
        email: str

    mapped.map_imperatively(Person, metadata.tables["user"])
    try:
        async with connect(engine, schema=schema) as adapter, AsyncSession(engine) as session:
            await adapter.create_tables()
            person = Person()
            person.id, person.email = "p", "p@example.com"
            person.created_at = person.updated_at = utc_now()  # type: ignore[attr-defined]
            session.add(person)
            found = await adapter.bind(session).find_one(USER, {"id": "p"})
            assert found is not None
            assert found["email_verified"] is False
            with session.no_autoflush:
                other = Person()
                other.id, other.email = "q", "q@example.com"
                session.add(other)
                assert await adapter.bind(session).count(USER) == 1
            await session.rollback()
            assert await adapter.count(USER) == 0
    finally:
        mapped.dispose()


async def test_values_read_through_sqlalchemy_are_the_adapters(engine: AsyncEngine, adapter: Adapter) -> None:
    user = await adapter.create(USER, {"email": "a", "email_verified": True})
    table = sql_metadata(adapter.schema).tables["user"]
    async with engine.connect() as connection:
        row = (await connection.execute(table.select())).mappings().one()
    assert dict(row) == user


async def test_application_tables_refer_to_users_in_every_id_mode(tmp_path: Path) -> None:
    for mode in ("random", "uuid7", "serial"):
        schema = auth_schema(ids=mode, naming=Naming(plural=True))
        metadata: MetaData = sql_metadata(schema)
        notes = Table(
            "note",
            metadata,
            Column("id", Integer, primary_key=True),
            Column("author", reference_type(schema, "user"), ForeignKey("users.id", ondelete="CASCADE")),
        )
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / mode}.db")
        async with connect(engine, schema=schema) as adapter:
            async with engine.begin() as connection:
                await connection.run_sync(metadata.create_all)
            user = await adapter.create("user", {"email": "a"})
            async with engine.begin() as connection:
                await connection.execute(insert(notes).values(author=user["id"]))
                kept = (await connection.execute(notes.select().where(notes.c.author == user["id"]))).mappings().one()
                assert kept["author"] == user["id"]
                users = metadata.tables["users"]
                joined = users.select().join(notes, notes.c.author == users.c.id)
                assert dict((await connection.execute(joined)).mappings().one()) == user
            await adapter.delete("user", {"id": user["id"]})
            async with engine.connect() as connection:
                assert (await connection.execute(text("SELECT count(*) FROM note"))).scalar() == 0
        await engine.dispose()


async def test_foreign_keys_that_are_off_inside_a_transaction_are_said(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        await connection.exec_driver_sql("BEGIN")
        with pytest.raises(ConfigurationError, match="foreign keys are off"):
            await adapter.bind(connection).count(USER)
        await connection.rollback()


async def test_closing_the_adapter_leaves_the_engine_open(engine: AsyncEngine) -> None:
    closed: list[object] = []
    event.listen(engine.sync_engine, "engine_disposed", closed.append)
    adapter = connect(engine)
    await adapter.open()
    await adapter.create_tables()
    await adapter.close()
    assert closed == []
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM user"))).scalar() == 0


async def test_an_engine_in_memory_is_one_connection_for_all() -> None:
    engine = create_async_engine("sqlite+aiosqlite://")
    async with connect(engine) as adapter:
        await adapter.create_tables()
        async with adapter.transaction() as tx:
            await tx.create(USER, {"email": "a"})
        assert await adapter.count(USER) == 1
    await engine.dispose()


async def test_bind_takes_connections_and_sessions_only(adapter: Adapter, engine: AsyncEngine) -> None:
    with pytest.raises(ConfigurationError, match="AsyncConnection or AsyncSession, not AsyncEngine"):
        adapter.bind(engine)


async def test_a_bound_adapter_binds_and_creates_nothing(engine: AsyncEngine, adapter: Adapter) -> None:
    async with engine.connect() as connection:
        bound = adapter.bind(connection)
        with pytest.raises(UnsupportedOperationError):
            bound.bind(connection)
        with pytest.raises(UnsupportedOperationError):
            await bound.create_tables()


async def test_a_bound_adapter_ends_with_the_adapter_it_came_from(engine: AsyncEngine) -> None:
    adapter = connect(engine)
    await adapter.open()
    async with engine.connect() as connection:
        bound = adapter.bind(connection)
        await adapter.close()
        with pytest.raises(AdapterStateError):
            await bound.count(USER)


async def test_errors_on_an_engine_are_typed(engine: AsyncEngine) -> None:
    async with connect(engine) as adapter:
        with pytest.raises(TableMissingError):
            await adapter.count(USER)


async def test_an_adapter_on_its_own_connections_binds_as_well(tmp_path: Path) -> None:
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'own.db'}")
    async with connect(tmp_path / "own.db") as adapter:
        await adapter.create_tables()
        async with engine.begin() as connection:
            await adapter.bind(connection).create(USER, {"email": "a"})
        assert await adapter.count(USER) == 1
    await engine.dispose()
