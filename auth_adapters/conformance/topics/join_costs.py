"""How many statements a join costs: never one per parent."""

from collections.abc import Awaitable

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user, new_database
from auth_adapters.conformance.topics.joins import SOCIAL
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join
from auth_adapters.schema.core import auth_schema

__all__ = ["TestJoinCosts"]


@pytest.mark.asyncio
class TestJoinCosts(Topic):
    """Statements per join. A harness that cannot count proves the results alone."""

    async def cost(self, harness: Harness, database: str, work: Awaitable[object]) -> int:
        """How many statements the work sends; 0 where that cannot be told."""
        before = harness.statements(database)
        await work
        after = harness.statements(database)
        return 0 if before is None or after is None else after - before

    async def filled(self, connect: Connect, database: str, parents: int) -> Adapter:
        """Users with a session, a profile and two invitations each."""
        adapter = await connect(auth_schema(SOCIAL), database=database)
        for number in range(parents):
            user = await make_user(adapter, f"user{number}@example.com")
            await make_session(adapter, user, f"token{number}")
            await adapter.create("profile", {"user_id": user["id"]})
            for _ in range(2):
                await adapter.create("invitation", {"inviter_id": user["id"]})
        return adapter

    @pytest.mark.parametrize("parents", [1, 100])
    async def test_a_join_to_one_is_one_statement_or_at_most_two(
        self, harness: Harness, connect: Connect, parents: int
    ) -> None:
        database = new_database()
        adapter = await self.filled(connect, database, parents)
        limit = 1 if adapter.capabilities.native_joins else 2
        assert await self.cost(harness, database, adapter.find_many("session", join=["user"])) <= limit
        assert await self.cost(harness, database, adapter.find_many("user", join=["profile"])) <= limit
        first = adapter.find_one("session", {"token": "token0"}, join=["user"])
        assert await self.cost(harness, database, first) <= limit

    @pytest.mark.parametrize("parents", [1, 100])
    async def test_a_join_to_many_is_one_statement_more(self, harness: Harness, connect: Connect, parents: int) -> None:
        database = new_database()
        adapter = await self.filled(connect, database, parents)
        assert await self.cost(harness, database, adapter.find_many("user", join=["session"])) <= 2

    async def test_every_model_joined_to_many_is_one_statement_more(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await self.filled(connect, database, 30)
        join = {
            "session": Join(model="session"),
            "account": Join(model="account"),
            "written": Join(model="invitation", on="inviter_id", sort=["-rank"], limit=1),
            "profile": Join(model="profile"),
        }
        limit = 4 if adapter.capabilities.native_joins else 5
        assert await self.cost(harness, database, adapter.find_many("user", join=join)) <= limit

    async def test_a_question_without_a_join_is_one_statement(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await self.filled(connect, database, 3)
        assert await self.cost(harness, database, adapter.find_many("user")) <= 1
        assert await self.cost(harness, database, adapter.count("user")) <= 1
