"""join: what gives one record, in either direction, and how little of it may be asked for."""

import pytest

from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Extension, Index, Model

__all__ = ["TestJoinedOnes"]

USER_ID = Field("id", references=Reference(model="user"))
OWN = Extension(
    models={
        "setting": Model(fields={"user_id": USER_ID, "theme": Field("string")}, primary_key=("user_id",)),
        "badge": Model(fields={"user_id": USER_ID}, indexes=[Index("user_id", unique=True)]),
    }
)
"""Models of which a user has one each, though no field says that it is unique."""


@pytest.mark.asyncio
class TestJoinedOnes(Topic):
    """Joins that give one record."""

    async def test_a_joined_record_of_nothing_but_none_is_a_record(self, adapter: Adapter) -> None:
        await make_session(adapter, await make_user(adapter))
        join = {"user": Join(model="user", select=["name"])}
        assert await adapter.find_many("session", select=["token"], join=join) == [
            {"token": "token", "user": {"name": None}}
        ]

    async def test_a_joined_record_of_no_fields_is_an_empty_record(self, adapter: Adapter) -> None:
        await make_session(adapter, await make_user(adapter))
        join = {"user": Join(model="user", select=[])}
        assert await adapter.find_many("session", select=["token"], join=join) == [{"token": "token", "user": {}}]

    async def test_a_reference_that_is_the_primary_key_gives_a_record_or_none(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(OWN))
        ada, bob = await make_user(adapter), await make_user(adapter, "bob@example.com")
        setting = await adapter.create("setting", {"user_id": ada["id"], "theme": "dark"})
        found = await adapter.find_many("user", sort=["email"], join=["setting"])
        assert found == [{**ada, "setting": setting}, {**bob, "setting": None}]

    async def test_a_reference_that_an_index_makes_unique_gives_a_record_or_none(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(OWN))
        ada, bob = await make_user(adapter), await make_user(adapter, "bob@example.com")
        badge = await adapter.create("badge", {"user_id": ada["id"]})
        found = await adapter.find_many("user", sort=["email"], join=["badge"])
        assert found == [{**ada, "badge": badge}, {**bob, "badge": None}]

    async def test_records_that_share_a_joined_one_share_nothing_inside_of_it(self, connect: Connect) -> None:
        extra = Extension(
            fields={
                "user": {
                    "meta": Field("json", required=False),
                    "tags": Field("string[]", required=False),
                }
            }
        )
        adapter = await connect(auth_schema(extra))
        user = await make_user(adapter, meta={"roles": ["reader"]}, tags=["a"])
        for token in "xy":
            await make_session(adapter, user, token)
        one, other = await adapter.find_many("session", sort=["token"], join=["user"])
        one["user"]["meta"]["roles"].append("admin")
        one["user"]["tags"].append("b")
        assert other["user"] == user
