"""References: no child without its parent, and what a delete means for those that refer."""

from typing import Any

import pytest

from auth_adapters.conformance.expect import needs, refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import ForeignKeyViolationError
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Model

__all__ = ["TestReferencedDelete", "TestReferences"]


def refers(model: str, on_delete: Any = "cascade", *, to: str = "code", required: bool = False) -> Field:
    """A reference to another model's code."""
    return Field("string", required=required, references=Reference(model=model, field=to, on_delete=on_delete))


CODE = Field("string", unique=True)
TREE = Schema(
    {
        "root": Model(fields={"code": CODE, "label": Field("string", required=False)}),
        "branch": Model(fields={"code": CODE, "root_code": refers("root", required=True)}),
        "leaf": Model(fields={"code": CODE, "branch_code": refers("branch", required=True)}),
        "note": Model(fields={"code": CODE, "leaf_code": refers("leaf", "set_null")}),
        "lock": Model(fields={"code": CODE, "leaf_code": refers("leaf", "restrict")}),
        "person": Model(
            fields={
                "code": CODE,
                "boss": refers("person"),
                "friend": refers("person", "set_null"),
                "owner": refers("person", "restrict"),
            }
        ),
        "left": Model(fields={"code": CODE, "right_code": refers("right")}),
        "right": Model(fields={"code": CODE, "left_code": refers("left")}),
    }
)


async def tree(connect: Connect, database: str | None = None) -> Adapter:
    """A root with two branches of two leaves each, and another root with a branch and a leaf."""
    adapter = await connect(TREE, database=database)
    for code in ("r1", "r2"):
        await adapter.create("root", {"code": code})
    for code, root in (("b1", "r1"), ("b2", "r1"), ("b3", "r2")):
        await adapter.create("branch", {"code": code, "root_code": root})
    for code, branch in (("l1", "b1"), ("l2", "b1"), ("l3", "b2"), ("l4", "b2"), ("l5", "b3")):
        await adapter.create("leaf", {"code": code, "branch_code": branch})
    return adapter


async def codes(adapter: Adapter, model: str) -> list[str]:
    """The codes that are left."""
    return [record["code"] for record in await adapter.find_many(model, sort=["code"])]


async def people(connect: Connect, **bosses: str | None) -> Adapter:
    """People, each with a boss among those before, or none."""
    adapter = await connect(TREE)
    for code, boss in bosses.items():
        await adapter.create("person", {"code": code, "boss": boss})
    return adapter


