"""What a cancelled delete leaves of an application's own session, on a real MariaDB."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine

import servers
from auth_adapters import Field, Model, Reference, Schema, connect

DEPTH = 20
PEOPLE = Schema(
    {
        "person": Model(
            fields={
                "number": Field("integer", unique=True),
                "boss": Field("string", required=False, references=Reference(model="person")),
            }
        )
    }
)


@pytest.mark.asyncio
async def test_a_delete_cancelled_at_any_statement_puts_the_checks_of_the_session_back(
    mariadb_server: servers.MariaDB,
) -> None:
    url = mariadb_server.create_database().replace("mysql:", "mysql+asyncmy:").replace("mariadb:", "mariadb+asyncmy:")
    engine = create_async_engine(url, pool_size=1, max_overflow=0, connect_args={"charset": "utf8mb4"})
    said: list[str] = []
    task: asyncio.Task[Any] | None = None

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def cancel_there(_: Any, __: Any, statement: str, *___: Any) -> None:
        said.append(statement)
        if "foreign_key_checks" in statement and statement.startswith("SET") and task is not None:
            task.cancel()

    async with connect(engine, schema=PEOPLE) as db:
        await db.create_tables()
        boss = None
        for number in range(DEPTH):
            boss = (await db.create("person", {"number": number, "boss": boss}))["id"]
        task = asyncio.create_task(db.delete("person", {"number": 0}))
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert any("foreign_key_checks" in statement for statement in said if statement.startswith("SET"))
        task = None
        async with engine.connect() as connection:
            assert (await connection.execute(text("SELECT @@foreign_key_checks"))).scalar() == 1
        assert await db.count("person") == DEPTH
    await engine.dispose()


@pytest.mark.asyncio
async def test_many_long_records_are_stored_all_or_none(mariadb_server: servers.MariaDB) -> None:
    async with connect(mariadb_server.create_database()) as db:
        await db.create_tables()
        rows: list[dict[str, Any]] = [
            {"email": f"{number}@x", "name": "\N{GRINNING FACE}" * 255} for number in range(1_200)
        ]
        with pytest.raises(Exception, match="email"):
            await db.create_many("user", [*rows, {"email": "1@x"}])
        assert await db.count("user") == 0
        assert len(await db.create_many("user", rows)) == len(rows)
