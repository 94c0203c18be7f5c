"""Indexes that a schema declares, where the database can be asked for them."""

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, make_user, new_database
from auth_adapters.conformance.topics.presets import everything
from auth_adapters.schema import presets
from auth_adapters.schema.composition import Schema

__all__ = ["TestIndexes"]


@pytest.mark.asyncio
class TestIndexes(Topic):
    """The indexes that a schema declares, where the database can be asked for them."""

    async def test_the_core_four_have_their_indexes(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        await connect(database=database)
        for table, key, unique in (
            ("user", ("email",), True),
            ("user", ("created_at",), False),
            ("session", ("token",), True),
            ("session", ("user_id",), False),
            ("session", ("expires_at",), False),
            ("account", ("user_id",), False),
            ("account", ("provider_id", "account_id"), True),
            ("verification", ("identifier",), False),
            ("verification", ("expires_at",), False),
        ):
            indexes = await harness.indexes(database, table)
            assert indexes is None or (key, unique) in indexes, (table, key)

    @pytest.mark.parametrize("schema", [everything("1.7"), presets.authjs()], ids=["better_auth", "authjs"])
    async def test_every_reference_and_every_unique_key_is_indexed(
        self, harness: Harness, connect: Connect, schema: Schema
    ) -> None:
        database = new_database()
        await connect(schema=schema, database=database)
        for name, model in schema.models.items():
            indexes = await harness.indexes(database, schema.naming.table(name, model.table))
            if indexes is None:
                continue

            def physical(*fields: str, of: str = name) -> tuple[str, ...]:
                return tuple(schema.naming.column(of, one, None) for one in fields)

            primary = physical(*model.primary_key)
            firsts = {columns[0] for columns, _ in indexes} | {primary[0]}
            for one, declared in model.fields.items():
                if declared.references or declared.index or declared.unique:
                    assert physical(one)[0] in firsts, (name, one)
            for key in model.unique_keys:
                assert physical(*key) == primary or (physical(*key), True) in indexes, (name, key)

    async def test_create_tables_again_changes_nothing(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        user = await make_user(adapter)
        before = await harness.indexes(database, "user")
        await adapter.create_tables()
        assert await harness.indexes(database, "user") == before
        assert await adapter.find_many("user") == [user]
