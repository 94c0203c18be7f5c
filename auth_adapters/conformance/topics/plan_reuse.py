"""Questions that are alike: what was made of one is never taken for another."""

import itertools
from typing import Any

import pytest

from auth_adapters.conformance.samples import THINGS, create_all, ranks
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user
from auth_adapters.conformance.topics.case_insensitive import USERS
from auth_adapters.conformance.topics.joins import invite, ranked, social, staff, written
from auth_adapters.conformance.topics.upsert import DEVICES
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["TestPlanReuse", "TestUpdateAgain"]

ALIKE: dict[str, Any] = {"number": 1}
"""What all things of a test have."""


async def things(connect: Connect, ids: str = "cab") -> Adapter:
    """An adapter with a thing for each letter, ranked in the given order."""
    adapter = await connect(schema=THINGS)
    rows = [{"id": one, "rank": rank, **ALIKE} for rank, one in enumerate(ids)]
    await create_all(adapter, "thing", rows, force_id=True)
    return adapter


async def order_of(adapter: Adapter, **options: Any) -> str:
    """The ids of the things in the order in which they come."""
    return "".join(one["id"] for one in await adapter.find_many("thing", ALIKE, **options))


async def written_by(adapter: Adapter, user: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    """The invitations that a join gives for a user."""
    found = await adapter.find_one("user", {"id": user["id"]}, join=written(**options))
    assert found is not None
    joined: list[dict[str, Any]] = found["written"]
    return joined


@pytest.mark.asyncio
class TestPlanReuse(Topic):
    """A question is answered as it is asked, whatever was asked in almost the same words before."""

    async def test_find_one_and_find_many_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect)
        assert await adapter.find_one("thing", ALIKE) is not None
        assert await order_of(adapter, limit=3) == "abc"

    async def test_find_one_and_a_limit_of_zero_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect)
        by_id = field("id").eq("a")
        assert await adapter.find_one("thing", by_id, sort=["id"]) is not None
        assert await adapter.find_many("thing", by_id, sort=["id"], limit=0) == []
        assert await adapter.find_one("thing", by_id, sort=["id"]) is not None

    async def test_a_limit_and_none_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect)
        for _ in range(2):
            assert await order_of(adapter) == "abc"
            assert await order_of(adapter, limit=1) == "a"

    async def test_limits_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect)
        for limit, expected in ((2, "ab"), (0, ""), (1, "a"), (3, "abc")):
            assert await order_of(adapter, limit=limit) == expected

    async def test_orders_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect)
        for sort, expected in ((["id"], "abc"), (["-id"], "cba"), ([], "abc"), (["-rank"], "bac"), (["rank"], "cab")):
            assert await order_of(adapter, sort=sort) == expected

    async def test_selects_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect, "a")
        for select in (["id"], ["rank", "id"], ["number"], ["id", "rank"]):
            assert await adapter.find_one("thing", ALIKE, select=select) == {
                name: {"id": "a", "rank": 0, "number": 1}[name] for name in select
            }

    async def test_a_join_and_none_are_told_apart(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        for _ in range(2):
            assert await adapter.find_one("session", {"token": "token"}) == session
            joined = await adapter.find_one("session", {"token": "token"}, join=["user"])
            assert joined == {**session, "user": user}

    async def test_a_where_and_one_with_its_fields_in_another_order_are_told_apart(self, connect: Connect) -> None:
        adapter = await connect(schema=THINGS)
        await create_all(
            adapter, "thing", [{"rank": 0, "label": "x", "body": "y"}, {"rank": 1, "label": "y", "body": "x"}]
        )
        asked: list[tuple[dict[str, Any], int]] = [
            ({"label": "x", "body": "y"}, 0),
            ({"body": "x", "label": "y"}, 1),
            ({"body": "y", "label": "x"}, 0),
        ]
        for where, rank in asked:
            assert await ranks(adapter, where) == [rank]
            assert await adapter.count("thing", {**where, "rank": rank}) == 1
            changed = await adapter.update("thing", where, {"flag": True})
            assert changed is not None
            assert changed["rank"] == rank

    async def test_changes_and_those_in_another_order_are_told_apart(self, connect: Connect) -> None:
        adapter = await things(connect, "a")
        for _ in range(2):
            for changes in ({"label": "x", "body": "y"}, {"body": "y", "label": "x"}):
                changed = await adapter.update("thing", {"id": "a"}, changes)
                assert changed is not None
                assert (changed["label"], changed["body"]) == ("x", "y")

    async def test_upserts_on_either_key_are_told_apart(self, connect: Connect) -> None:
        adapter = await connect(DEVICES)
        device = await adapter.create("device", {"serial": "s1", "label": "x"})
        for data, key in (({"serial": "s1"}, "serial"), ({"serial": "s2", "label": "x"}, "label")):
            assert await adapter.upsert("device", data, on=[key], changes={}) == (device, False)

    async def test_a_join_with_a_limit_and_one_without_are_told_apart(self, connect: Connect) -> None:
        adapter, (user,) = await ranked(connect, parents=1, children=3)
        lengths = [len(await written_by(adapter, user, limit=limit)) for limit in (None, 1, None)]
        assert lengths == [3, 1, 3]

    async def test_joins_that_select_other_fields_are_told_apart(self, connect: Connect) -> None:
        adapter, (user,) = await ranked(connect, parents=1, children=1)
        (invitation,) = await written_by(adapter, user)
        for select in (["rank"], ["id", "rank"], ["id"]):
            expected = {name: invitation[name] for name in select}
            assert await written_by(adapter, user, select=select) == [expected]

    async def test_joins_in_either_direction_are_told_apart(self, connect: Connect) -> None:
        adapter = await staff(connect)
        ada = await make_user(adapter)
        bob = await make_user(adapter, "bob@example.com", boss_id=ada["id"])
        asked: list[tuple[Any, dict[str, Any], Any]] = [("forward", bob, ada), ("backward", ada, [bob])]
        for direction, user, expected in asked:
            join = {"other": Join(model="user", on="boss_id", direction=direction)}
            assert await adapter.find_one("user", {"id": user["id"]}, join=join) == {**user, "other": expected}

    async def test_joins_over_either_reference_are_told_apart(self, connect: Connect) -> None:
        adapter = await social(connect)
        ada, bob = await make_user(adapter), await make_user(adapter, "bob@example.com")
        invitation = await invite(adapter, ada, invitee_id=bob["id"])
        for on, user in (("inviter_id", ada), ("invitee_id", bob)):
            join = {"who": Join(model="user", on=on)}
            assert await adapter.find_one("invitation", {"rank": 0}, join=join) == {**invitation, "who": user}


@pytest.mark.asyncio
class TestUpdateAgain(Topic):
    """An update in the words of an earlier one does all that the first one did."""

    async def test_a_case_insensitive_field_is_found_by_what_it_is_now(self, connect: Connect) -> None:
        adapter = await connect(schema=USERS)
        user = await make_user(adapter, "Ada@example.com")
        for email in ("Bob@example.com", "Cyd@example.com"):
            changed = await adapter.update("user", {"id": user["id"]}, {"email": email})
            assert changed is not None
            assert changed["email"] == email
            assert await adapter.find_one("user", {"email": email.upper()}) == changed

    async def test_a_field_is_emptied_and_filled_in_turn(self, connect: Connect) -> None:
        adapter = await things(connect, "a")
        for label in ("x", None, "y", None):
            changed = await adapter.update("thing", {"id": "a"}, {"label": label})
            assert changed is not None
            assert changed["label"] == label

    async def test_what_refreshes_itself_is_made_anew(self, connect: Connect) -> None:
        made = itertools.count()
        fields = {"title": Field("string"), "version": Field("integer", default=0, on_update=lambda: next(made))}
        adapter = await connect(schema=Schema({"page": Model(fields=fields)}))
        page = await adapter.create("page", {"title": "One"})
        seen = [await adapter.update("page", {"id": page["id"]}, {"title": title}) for title in "abc"]
        versions = [changed["version"] for changed in seen if changed is not None]
        assert len(versions) == 3
        assert versions == sorted(set(versions))

    async def test_what_refreshes_itself_yields_to_a_given_value(self, connect: Connect) -> None:
        fields = {"first": Field("string", on_update=lambda: "1"), "second": Field("string", on_update=lambda: "2")}
        adapter = await connect(schema=Schema({"page": Model(fields=fields)}))
        page = await adapter.create("page", {})
        for by_hand in ("a", "b"):
            changed = await adapter.update("page", {"id": page["id"]}, {"first": by_hand})
            assert changed == {**page, "first": by_hand}