@pytest.mark.asyncio
class TestReferences(Topic):
    """Writing references."""

    async def test_create_refuses_a_child_without_its_parent(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await connect(database=database)
        await make_user(adapter)
        with refused(ForeignKeyViolationError, "session", "user_id", hiding=["nobody", "token"]):
            await make_session(adapter, {"id": "nobody"})
        assert await adapter.count("session") == 0
        assert await harness.stored(database, "session") == []

    @pytest.mark.parametrize("ids", ["uuid4", "uuid7"])
    async def test_ids_of_any_mode_are_checked(self, connect: Connect, ids: Any) -> None:
        adapter = await connect(auth_schema(ids=ids))
        user = await make_user(adapter)
        gone = await make_user(adapter, "gone@example.com")
        await adapter.delete("user", {"id": gone["id"]})
        with refused(ForeignKeyViolationError, "session", "user_id", hiding=[gone["id"]]):
            await make_session(adapter, gone)
        assert (await make_session(adapter, user))["user_id"] == user["id"]

    async def test_update_refuses_a_parent_that_is_not_there(self, connect: Connect) -> None:
        adapter = await tree(connect)
        with refused(ForeignKeyViolationError, "leaf", "branch_code", hiding=["b9", "l1"]):
            await adapter.update("leaf", {"code": "l1"}, {"branch_code": "b9"})
        assert await adapter.count("leaf", {"code": "l1", "branch_code": "b1"}) == 1

    async def test_update_many_refuses_a_parent_that_is_not_there(self, connect: Connect) -> None:
        adapter = await tree(connect)
        with refused(ForeignKeyViolationError, "leaf", "branch_code", hiding=["b9"]):
            await adapter.update_many("leaf", ALL, {"branch_code": "b9"})
        assert await adapter.count("leaf", {"branch_code": "b9"}) == 0

    async def test_update_moves_a_child_to_another_parent(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.update("leaf", {"code": "l1"}, {"branch_code": "b3"})
        await adapter.delete("root", {"code": "r1"})
        assert await codes(adapter, "leaf") == ["l1", "l5"]

    async def test_increment_checks_the_references_it_changes(self, connect: Connect) -> None:
        count = Field("integer", default=0)
        models = {
            "root": Model(fields={"code": CODE}),
            "branch": Model(fields={"code": CODE, "count": count, "root_code": refers("root")}),
        }
        adapter = await connect(Schema(models))
        await adapter.create("branch", {"code": "b1"})
        with refused(ForeignKeyViolationError, "branch", "root_code", hiding=["r9"]):
            await adapter.increment_one("branch", {"code": "b1"}, {"count": 1}, {"root_code": "r9"})
        assert await adapter.count("branch", {"count": 0, "root_code": None}) == 1

    async def test_a_reference_may_be_empty(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.create("note", {"code": "n1"})
        await adapter.create("note", {"code": "n2", "leaf_code": "l1"})
        await adapter.update("note", {"code": "n2"}, {"leaf_code": None})
        assert await adapter.count("note", {"leaf_code": None}) == 2

    async def test_the_key_of_a_parent_does_not_change_under_its_children(self, connect: Connect) -> None:
        adapter = await tree(connect)
        with refused(ForeignKeyViolationError, "branch", "root_code", hiding=["r1", "r9"]):
            await adapter.update("root", {"code": "r1"}, {"code": "r9"})
        assert await codes(adapter, "root") == ["r1", "r2"]

    async def test_the_key_of_a_parent_without_children_may_change(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.delete_many("branch", {"root_code": "r2"})
        assert await adapter.update("root", {"code": "r2"}, {"code": "r9"}) is not None
        assert await codes(adapter, "root") == ["r1", "r9"]

    async def test_other_fields_of_a_parent_may_change(self, connect: Connect) -> None:
        adapter = await tree(connect)
        changed = await adapter.update("root", {"code": "r1"}, {"label": "x", "code": "r1"})
        assert changed is not None
        assert changed["label"] == "x"

    async def test_a_record_may_refer_to_itself(self, connect: Connect) -> None:
        adapter = await people(connect)
        person = await adapter.create("person", {"code": "a", "boss": "a"})
        assert person["boss"] == "a"
        assert await adapter.delete("person", {"code": "a"}) is True

    async def test_a_reference_to_itself_is_not_taken_for_one_that_leads_nowhere(self, connect: Connect) -> None:
        adapter = await people(connect)
        with refused(ForeignKeyViolationError, "person", "owner", hiding=["ghost"]):
            await adapter.create("person", {"code": "a", "boss": "a", "friend": "a", "owner": "ghost"})
        assert await adapter.count("person") == 0

    @needs("atomic_batches")
    async def test_a_batch_with_one_orphan_stores_nothing(self, connect: Connect) -> None:
        adapter = await tree(connect)
        rows = [{"code": "l8", "branch_code": "b1"}, {"code": "l9", "branch_code": "b9"}]
        with refused(ForeignKeyViolationError, "leaf", "branch_code", hiding=["b9"]):
            await adapter.create_many("leaf", rows)
        assert await adapter.count("leaf") == 5


@pytest.mark.asyncio
class TestReferencedDelete(Topic):
    """What a delete means for what refers to it: cascade, set_null, restrict."""

    async def test_a_cascade_reaches_several_levels(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await tree(connect, database)
        assert await adapter.delete("root", {"code": "r1"}) is True
        assert (await codes(adapter, "branch"), await codes(adapter, "leaf")) == (["b3"], ["l5"])
        assert [row["code"] for row in await harness.stored(database, "leaf")] == ["l5"]

    async def test_what_a_delete_has_emptied_does_not_match_it(self, connect: Connect) -> None:
        adapter = await connect(TREE)
        await adapter.create("person", {"code": "p0"})
        for number in range(1, 6):
            await adapter.create("person", {"code": f"p{number}", "friend": f"p{number - 1}"})
        assert await adapter.delete_many("person", {"friend": None}) == 1
        assert await codes(adapter, "person") == ["p1", "p2", "p3", "p4", "p5"]
        assert await adapter.delete_many("person", field("friend").ne("p3")) == 4
        assert await codes(adapter, "person") == ["p4"]

    async def test_every_deleting_verb_cascades(self, connect: Connect) -> None:
        adapter = await tree(connect)
        assert await adapter.delete_many("branch", field("code").in_(["b1", "b3"])) == 2
        assert await codes(adapter, "leaf") == ["l3", "l4"]
        assert await adapter.consume_one("root", {"code": "r1"}) is not None
        assert (await codes(adapter, "branch"), await codes(adapter, "leaf")) == ([], [])

    async def test_set_null_empties_the_reference(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await tree(connect, database)
        for code, leaf in (("n1", "l1"), ("n2", "l2"), ("n3", "l5")):
            await adapter.create("note", {"code": code, "leaf_code": leaf})
        await adapter.delete("leaf", {"code": "l1"})
        found = await adapter.find_many("note", sort=["code"])
        assert [note["leaf_code"] for note in found] == [None, "l2", "l5"]
        stored = {row["code"]: row["leaf_code"] for row in await harness.stored(database, "note")}
        assert stored == {"n1": None, "n2": "l2", "n3": "l5"}

    async def test_set_null_happens_at_the_end_of_a_cascade(self, connect: Connect) -> None:
        adapter = await tree(connect)
        for code, leaf in (("n1", "l1"), ("n2", "l5")):
            await adapter.create("note", {"code": code, "leaf_code": leaf})
        await adapter.delete("root", {"code": "r1"})
        assert await adapter.count("note", {"code": "n1", "leaf_code": None}) == 1
        assert await adapter.count("note", {"code": "n2", "leaf_code": "l5"}) == 1

    async def test_restrict_refuses_and_names_the_child(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.create("lock", {"code": "k1", "leaf_code": "l1"})
        for verb in (adapter.delete, adapter.delete_many, adapter.consume_one):
            with refused(ForeignKeyViolationError, "lock", "leaf_code", hiding=["k1", "l1"]):
                await verb("leaf", {"code": "l1"})
        assert len(await codes(adapter, "leaf")) == 5

    async def test_restrict_stops_a_whole_cascade(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.create("note", {"code": "n1", "leaf_code": "l3"})
        await adapter.create("lock", {"code": "k1", "leaf_code": "l4"})
        with refused(ForeignKeyViolationError, "lock", "leaf_code", hiding=["k1", "l4"]):
            await adapter.delete("root", {"code": "r1"})
        assert len(await codes(adapter, "root")) == 2
        assert len(await codes(adapter, "branch")) == 3
        assert len(await codes(adapter, "leaf")) == 5
        assert await adapter.count("note", {"leaf_code": "l3"}) == 1

    async def test_restrict_stops_a_delete_of_many(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.create("lock", {"code": "k1", "leaf_code": "l5"})
        with refused(ForeignKeyViolationError, "lock", "leaf_code"):
            await adapter.delete_many("leaf", ALL)
        assert len(await codes(adapter, "leaf")) == 5

    async def test_restrict_lets_go_once_nothing_refers(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.create("lock", {"code": "k1", "leaf_code": "l1"})
        await adapter.create("lock", {"code": "k2", "leaf_code": "l2"})
        await adapter.update("lock", {"code": "k1"}, {"leaf_code": None})
        await adapter.delete("lock", {"code": "k2"})
        assert await adapter.delete("root", {"code": "r1"}) is True

    async def test_restrict_is_no_concern_of_other_records(self, connect: Connect) -> None:
        adapter = await tree(connect)
        await adapter.create("lock", {"code": "k1", "leaf_code": "l1"})
        assert await adapter.delete("leaf", {"code": "l2"}) is True

    async def test_a_cascade_follows_a_reference_within_one_model(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b="a", c="b", d="c", e=None, f="e")
        assert await adapter.delete("person", {"code": "b"}) is True
        assert await codes(adapter, "person") == ["a", "e", "f"]

    async def test_set_null_within_one_model(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b=None)
        await adapter.update("person", {"code": "b"}, {"friend": "a"})
        await adapter.delete("person", {"code": "a"})
        (left,) = await adapter.find_many("person")
        assert (left["code"], left["friend"]) == ("b", None)

    async def test_restrict_within_one_model(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b=None)
        await adapter.update("person", {"code": "b"}, {"owner": "a"})
        with refused(ForeignKeyViolationError, "person", "owner"):
            await adapter.delete("person", {"code": "a"})
        assert await codes(adapter, "person") == ["a", "b"]

    async def test_restrict_does_not_refuse_what_goes_along(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b=None)
        await adapter.update("person", {"code": "b"}, {"owner": "a"})
        assert await adapter.delete_many("person", ALL) == 2

    async def test_a_long_chain_cascades(self, connect: Connect) -> None:
        adapter = await people(connect, **{f"p{n:03}": f"p{n - 1:03}" if n else None for n in range(60)})
        assert await adapter.delete("person", {"code": "p000"}) is True
        assert await adapter.count("person") == 0

    async def test_a_cycle_within_one_model_goes_whole(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b="a", c="b", d=None)
        await adapter.update("person", {"code": "a"}, {"boss": "c"})
        assert await adapter.delete("person", {"code": "b"}) is True
        assert await codes(adapter, "person") == ["d"]

    async def test_a_cycle_of_two_models_goes_whole(self, connect: Connect) -> None:
        adapter = await connect(TREE)
        await adapter.create("left", {"code": "x"})
        await adapter.create("right", {"code": "y", "left_code": "x"})
        await adapter.update("left", {"code": "x"}, {"right_code": "y"})
        await adapter.create("left", {"code": "other"})
        assert await adapter.delete("right", {"code": "y"}) is True
        assert (await codes(adapter, "left"), await codes(adapter, "right")) == (["other"], [])

    async def test_a_delete_of_many_reaches_all_their_children(self, connect: Connect) -> None:
        adapter = await tree(connect)
        assert await adapter.delete_many("root", ALL) == 2
        assert (await codes(adapter, "branch"), await codes(adapter, "leaf")) == ([], [])

    async def test_a_delete_of_many_counts_what_a_cascade_removed_before_its_turn(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b="a", c="b", d=None)
        assert await adapter.delete_many("person", field("code").in_(["a", "b", "c"])) == 3
        assert await codes(adapter, "person") == ["d"]

    async def test_a_delete_of_many_counts_what_a_cascade_by_way_of_another_model_removed(
        self, connect: Connect
    ) -> None:
        adapter = await connect(TREE)
        for number in range(3):
            await adapter.create("left", {"code": f"a{number}"})
            await adapter.create("right", {"code": f"b{number}", "left_code": f"a{number}"})
            await adapter.create("left", {"code": f"c{number}", "right_code": f"b{number}"})
        await adapter.create("left", {"code": "d"})
        assert await adapter.delete_many("left", field("code").ne("d")) == 6
        assert (await codes(adapter, "left"), await codes(adapter, "right")) == (["d"], [])

    async def test_set_null_empties_the_references_to_every_level_of_a_cascade(self, connect: Connect) -> None:
        adapter = await people(connect, a=None, b="a", c="b", x=None, y=None, z=None)
        for code, friend in (("x", "a"), ("y", "b"), ("z", "c")):
            await adapter.update("person", {"code": code}, {"friend": friend})
        await adapter.delete("person", {"code": "a"})
        left = await adapter.find_many("person", sort=["code"], select=["code", "friend"])
        assert left == [{"code": code, "friend": None} for code in "xyz"]

    async def test_a_miss_reaches_no_child(self, connect: Connect) -> None:
        adapter = await tree(connect)
        assert await adapter.delete("root", {"code": "r9"}) is False
        assert len(await codes(adapter, "leaf")) == 5

    async def test_an_account_and_its_sessions_go_with_the_user(self, adapter: Adapter) -> None:
        ada, bob = await make_user(adapter), await make_user(adapter, "bob@example.com")
        for user in (ada, bob):
            await make_session(adapter, user, user["email"])
            await adapter.create("account", {"user_id": user["id"], "provider_id": "p", "account_id": user["id"]})
        await adapter.delete("user", {"id": ada["id"]})
        assert [session["user_id"] for session in await adapter.find_many("session")] == [bob["id"]]
        assert [account["user_id"] for account in await adapter.find_many("account")] == [bob["id"]]
