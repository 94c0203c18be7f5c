"""join: records of other models beside each record."""

from typing import Any

import pytest

from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user
from auth_adapters.errors import InvalidQueryError, UnknownFieldError, UnknownModelError
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Extension, Model
from auth_adapters.schema.naming import Naming

__all__ = ["SOCIAL", "TestJoinRefusals", "TestJoins"]

SOCIAL = Extension(
    models={
        "profile": Model(
            fields={
                "user_id": Field("id", unique=True, references=Reference(model="user")),
                "motto": Field("string", required=False),
            }
        ),
        "team": Model(fields={"slug": Field("string", unique=True), "title": Field("string", required=False)}),
        "invitation": Model(
            fields={
                "inviter_id": Field("id", references=Reference(model="user")),
                "invitee_id": Field("id", required=False, references=Reference(model="user", on_delete="set_null")),
                "team_slug": Field("string", required=False, references=Reference(model="team", field="slug")),
                "rank": Field("integer", default=0),
            }
        ),
    }
)


async def social(connect: Connect) -> Adapter:
    """An adapter over the core four, profiles, teams and invitations."""
    return await connect(auth_schema(SOCIAL))


async def staff(connect: Connect) -> Adapter:
    """An adapter whose users refer to one another: a boss, and a deputy who is nobody else's."""
    boss = Field("id", required=False, references=Reference(model="user", on_delete="set_null"))
    deputy = Field("id", required=False, unique=True, references=Reference(model="user", on_delete="set_null"))
    return await connect(auth_schema(Extension(fields={"user": {"boss_id": boss, "deputy_id": deputy}})))


async def invite(adapter: Adapter, inviter: dict[str, Any], **data: Any) -> dict[str, Any]:
    """A stored invitation."""
    return await adapter.create("invitation", {"inviter_id": inviter["id"], **data})


async def ranked(connect: Connect, parents: int, children: int) -> tuple[Adapter, list[dict[str, Any]]]:
    """Users, each of whom wrote that many invitations, ranked from 0 up."""
    adapter = await social(connect)
    users = [await make_user(adapter, f"user{number:03}@example.com") for number in range(parents)]
    for rank in range(children):
        for user in users:
            await invite(adapter, user, rank=rank)
    return adapter, users


def written(**options: Any) -> dict[str, Join]:
    """The join from users to the invitations they wrote."""
    return {"written": Join(model="invitation", on="inviter_id", **options)}


