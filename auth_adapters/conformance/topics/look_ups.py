"""Look-ups at the same moment: each finds its own record, as it is now."""

from typing import Any

import pytest

from auth_adapters.conformance.expect import together
from auth_adapters.conformance.topic import Connect, make_session, make_user
from auth_adapters.conformance.topics.atomic_verbs import COUNTERS
from auth_adapters.conformance.topics.atomicity import Race
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["TestLookUpsAtOnce"]

ALIKE = ("token", "Token", "TOKEN", "token ", " token", "tok%n", "tok_n", "tokén", "toke\u0301n", "token,token")
"""Values that something on the way may take for one another."""
STORED = ALIKE[::2]
MEMBERS = Schema(
    {"member": Model(fields={"name": Field("string", unique=True), "roles": Field("string[]"), "data": Field("json")})}
)


async def session_of(adapter: Adapter, token: str) -> None:
    """There is a session, with its user, for every second token; no other is found."""
    found = await adapter.find_one("session", {"token": token}, join=["user"])
    assert (found is not None) == (token in STORED)
    if found is not None:
        assert (found["token"], found["user"]["name"]) == (token, token)
        user = await adapter.find_one("user", {"id": found["user_id"]})
        assert user == found["user"]


@pytest.mark.asyncio
class TestLookUpsAtOnce(Race):
    """Many tasks look up one record each, in the same words."""

    async def test_each_finds_its_own(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        for token in STORED:
            user = await make_user(racers[0], f"{token}@example.com", name=token)
            await make_session(racers[0], user, token)
        tokens = [ALIKE[number * 3 % len(ALIKE)] for number in range(2 * len(racers))]
        got = await together(*(session_of(one, token) for one, token in zip(racers * 2, tokens, strict=True)))
        assert got == [None] * len(tokens)

    async def test_each_finds_what_it_has_just_written(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)

        async def sign_up(adapter: Adapter, number: int) -> list[Any]:
            email = f"{number}@example.com"
            seen = [await adapter.find_one("user", {"email": email}, select=["name"])]
            user = await adapter.create("user", {"email": email, "name": "first"})
            seen.append(await adapter.find_one("user", {"email": email}, select=["name"]))
            await adapter.update("user", {"id": user["id"]}, {"name": "second"})
            seen.append(await adapter.find_one("user", {"email": email}, select=["name"]))
            await adapter.delete("user", {"id": user["id"]})
            seen.append(await adapter.find_one("user", {"email": email}, select=["name"]))
            return seen

        expected = [None, {"name": "first"}, {"name": "second"}, None]
        got = await together(*(sign_up(one, number) for number, one in enumerate(racers)))
        assert got == [expected] * len(racers)

    async def test_none_finds_less_than_it_has_added(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        counter = await racers[0].create("counter", {"name": "hits", "value": 0})

        async def add(adapter: Adapter) -> bool:
            before = await adapter.find_one("counter", {"id": counter["id"]})
            added = await adapter.increment_one("counter", {"id": counter["id"]}, {"value": 1})
            after = await adapter.find_one("counter", {"id": counter["id"]})
            assert before is not None
            assert added is not None
            assert after is not None
            return bool(before["value"] < added["value"] <= after["value"])

        assert await together(*(add(one) for one in racers)) == [True] * len(racers)

    async def test_each_has_its_own_of_the_same_record(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, MEMBERS)
        member = await racers[0].create("member", {"name": "ada", "roles": ["guest"], "data": {"seen": []}})
        got = await together(*(one.find_one("member", {"name": "ada"}) for one in racers))
        assert got == [member] * len(racers)
        for number, one in enumerate(got):
            one["name"] = f"{number}"
            one["roles"].append(f"{number}")
            one["data"]["seen"].append(number)
        for number, one in enumerate(got):
            assert (one["name"], one["roles"], one["data"]) == (f"{number}", ["guest", f"{number}"], {"seen": [number]})
