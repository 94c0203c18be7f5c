"""open, close, create_tables: when an adapter may be used, and what it leaves behind."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Final

import pytest

from auth_adapters.conformance.expect import needs, patiently, together
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import NOW, Connect, Topic, left_open, make_session, make_user, new_database
from auth_adapters.errors import AdapterStateError, TableMissingError, UnsupportedOperationError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Extension, Model
from auth_adapters.schema.naming import Naming

__all__ = ["TestClosing", "TestCreateTables", "TestLifecycle"]


async def read_first(adapter: Adapter) -> Any:
    """The first record of an iteration."""
    async for user in adapter.iterate("user"):
        return user
    return None


async def begin(adapter: Adapter) -> None:
    """A transaction without verbs."""
    async with adapter.transaction():
        pass


async def nothing(adapter: Adapter) -> None:
    """The work of a transaction that does none."""


VERBS: Final[dict[str, Callable[[Adapter], Awaitable[Any]]]] = {
    "create": make_user,
    "create_many": lambda adapter: adapter.create_many("user", [{"email": "a"}]),
    "find_one": lambda adapter: adapter.find_one("user", {"id": "x"}),
    "find_many": lambda adapter: adapter.find_many("user"),
    "iterate": read_first,
    "count": lambda adapter: adapter.count("user"),
    "update": lambda adapter: adapter.update("user", {"id": "x"}, {"name": "x"}),
    "update_many": lambda adapter: adapter.update_many("user", ALL, {"name": "x"}),
    "delete": lambda adapter: adapter.delete("user", {"id": "x"}),
    "delete_many": lambda adapter: adapter.delete_many("user", ALL),
    "consume_one": lambda adapter: adapter.consume_one("user", {"id": "x"}),
    "increment_one": lambda adapter: adapter.increment_one("counter", {"name": "x"}, {"value": 1}),
    "upsert": lambda adapter: adapter.upsert("user", {"email": "a"}, on=["email"]),
    "purge_expired": lambda adapter: adapter.purge_expired(),
}
OTHERS: Final[dict[str, Callable[[Adapter], Awaitable[Any]]]] = {
    "create_tables": lambda adapter: adapter.create_tables(),
    "transaction": begin,
    "run_transaction": lambda adapter: adapter.run_transaction(nothing),
}
COUNTER: Final = Extension(
    models={"counter": Model(fields={"name": Field("string"), "value": Field("integer", default=0)})}
)


def harnessed(harness: Harness, database: str, *extensions: Extension) -> Adapter:
    """An adapter that is not open yet."""
    return harness.connect(database, auth_schema(*extensions))


@pytest.mark.asyncio
class TestLifecycle(Topic):
    """open and close."""

    @pytest.mark.parametrize("verb", [*VERBS, *OTHERS])
    async def test_no_verb_runs_before_open(self, harness: Harness, verb: str) -> None:
        adapter = harnessed(harness, new_database(), COUNTER)
        with pytest.raises(AdapterStateError):
            await {**VERBS, **OTHERS}[verb](adapter)

    @pytest.mark.parametrize("verb", [*VERBS, *OTHERS])
    async def test_no_verb_runs_after_close(self, connect: Connect, verb: str) -> None:
        adapter = await connect(auth_schema(COUNTER))
        await adapter.close()
        with pytest.raises(AdapterStateError):
            await {**VERBS, **OTHERS}[verb](adapter)

    async def test_capabilities_are_known_only_while_it_is_open(self, harness: Harness) -> None:
        adapter = harnessed(harness, new_database())
        with pytest.raises(AdapterStateError):
            assert adapter.capabilities
        await adapter.open()
        assert adapter.capabilities == adapter.capabilities
        await adapter.close()
        with pytest.raises(AdapterStateError):
            assert adapter.capabilities

    async def test_bind_needs_an_open_adapter(self, harness: Harness) -> None:
        with pytest.raises(AdapterStateError):
            harnessed(harness, new_database()).bind(object())

    async def test_the_schema_is_known_before_open(self, harness: Harness) -> None:
        schema = auth_schema()
        assert harness.connect(new_database(), schema).schema is schema

    async def test_it_is_an_adapter(self, adapter: Adapter) -> None:
        assert isinstance(adapter, Adapter)

    async def test_open_is_idempotent(self, connect: Connect) -> None:
        adapter = await connect()
        user = await make_user(adapter)
        await adapter.open()
        assert await adapter.find_many("user") == [user]

    async def test_several_tasks_may_open_it_at_once(self, harness: Harness) -> None:
        database = new_database()
        adapter = harnessed(harness, database)
        assert await together(*(adapter.open() for _ in range(5))) == [None] * 5
        await adapter.create_tables()
        user = await make_user(adapter)
        assert await adapter.find_many("user") == [user]
        await adapter.close()
        assert await left_open(harness, [database]) == {}

    async def test_close_is_idempotent(self, connect: Connect) -> None:
        adapter = await connect()
        for _ in range(3):
            await adapter.close()

    async def test_several_tasks_may_close_it_at_once(self, connect: Connect) -> None:
        adapter = await connect()
        assert await together(*(adapter.close() for _ in range(5))) == [None] * 5

    async def test_close_without_open_does_nothing(self, harness: Harness) -> None:
        database = new_database()
        adapter = harnessed(harness, database)
        await adapter.close()
        assert await left_open(harness, [database]) == {}

    async def test_it_can_be_opened_again_and_finds_what_was_stored(self, connect: Connect) -> None:
        adapter = await connect()
        user = await make_user(adapter)
        for _ in range(3):
            await adapter.close()
            await adapter.open()
            assert await adapter.find_many("user") == [user]

    async def test_another_adapter_finds_what_was_stored(self, connect: Connect) -> None:
        database = new_database()
        first = await connect(database=database)
        user = await make_user(first)
        second = await connect(database=database)
        assert await second.find_many("user") == [user]
        await second.delete("user", {"id": user["id"]})
        assert await first.count("user") == 0

    async def test_databases_are_apart(self, connect: Connect) -> None:
        first, second = await connect(), await connect()
        await make_user(first)
        assert await second.count("user") == 0

    async def test_closing_one_adapter_leaves_others_open(self, connect: Connect) -> None:
        database = new_database()
        first, second = await connect(database=database), await connect(database=database)
        await first.close()
        user = await make_user(second)
        assert await second.find_many("user") == [user]

    async def test_async_with_opens_and_closes(self, harness: Harness) -> None:
        database = new_database()
        adapter = harnessed(harness, database)
        async with adapter as entered:
            assert entered is adapter
            await adapter.create_tables()
            await make_user(adapter)
        with pytest.raises(AdapterStateError):
            await adapter.count("user")
        assert await left_open(harness, [database]) == {}

    async def test_async_with_closes_after_an_exception_and_lets_it_through(self, harness: Harness) -> None:
        database = new_database()
        adapter = harnessed(harness, database)
        with pytest.raises(LookupError):
            async with adapter:
                raise LookupError
        with pytest.raises(AdapterStateError):
            await adapter.count("user")
        assert await left_open(harness, [database]) == {}

    async def test_no_repr_tells_what_is_stored(self, connect: Connect) -> None:
        adapter = await connect()
        await make_session(adapter, await make_user(adapter, "secret@example.com"), "secret-token")
        await adapter.find_one("session", {"token": "secret-token"})
        told = f"{adapter!r} {adapter} {adapter.schema!r} {adapter.capabilities!r}"
        await adapter.close()
        assert "secret" not in told + repr(adapter)

    @needs("transactions")
    async def test_no_repr_of_a_transaction_tells_what_is_stored(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            await make_user(tx, "secret@example.com")
            assert "secret" not in f"{tx!r} {tx}"


@pytest.mark.asyncio
class TestClosing(Topic):
    """What is under way when an adapter closes, fails to open, or is cancelled."""

    async def test_close_waits_for_what_is_under_way(self, connect: Connect) -> None:
        adapter = await connect()
        async with patiently():
            tasks = [asyncio.create_task(make_user(adapter, f"user{number}@example.com")) for number in range(20)]
            await asyncio.sleep(0)
            await adapter.close()
            got = await together(*tasks)
        assert all(isinstance(one, dict | AdapterStateError) for one in got)
        await adapter.open()
        stored = {user["email"] for user in await adapter.find_many("user")}
        assert stored == {one["email"] for one in got if isinstance(one, dict)}

    @needs("transactions")
    async def test_close_and_a_transaction_of_another_task_both_come_to_an_end(self, connect: Connect) -> None:
        adapter = await connect()
        entered, free = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with adapter.transaction() as tx:
                await make_user(tx)
                entered.set()
                await free.wait()
                await make_user(tx, "bob@example.com")

        async with patiently():
            task = asyncio.create_task(work())
            await entered.wait()
            closing = asyncio.create_task(adapter.close())
            await asyncio.sleep(0.01)
            free.set()
            (done,) = await together(task)
            await closing
            await adapter.open()
        assert done is None or isinstance(done, AdapterStateError)
        assert await adapter.count("user") == (2 if done is None else 0)

    @needs("transactions")
    async def test_close_waits_for_a_transaction_of_another_task_to_commit(self, connect: Connect) -> None:
        adapter = await connect()
        entered, free = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            async with adapter.transaction() as tx:
                await make_user(tx)
                entered.set()
                await free.wait()

        async with patiently():
            task = asyncio.create_task(work())
            await entered.wait()
            closing = asyncio.create_task(adapter.close())
            await asyncio.sleep(0.01)
            free.set()
            assert await together(task, closing) == [None, None]
            await adapter.open()
        assert await adapter.count("user") == 1

    async def test_a_failed_open_leaves_nothing_open(self, harness: Harness) -> None:
        database = new_database()
        async with harnessed(harness, database) as probe:
            lacking = [
                schema
                for schema, there in (
                    (auth_schema(ids="serial"), probe.capabilities.serial_ids),
                    (auth_schema(ids="database"), probe.capabilities.database_ids),
                    (auth_schema(naming=Naming(database_schema="x")), probe.capabilities.database_schemas),
                )
                if not there
            ]
        for schema in lacking:
            adapter = harness.connect(database, schema)
            with pytest.raises(UnsupportedOperationError):
                await adapter.open()
            with pytest.raises(AdapterStateError):
                await adapter.count("user")
            await adapter.close()
        assert await left_open(harness, [database]) == {}

    async def test_a_cancelled_open_leaves_nothing_open(self, harness: Harness) -> None:
        database = new_database()
        async with patiently():
            for pauses in range(10):
                adapter = harnessed(harness, database)
                opening = asyncio.create_task(adapter.open())
                await asyncio.sleep(pauses * 0.0002)
                opening.cancel()
                await asyncio.wait([opening])
                await adapter.close()
        assert await left_open(harness, [database]) == {}

    async def test_it_can_be_opened_after_a_cancelled_open(self, harness: Harness) -> None:
        database = new_database()
        adapter = harnessed(harness, database)
        async with patiently():
            opening = asyncio.create_task(adapter.open())
            await asyncio.sleep(0)
            opening.cancel()
            await asyncio.wait([opening])
            async with adapter:
                await adapter.create_tables()
                assert await adapter.count("user") == 0
        assert await left_open(harness, [database]) == {}

    @pytest.mark.parametrize("verb", ["find_many", "create", "update_many", "upsert", "consume_one"])
    async def test_a_cancelled_verb_leaves_the_adapter_sound(self, connect: Connect, verb: str) -> None:
        adapter = await connect()
        async with patiently():
            for pauses in range(20):
                task = asyncio.ensure_future(VERBS[verb](adapter))
                for _ in range(pauses % 10):
                    await asyncio.sleep(0)
                await asyncio.sleep(pauses // 10 * pauses * 0.0001)
                task.cancel()
                await asyncio.wait([task])
            await adapter.delete_many("user", ALL)
            user = await make_user(adapter, "sound@example.com")
            assert await adapter.find_many("user") == [user]


@pytest.mark.asyncio
class TestCreateTables(Topic):
    """create_tables, and tables that are not there."""

    async def test_it_is_idempotent_and_keeps_what_is_stored(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        for _ in range(3):
            await adapter.create_tables()
        assert await adapter.find_many("user") == [user]

    async def test_several_adapters_may_do_it_at_once(self, harness: Harness) -> None:
        database = new_database()
        adapters = [harnessed(harness, database) for _ in range(4)]
        async with AsyncExitStack() as opened:
            for adapter in adapters:
                await opened.enter_async_context(adapter)
            assert await together(*(adapter.create_tables() for adapter in adapters * 2)) == [None] * 8
            user = await make_user(adapters[0])
            assert [await adapter.find_many("user") for adapter in adapters] == [[user]] * 4
        assert await left_open(harness, [database]) == {}

    async def test_it_adds_the_tables_that_are_absent(self, connect: Connect) -> None:
        database = new_database()
        before = await connect(database=database)
        user = await make_user(before)
        after = await connect(auth_schema(COUNTER), database=database)
        counter = await after.create("counter", {"name": "a"})
        assert await after.find_many("counter") == [counter]
        assert await after.find_many("user") == [user]

    async def test_it_never_alters_what_is_there(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        before = await connect(database=database)
        user = await make_user(before)
        rows = await harness.stored(database, "user")
        wider = Extension(fields={"user": {"nickname": Field("string", required=False)}})
        await connect(auth_schema(wider), database=database)
        assert await harness.stored(database, "user") == rows
        assert await before.find_many("user") == [user]
        await make_user(before, "bob@example.com")
        assert {frozenset(row) for row in await harness.stored(database, "user")} == {frozenset(rows[0])}

    @pytest.mark.parametrize("verb", VERBS)
    async def test_a_verb_on_a_table_that_is_not_there_says_how_to_create_it(self, harness: Harness, verb: str) -> None:
        async with harnessed(harness, new_database(), COUNTER) as adapter:
            with pytest.raises(TableMissingError, match="create_tables"):
                await VERBS[verb](adapter)
            await adapter.create_tables()
            await VERBS[verb](adapter)

    @needs("transactions")
    async def test_a_table_that_is_not_there_fails_a_transaction(self, connect: Connect, harness: Harness) -> None:
        async with harnessed(harness, new_database()) as adapter:
            with pytest.raises(AdapterStateError):
                async with adapter.transaction() as tx:
                    with pytest.raises(TableMissingError, match="create_tables"):
                        await tx.purge_expired(now=NOW)
            await adapter.create_tables()
            assert await adapter.count("user") == 0