@pytest.mark.asyncio
class TestJoins(Topic):
    """What a join gives."""

    async def test_a_forward_join_gives_the_record_referred_to(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        await make_user(adapter, "bob@example.com")
        session = await make_session(adapter, user)
        found = await adapter.find_one("session", {"token": "token"}, join=["user"])
        assert found == {**session, "user": user}

    async def test_a_forward_join_over_an_empty_reference_gives_none(self, connect: Connect) -> None:
        adapter = await social(connect)
        invitation = await invite(adapter, await make_user(adapter))
        join = {"invitee": Join(model="user", on="invitee_id")}
        assert await adapter.find_one("invitation", {"rank": 0}, join=join) == {**invitation, "invitee": None}

    async def test_a_forward_join_follows_a_reference_to_a_field_other_than_id(self, connect: Connect) -> None:
        adapter = await social(connect)
        team = await adapter.create("team", {"slug": "core"})
        await adapter.create("team", {"slug": "edge"})
        await invite(adapter, await make_user(adapter), team_slug="core")
        found = await adapter.find_one("invitation", {"rank": 0}, join=["team"])
        assert found is not None
        assert found["team"] == team

    async def test_a_backward_join_follows_a_reference_to_a_field_other_than_id(self, connect: Connect) -> None:
        adapter = await social(connect)
        await adapter.create("team", {"slug": "core"})
        await adapter.create("team", {"slug": "edge"})
        invitation = await invite(adapter, await make_user(adapter), team_slug="edge")
        found = await adapter.find_many("team", sort=["slug"], join=["invitation"])
        assert [team["invitation"] for team in found] == [[], [invitation]]

    async def test_a_backward_join_over_a_unique_reference_gives_a_record_or_none(self, connect: Connect) -> None:
        adapter = await social(connect)
        ada = await make_user(adapter)
        await make_user(adapter, "bob@example.com")
        profile = await adapter.create("profile", {"user_id": ada["id"], "motto": "onwards"})
        found = await adapter.find_many("user", sort=["email"], join=["profile"])
        assert [user["profile"] for user in found] == [profile, None]

    async def test_a_backward_join_gives_a_list_in_the_order_of_the_primary_key(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        sessions = [await make_session(adapter, user, f"token{number}") for number in range(5)]
        found = await adapter.find_one("user", {"id": user["id"]}, join=["session"])
        assert found == {**user, "session": sorted(sessions, key=lambda one: str(one["id"]))}

    async def test_the_join_is_a_left_join(self, adapter: Adapter) -> None:
        await make_user(adapter, "ada@example.com")
        session = await make_session(adapter, await make_user(adapter, "bob@example.com"))
        found = await adapter.find_many("user", sort=["email"], join=["session"])
        assert [(user["email"], user["session"]) for user in found] == [
            ("ada@example.com", []),
            ("bob@example.com", [session]),
        ]

    async def test_a_join_comes_under_the_key_it_was_given(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        found = await adapter.find_one("session", {"token": "token"}, join={"owner": Join(model="user")})
        assert found == {**session, "owner": user}

    async def test_two_references_to_one_model_are_told_apart_by_on(self, connect: Connect) -> None:
        adapter = await social(connect)
        ada, bob = await make_user(adapter), await make_user(adapter, "bob@example.com")
        invitation = await invite(adapter, ada, invitee_id=bob["id"])
        both = {"inviter": Join(model="user", on="inviter_id"), "invitee": Join(model="user", on="invitee_id")}
        found = await adapter.find_one("invitation", {"rank": 0}, join=both)
        assert found == {**invitation, "inviter": ada, "invitee": bob}

    async def test_two_references_from_one_model_are_told_apart_by_on(self, connect: Connect) -> None:
        adapter = await social(connect)
        ada, bob = await make_user(adapter), await make_user(adapter, "bob@example.com")
        first = await invite(adapter, ada, invitee_id=bob["id"])
        join = {**written(), "received": Join(model="invitation", on="invitee_id")}
        found = await adapter.find_many("user", sort=["email"], join=join)
        assert [(user["written"], user["received"]) for user in found] == [([first], []), ([], [first])]

    async def test_a_model_that_refers_to_itself_is_joined_in_either_direction(self, connect: Connect) -> None:
        adapter = await staff(connect)
        ada = await make_user(adapter, "ada@example.com")
        team = [await make_user(adapter, f"{name}@example.com", boss_id=ada["id"]) for name in ("bob", "cleo")]
        join = {
            "boss": Join(model="user", on="boss_id", direction="forward"),
            "reports": Join(model="user", on="boss_id", direction="backward", sort=["email"]),
        }
        found = await adapter.find_many("user", sort=["email"], join=join)
        assert found == [
            {**ada, "boss": None, "reports": team},
            *({**one, "boss": ada, "reports": []} for one in team),
        ]

    async def test_a_unique_reference_to_itself_gives_a_record_in_either_direction(self, connect: Connect) -> None:
        adapter = await staff(connect)
        bob = await make_user(adapter, "bob@example.com")
        ada = await make_user(adapter, "ada@example.com", deputy_id=bob["id"])
        join = {
            "deputy": Join(model="user", on="deputy_id", direction="forward", where=field("email").ne("x")),
            "stands_in_for": Join(model="user", on="deputy_id", direction="backward", select=["email"]),
        }
        found = await adapter.find_many("user", sort=["email"], join=join)
        assert found == [
            {**ada, "deputy": bob, "stands_in_for": None},
            {**bob, "deputy": None, "stands_in_for": {"email": "ada@example.com"}},
        ]

    async def test_a_direction_may_be_said_where_there_is_only_one(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        forward = {"owner": Join(model="user", direction="forward")}
        assert await adapter.find_one("session", {"token": "token"}, join=forward) == {**session, "owner": user}
        backward = {"open": Join(model="session", direction="backward")}
        assert await adapter.find_one("user", {"id": user["id"]}, join=backward) == {**user, "open": [session]}

    async def test_where_narrows_a_joined_list(self, connect: Connect) -> None:
        adapter, _ = await ranked(connect, parents=2, children=4)
        found = await adapter.find_many("user", join=written(where=field("rank").gte(2), sort=["rank"]))
        assert [[one["rank"] for one in user["written"]] for user in found] == [[2, 3], [2, 3]]

    async def test_where_makes_a_joined_record_none_and_keeps_the_parent(self, adapter: Adapter) -> None:
        for name in ("ada", "bob"):
            await make_session(adapter, await make_user(adapter, f"{name}@example.com"), name)
        join = {"user": Join(model="user", where={"email": "ada@example.com"})}
        found = await adapter.find_many("session", sort=["token"], join=join)
        assert [session["user"] and session["user"]["email"] for session in found] == ["ada@example.com", None]

    async def test_where_none_is_asked_of_the_joined_record(self, connect: Connect) -> None:
        adapter = await social(connect)
        ada = await make_user(adapter)
        empty = await invite(adapter, ada)
        full = await invite(adapter, ada, invitee_id=ada["id"], rank=1)
        for where, expected in (({"invitee_id": None}, [empty]), (field("invitee_id").ne(None), [full])):
            found = await adapter.find_one("user", {"id": ada["id"]}, join=written(where=where))
            assert found is not None
            assert found["written"] == expected

    async def test_conditions_of_parent_and_join_do_not_mix(self, connect: Connect) -> None:
        adapter, users = await ranked(connect, parents=3, children=3)
        join = {
            **written(where=field("rank").in_([0, 2]), sort=["-rank"], limit=1),
            "profile": Join(model="profile", where={"motto": "none"}),
        }
        where = field("email").gt(users[0]["email"]) & field("email").lt(users[2]["email"])
        (found,) = await adapter.find_many("user", where, join=join, limit=5, sort=["email"])
        assert found["id"] == users[1]["id"]
        assert [one["rank"] for one in found["written"]] == [2]
        assert found["profile"] is None

    async def test_the_limit_of_a_join_is_per_parent(self, connect: Connect) -> None:
        adapter, _ = await ranked(connect, parents=20, children=3)
        found = await adapter.find_many("user", join=written(sort=["-rank"], limit=2))
        assert [[one["rank"] for one in user["written"]] for user in found] == [[2, 1]] * 20

    async def test_a_limit_of_zero_gives_empty_lists(self, connect: Connect) -> None:
        adapter, _ = await ranked(connect, parents=2, children=1)
        found = await adapter.find_many("user", join=written(limit=0))
        assert [user["written"] for user in found] == [[], []]

    async def test_a_joined_list_is_sorted(self, connect: Connect) -> None:
        adapter, _ = await ranked(connect, parents=2, children=4)
        for sort, expected in ((["rank"], [0, 1, 2, 3]), (["-rank"], [3, 2, 1, 0])):
            found = await adapter.find_many("user", join=written(sort=sort))
            assert [[one["rank"] for one in user["written"]] for user in found] == [expected] * 2

    async def test_the_same_join_with_other_values_is_answered_anew(self, connect: Connect) -> None:
        adapter, users = await ranked(connect, parents=1, children=4)
        lengths = []
        for least, limit in ((0, 9), (3, 9), (0, 2), (1, 9)):
            join = written(where=field("rank").gte(least), limit=limit)
            found = await adapter.find_one("user", {"id": users[0]["id"]}, join=join)
            assert found is not None
            lengths.append(len(found["written"]))
        assert lengths == [4, 1, 2, 3]

    async def test_one_model_joins_under_several_keys(self, connect: Connect) -> None:
        adapter, users = await ranked(connect, parents=1, children=3)
        join = {
            "low": Join(model="invitation", on="inviter_id", where=field("rank").lt(1)),
            "high": Join(model="invitation", on="inviter_id", where=field("rank").gte(1), sort=["rank"]),
        }
        found = await adapter.find_one("user", {"id": users[0]["id"]}, join=join)
        assert found is not None
        assert ([one["rank"] for one in found["low"]], [one["rank"] for one in found["high"]]) == ([0], [1, 2])

    async def test_several_joins_at_once(self, connect: Connect) -> None:
        adapter = await social(connect)
        ada = await make_user(adapter)
        session, invitation = await make_session(adapter, ada), await invite(adapter, ada)
        profile = await adapter.create("profile", {"user_id": ada["id"]})
        join = {**written(), "session": Join(model="session"), "profile": Join(model="profile")}
        found = await adapter.find_one("user", {"id": ada["id"]}, join=join)
        assert found == {**ada, "session": [session], "profile": profile, "written": [invitation]}

    async def test_select_narrows_the_joined_record(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        await make_session(adapter, user)
        forward = await adapter.find_one(
            "session", {"token": "token"}, join={"user": Join(model="user", select=["email"])}
        )
        backward = await adapter.find_one(
            "user", {"id": user["id"]}, join={"session": Join(model="session", select=["token"])}
        )
        assert forward is not None
        assert backward is not None
        assert (forward["user"], backward["session"]) == ({"email": "ada@example.com"}, [{"token": "token"}])

    async def test_a_select_without_the_linking_field_still_joins(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        forward = await adapter.find_one("session", {"token": "token"}, select=["token"], join=["user"])
        backward = await adapter.find_one("user", {"id": user["id"]}, select=["email"], join=["session"])
        assert forward == {"token": "token", "user": user}
        assert backward == {"email": "ada@example.com", "session": [session]}

    async def test_an_empty_select_leaves_only_the_joined_records(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        assert await adapter.find_many("user", select=[], join=["session"]) == [{"session": [session]}]

    async def test_joined_records_come_with_every_page(self, connect: Connect) -> None:
        adapter, users = await ranked(connect, parents=7, children=2)
        pages: list[dict[str, Any]] = []
        while page := await adapter.find_many(
            "user", sort=["email"], limit=3, after=pages[-1] if pages else None, join=written(sort=["rank"])
        ):
            pages += page
        by_offset = await adapter.find_many("user", sort=["email"], limit=3, offset=2, join=written(sort=["rank"]))
        assert [user["id"] for user in pages] == [user["id"] for user in users]
        assert all([one["rank"] for one in user["written"]] == [0, 1] for user in pages)
        assert by_offset == pages[2:5]

    async def test_iterate_brings_joined_records(self, connect: Connect) -> None:
        adapter, users = await ranked(connect, parents=5, children=2)
        found = [user async for user in adapter.iterate("user", sort=["email"], join=written(), batch=2)]
        assert [user["id"] for user in found] == [user["id"] for user in users]
        assert all({one["inviter_id"] for one in user["written"]} == {user["id"]} for user in found)

    async def test_a_parent_shared_by_several_children_comes_as_independent_dicts(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        for number in range(3):
            await make_session(adapter, user, f"token{number}")
        first, second, third = await adapter.find_many("session", join=["user"])
        first["user"]["email"] = "changed"
        assert second["user"] == third["user"] == user

    async def test_children_go_to_their_own_parents(self, connect: Connect) -> None:
        adapter, users = await ranked(connect, parents=30, children=3)
        found = await adapter.find_many("user", sort=["email"], join=written(sort=["rank"]))
        expected = [[(user["id"], rank) for rank in range(3)] for user in users]
        assert [[(one["inviter_id"], one["rank"]) for one in user["written"]] for user in found] == expected

    async def test_a_join_finds_nothing_where_no_parent_matches(self, adapter: Adapter) -> None:
        await make_session(adapter, await make_user(adapter))
        assert await adapter.find_one("user", {"email": "nobody@example.com"}, join=["session"]) is None
        assert await adapter.find_many("user", {"email": "nobody@example.com"}, join=["session"]) == []

    async def test_what_is_no_id_matches_nothing_on_the_joined_side(self, connect: Connect) -> None:
        adapter = await connect(auth_schema(ids="uuid4"))
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        forward = {"user": Join(model="user", where={"id": "no uuid"})}
        backward = {"session": Join(model="session", where=field("id").ne("no uuid"))}
        assert await adapter.find_many("session", join=forward) == [{**session, "user": None}]
        assert await adapter.find_many("user", join=backward) == [{**user, "session": [session]}]

    async def test_joins_use_logical_names_whatever_the_physical_ones(self, connect: Connect) -> None:
        naming = Naming(case="camel", plural=True, prefix="auth_")
        adapter = await connect(auth_schema(SOCIAL, naming=naming))
        user = await make_user(adapter)
        session = await make_session(adapter, user)
        await adapter.create("profile", {"user_id": user["id"]})
        assert await adapter.find_many("session", join=["user"]) == [{**session, "user": user}]
        (found,) = await adapter.find_many("user", join=["session", "profile"])
        assert found["session"] == [session]
        assert found["profile"]["user_id"] == user["id"]


@pytest.mark.asyncio
class TestJoinRefusals(Topic):
    """What a join refuses, before any I/O."""

    async def test_two_references_without_on_are_ambiguous(self, connect: Connect) -> None:
        adapter = await social(connect)
        with pytest.raises(InvalidQueryError, match=r"inviter_id.*invitee_id"):
            await adapter.find_many("invitation", join=["user"])
        with pytest.raises(InvalidQueryError, match=r"inviter_id.*invitee_id"):
            await adapter.find_many("user", join=["invitation"])

    async def test_a_reference_to_itself_is_ambiguous_without_a_direction(self, connect: Connect) -> None:
        adapter = await staff(connect)
        for join in (Join(model="user"), Join(model="user", on="boss_id"), Join(model="user", direction="forward")):
            with pytest.raises(InvalidQueryError, match=r"boss_id.*forward.*boss_id.*backward"):
                await adapter.find_many("user", join={"boss": join})

    async def test_a_direction_in_which_no_reference_leads_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(InvalidQueryError, match="user_id"):
            await adapter.find_many("session", join={"owner": Join(model="user", direction="backward")})
        with pytest.raises(InvalidQueryError, match="user_id"):
            await adapter.find_many("user", join={"open": Join(model="session", direction="forward")})

    @pytest.mark.parametrize("direction", ["up", "", 1, True, ["forward"]])
    async def test_a_direction_that_is_none_is_refused(self, adapter: Adapter, direction: Any) -> None:
        with pytest.raises(InvalidQueryError, match="direction"):
            await adapter.find_many("session", join={"owner": Join(model="user", direction=direction)})

    async def test_a_key_that_is_a_field_collides(self, adapter: Adapter) -> None:
        for select in (None, ["id"]):
            with pytest.raises(InvalidQueryError, match="token"):
                await adapter.find_many("session", select=select, join={"token": Join(model="user")})

    async def test_a_model_without_a_reference_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(InvalidQueryError, match="verification"):
            await adapter.find_many("user", join=["verification"])

    async def test_an_on_that_is_no_reference_is_refused(self, adapter: Adapter) -> None:
        for wrong in ("token", "nothing"):
            with pytest.raises(InvalidQueryError, match=wrong):
                await adapter.find_many("session", join={"owner": Join(model="user", on=wrong)})

    async def test_an_unknown_model_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(UnknownModelError, match="ghost"):
            await adapter.find_many("user", join=["ghost"])

    @pytest.mark.parametrize("option", ["select", "sort", "where"])
    async def test_an_unknown_field_of_the_joined_model_is_refused(self, adapter: Adapter, option: str) -> None:
        given: Any = {"ghost": 1} if option == "where" else ["ghost"]
        with pytest.raises(UnknownFieldError, match="ghost"):
            await adapter.find_many("user", join={"session": Join(model="session", **{option: given})})

    async def test_a_negative_limit_is_refused(self, adapter: Adapter) -> None:
        with pytest.raises(InvalidQueryError, match="limit"):
            await adapter.find_many("user", join={"session": Join(model="session", limit=-1)})

    async def test_one_record_takes_no_sort_and_no_limit(self, adapter: Adapter) -> None:
        for options in ({"sort": ["email"]}, {"limit": 1}):
            with pytest.raises(InvalidQueryError, match="user"):
                await adapter.find_many("session", join={"user": Join(model="user", **options)})

    async def test_a_join_that_is_no_list_of_models_is_refused(self, adapter: Adapter) -> None:
        for wrong in ("user", {"user": "user"}, [Join(model="user")]):
            with pytest.raises(InvalidQueryError):
                await adapter.find_many("session", join=wrong)  # type: ignore[arg-type]
