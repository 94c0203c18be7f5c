"""Capabilities, both ways: where one is declared it holds, where it is not the verb raises."""

from dataclasses import fields

import pytest

from auth_adapters.capabilities import Capabilities
from auth_adapters.conformance.expect import (
    refuses_batches,
    refuses_bind,
    refuses_savepoints,
    refuses_serializable,
    refuses_transactions,
)
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, left_open, make_session, make_user, new_database
from auth_adapters.errors import ConfigurationError, UnsupportedOperationError
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.naming import Naming

__all__ = ["TestCapabilities"]


async def opened_or_refused(harness: Harness, schema: Schema, capability: str) -> Adapter | None:
    """An open adapter with its tables made, or None once the schema has been refused as it must be."""
    async with harness.connect(new_database(), auth_schema()) as probe:
        there = getattr(probe.capabilities, capability)
    database = new_database()
    adapter = harness.connect(database, schema)
    if there:
        await adapter.open()
        await adapter.create_tables()
        return adapter
    with pytest.raises(UnsupportedOperationError, match=capability):
        await adapter.open()
    assert await left_open(harness, [database]) == {}
    return None


@pytest.mark.asyncio
class TestCapabilities(Topic):
    """Every flag."""

    async def test_they_are_booleans(self, adapter: Adapter) -> None:
        assert isinstance(adapter.capabilities, Capabilities)
        assert all(type(getattr(adapter.capabilities, one.name)) is bool for one in fields(Capabilities))

    async def test_they_do_not_change_while_it_is_open(self, adapter: Adapter) -> None:
        before = adapter.capabilities
        await make_user(adapter)
        assert adapter.capabilities == before
        with pytest.raises(AttributeError):
            adapter.capabilities.bind = True  # type: ignore[misc]

    async def test_adapters_over_one_database_have_the_same(self, connect: Connect) -> None:
        database = new_database()
        first, second = await connect(database=database), await connect(database=database)
        assert first.capabilities == second.capabilities

    async def test_transactions(self, adapter: Adapter) -> None:
        if not adapter.capabilities.transactions:
            await refuses_transactions(adapter)
            return
        with pytest.raises(LookupError):
            async with adapter.transaction() as tx:
                await make_user(tx)
                raise LookupError
        async with adapter.transaction() as tx:
            await make_user(tx)
        assert await adapter.count("user") == 1

    async def test_serializable(self, adapter: Adapter) -> None:
        if not adapter.capabilities.serializable:
            await refuses_serializable(adapter)
            return
        async with adapter.transaction(isolation="serializable") as tx:
            user = await make_user(tx)
        assert await adapter.find_many("user") == [user]

    async def test_savepoints(self, adapter: Adapter) -> None:
        if not adapter.capabilities.savepoints:
            await refuses_savepoints(adapter)
            return
        assert adapter.capabilities.transactions
        async with adapter.transaction() as tx:
            await make_user(tx)
            with pytest.raises(LookupError):
                async with tx.transaction() as inner:
                    await make_user(inner, "bob@example.com")
                    raise LookupError
        assert await adapter.count("user") == 1

    async def test_atomic_batches(self, adapter: Adapter) -> None:
        if not adapter.capabilities.atomic_batches:
            await refuses_batches(adapter)
            return
        emails = [f"user{number}@example.com" for number in range(3)]
        users = await adapter.create_many("user", [{"email": email} for email in emails])
        assert [user["email"] for user in users] == emails
        assert await adapter.find_many("user", sort=["email"]) == users

    async def test_bind(self, adapter: Adapter) -> None:
        if not adapter.capabilities.bind:
            await refuses_bind(adapter)
            return
        for wrong in (object(), None, "connection", 1):
            with pytest.raises(ConfigurationError):
                adapter.bind(wrong)

    async def test_serial_ids(self, harness: Harness) -> None:
        adapter = await opened_or_refused(harness, auth_schema(ids="serial"), "serial_ids")
        if adapter is None:
            return
        users = [await make_user(adapter, f"user{number}@example.com") for number in range(12)]
        ids = [user["id"] for user in users]
        assert all(isinstance(one, str) and one == str(int(one)) for one in ids)
        assert sorted(set(ids), key=int) == ids
        await adapter.delete("user", {"id": ids[-1]})
        assert int((await make_user(adapter, "next@example.com"))["id"]) > int(ids[-1])
        assert [user["id"] for user in await adapter.find_many("user", limit=11)] == ids[:-1]
        session = await make_session(adapter, users[0])
        assert session["user_id"] == ids[0]
        await adapter.close()

    async def test_serial_ids_are_not_reused_after_reopening(self, harness: Harness) -> None:
        adapter = await opened_or_refused(harness, auth_schema(ids="serial"), "serial_ids")
        if adapter is None:
            return
        user = await make_user(adapter)
        await adapter.delete("user", {"id": user["id"]})
        await adapter.close()
        async with adapter:
            assert int((await make_user(adapter))["id"]) > int(user["id"])

    async def test_database_ids(self, harness: Harness) -> None:
        adapter = await opened_or_refused(harness, auth_schema(ids="database"), "database_ids")
        if adapter is None:
            return
        users = [await make_user(adapter, f"user{number}@example.com") for number in range(5)]
        assert all(isinstance(user["id"], str) and user["id"] for user in users)
        assert len({user["id"] for user in users}) == 5
        for user in users:
            assert await adapter.find_one("user", {"id": user["id"]}) == user
        session = await make_session(adapter, users[0])
        assert await adapter.find_many("session", join=["user"]) == [{**session, "user": users[0]}]
        await adapter.close()

    async def test_database_schemas(self, harness: Harness, connect: Connect) -> None:
        naming = Naming(database_schema="auth_one")
        adapter = await opened_or_refused(harness, auth_schema(naming=naming), "database_schemas")
        if adapter is None:
            return
        await adapter.close()
        database = new_database()
        plain = await connect(database=database)
        one = await connect(auth_schema(naming=naming), database=database)
        two = await connect(auth_schema(naming=Naming(database_schema="auth_two")), database=database)
        user = await make_user(one)
        session = await make_session(one, user)
        assert await one.find_many("session", join=["user"]) == [{**session, "user": user}]
        assert (await two.count("user"), await plain.count("user")) == (0, 0)
        await make_user(two)
        assert await one.delete("user", {"id": user["id"]}) is True
        assert (await one.count("session"), await two.count("user")) == (0, 1)
