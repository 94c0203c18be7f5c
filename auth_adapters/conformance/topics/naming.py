"""Physical names: what tables and columns are called, and that no verb cares."""

from typing import Any

import pytest

from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import (
    EARLIER,
    LATER,
    NOW,
    Connect,
    Topic,
    make_session,
    make_user,
    new_database,
)
from auth_adapters.errors import ForeignKeyViolationError, UniqueViolationError, UnsupportedOperationError
from auth_adapters.protocols import Adapter
from auth_adapters.query import Join, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field, Reference
from auth_adapters.schema.models import Extension, Index, Model
from auth_adapters.schema.naming import Naming

__all__ = ["TestAlikeNames", "TestNaming", "TestReservedWords"]

NAMINGS = {
    "snake": Naming(),
    "camel": Naming(case="camel"),
    "plural": Naming(plural=True),
    "prefix": Naming(prefix="auth_"),
    "camel plural prefix": Naming(case="camel", plural=True, prefix="App-"),
    "tables": Naming(tables={"user": "Benutzer", "session": "séance", "account": "user"}),
    "columns": Naming(columns={"user.email": "E-Mail", "session.user_id": "owner", "user.name": "email"}),
    "odd": Naming(
        prefix="a b'c",
        tables={"session": 'ses"sion;--', "account": "123", "verification": "SELECT"},
        columns={"user.email": "e`ma]il", "session.token": 'to"ken', "session.user_id": ":user", "user.name": "%s"},
    ),
}
WORDS = [
    "user", "order", "group", "key", "select", "from", "where", "table", "index", "primary", "unique", "references",
    "constraint", "default", "check", "values", "limit", "offset", "join", "left", "right", "using", "desc", "asc",
    "all", "and", "or", "not", "null", "true", "false", "case", "when", "end", "column", "collate", "returning",
    "transaction", "commit", "rowid", "oid", "current_user", "timestamp", "date", "interval", "rank", "rows",
    "usage", "condition",
]  # fmt: skip
"""Words that a database has a meaning of its own for."""


async def physical(harness: Harness, database: str, schema: Schema, model: str) -> list[dict[str, Any]]:
    """The stored rows of a model."""
    return await harness.stored(database, schema.naming.table(model, schema.models[model].table))


async def try_every_verb(adapter: Adapter) -> None:
    """Every verb over users and sessions, each checked by what it returns."""
    ada = await make_user(adapter, "ada@example.com", name="Ada")
    bob = await make_user(adapter, "bob@example.com")
    session = await make_session(adapter, ada)
    assert await adapter.find_one("user", {"email": "ada@example.com"}) == ada
    both = field("name").eq(None) | field("email").contains("ada")
    assert await adapter.find_many("user", both, sort=["-email"]) == [bob, ada]
    behind = await adapter.find_many("user", sort=["email"], after=[ada["email"], ada["id"]], select=["id"])
    assert behind == [{"id": bob["id"]}]
    assert [user async for user in adapter.iterate("user", sort=["name"], batch=1)] == [bob, ada]
    assert await adapter.count("session", {"user_id": ada["id"]}) == 1
    assert await adapter.find_one("session", {"token": "token"}, join=["user"]) == {**session, "user": ada}
    joined = await adapter.find_many("user", sort=["email"], join={"open": Join(model="session", select=["token"])})
    assert [user["open"] for user in joined] == [[{"token": "token"}], []]
    updated = await adapter.update("user", {"id": bob["id"]}, {"name": "Bob"})
    assert updated is not None
    assert (updated["name"], updated["email"]) == ("Bob", "bob@example.com")
    assert await adapter.update_many("user", field("name").starts_with("B"), {"image": "b"}) == 1
    assert (await adapter.upsert("user", {"email": "ada@example.com", "name": "A"}, on=["email"]))[1] is False
    assert (await adapter.upsert("user", {"email": "eve@example.com"}, on=["email"]))[1] is True
    with pytest.raises(UniqueViolationError) as caught:
        await make_user(adapter, "eve@example.com")
    assert (caught.value.model, caught.value.fields) == ("user", ("email",))
    assert await adapter.delete("user", {"email": "eve@example.com"}) is True
    consumed = await adapter.consume_one("session", {"token": "token"})
    assert consumed == session
    await make_session(adapter, ada, expires_at=EARLIER)
    assert (await adapter.purge_expired(now=NOW))["session"] == 1
    await make_session(adapter, bob, expires_at=LATER)
    assert await adapter.delete_many("user", field("email").ne("")) == 2
    assert await adapter.count("session") == 0


@pytest.mark.asyncio
class TestNaming(Topic):
    """Naming: one way from logical names to physical ones."""

    @pytest.mark.parametrize("name", NAMINGS)
    async def test_every_verb_works_under_every_naming(self, connect: Connect, name: str) -> None:
        await try_every_verb(await connect(schema=auth_schema(naming=NAMINGS[name])))

    @pytest.mark.parametrize("name", NAMINGS)
    async def test_what_is_stored_is_called_as_the_naming_says(
        self, harness: Harness, connect: Connect, name: str
    ) -> None:
        database, schema = new_database(), auth_schema(naming=NAMINGS[name])
        adapter = await connect(schema=schema, database=database)
        await make_session(adapter, await make_user(adapter, name="Ada"))
        for model in ("user", "session"):
            (row,) = await physical(harness, database, schema, model)
            fields = [one for one in schema.models[model].fields if one != "id"]
            assert {schema.naming.column(model, one, None) for one in fields} < set(row)
            assert len(row) == len(fields) + 1

    @pytest.mark.parametrize(
        ("naming", "table", "columns"),
        [
            (Naming(), "device_code", {"user_code", "expires_at"}),
            (Naming(case="camel"), "deviceCode", {"userCode", "expiresAt"}),
            (Naming(plural=True), "device_codes", {"user_code", "expires_at"}),
            (Naming(case="camel", plural=True, prefix="auth_"), "auth_deviceCodes", {"userCode", "expiresAt"}),
            (Naming(tables={"device_code": "codes"}, prefix="x_", plural=True), "codes", {"user_code", "expires_at"}),
            (Naming(columns={"device_code.user_code": "Code"}), "device_code", {"Code", "expires_at"}),
        ],
    )
    async def test_the_rules_give_these_names(
        self, harness: Harness, connect: Connect, naming: Naming, table: str, columns: set[str]
    ) -> None:
        model = Model(fields={"user_code": Field("string"), "expires_at": Field("datetime")})
        database = new_database()
        adapter = await connect(schema=Schema({"device_code": model}, naming=naming), database=database)
        await adapter.create("device_code", {"user_code": "c", "expires_at": NOW})
        (row,) = await harness.stored(database, table)
        assert set(row) - {"id", "_id"} == columns

    async def test_names_declared_by_a_model_and_its_fields_are_used(self, harness: Harness, connect: Connect) -> None:
        fields = {"first": Field("string", column="Spalte 1"), "second_one": Field("integer")}
        model = Model(fields=fields, table="Tabelle")
        database = new_database()
        adapter = await connect(schema=Schema({"note": model}, naming=Naming(case="camel")), database=database)
        note = await adapter.create("note", {"first": "a", "second_one": 2})
        (row,) = await harness.stored(database, "Tabelle")
        assert (row["Spalte 1"], row["secondOne"]) == ("a", 2)
        assert await adapter.find_one("note", {"first": "a"}) == note

    async def test_a_table_may_be_called_as_another_model(self, connect: Connect) -> None:
        tables = {"user": "account", "account": "user", "session": "verification", "verification": "session"}
        adapter = await connect(schema=auth_schema(naming=Naming(tables=tables)))
        user = await make_user(adapter)
        account = await adapter.create("account", {"user_id": user["id"], "account_id": "1", "provider_id": "p"})
        assert await adapter.find_one("account", {"account_id": "1"}, join=["user"]) == {**account, "user": user}
        assert [await adapter.count(model) for model in ("user", "account", "session")] == [1, 1, 0]

    async def test_a_column_may_be_called_as_another_field(self, connect: Connect) -> None:
        swapped = Naming(columns={"user.name": "email", "user.email": "image", "user.image": "name"})
        adapter = await connect(schema=auth_schema(naming=swapped))
        user = await make_user(adapter, "ada@example.com", name="Ada", image="pixel")
        assert (user["email"], user["name"], user["image"]) == ("ada@example.com", "Ada", "pixel")
        assert await adapter.find_one("user", {"name": "Ada", "email": "ada@example.com", "image": "pixel"}) == user
        updated = await adapter.update("user", {"name": "Ada"}, {"name": "Eve"})
        assert updated is not None
        assert (updated["email"], updated["name"]) == ("ada@example.com", "Eve")

    async def test_two_schemas_share_a_database_under_two_prefixes(self, connect: Connect) -> None:
        database = new_database()
        one = await connect(schema=auth_schema(naming=Naming(prefix="one_")), database=database)
        other = await connect(schema=auth_schema(naming=Naming(prefix="other_")), database=database)
        await make_user(one)
        await make_session(other, await make_user(other))
        assert (await one.count("user"), await one.count("session")) == (1, 0)
        assert (await other.count("user"), await other.count("session")) == (1, 1)

    async def test_tables_may_live_in_a_named_schema_of_the_database(self, connect: Connect) -> None:
        schema = auth_schema(naming=Naming(database_schema="auth"))
        if (await connect()).capabilities.database_schemas:
            await try_every_verb(await connect(schema=schema))
            return
        with pytest.raises(UnsupportedOperationError):
            await connect(schema=schema)


@pytest.mark.asyncio
class TestReservedWords(Topic):
    """Words of the database's own language as tables and columns."""

    @pytest.mark.parametrize("word", WORDS)
    async def test_a_model_may_be_called_by_a_reserved_word(self, connect: Connect, word: str) -> None:
        fields = {"name": Field("string", unique=True), "parent_id": _of(word)}
        adapter = await connect(schema=Schema({word: Model(fields=fields, indexes=[Index("name", "id")])}))
        root = await adapter.create(word, {"name": "root"})
        leaf = await adapter.create(word, {"name": "leaf", "parent_id": root["id"]})
        assert await adapter.find_one(word, {"name": "leaf"}) == leaf
        assert await adapter.find_many(word, field("parent_id").ne(None), sort=["-name"]) == [leaf]
        assert (await adapter.upsert(word, {"name": "leaf", "parent_id": None}, on=["name"]))[1] is False
        assert await adapter.delete_many(word, field("name").in_(["root", "leaf"])) == 2

    async def test_every_field_may_be_called_by_a_reserved_word(self, connect: Connect) -> None:
        fields = {word: Field("string", required=False) for word in WORDS}
        fields |= {"group": Field("string", unique=True), "order": Field("string", required=False, index=True)}
        numbers = {"count": Field("integer", default=0), "sum": Field("integer", default=0)}
        model = Model(fields={**fields, **numbers}, indexes=[Index("key", "index", unique=True)])
        adapter = await connect(schema=Schema({"order": model}))
        record = await adapter.create("order", {word: word for word in WORDS})
        assert {word: record[word] for word in WORDS} == {word: word for word in WORDS}
        for word in WORDS:
            assert await adapter.find_one("order", {word: word}, sort=[f"-{word}"], select=[word]) == {word: word}
        updated = await adapter.update("order", {"group": "group"}, {word: "x" for word in WORDS if word != "group"})
        assert updated is not None
        assert updated["select"] == "x"
        counted = await adapter.increment_one("order", {"group": "group"}, {"count": 1, "sum": 2}, {"order": "y"})
        assert counted is not None
        assert (counted["count"], counted["sum"], counted["order"]) == (1, 2, "y")
        record, created = await adapter.upsert("order", {"group": "g2", "key": "k", "index": "i"}, on=["key", "index"])
        assert created
        assert await adapter.consume_one("order", {"key": "k", "index": "i"}) == record

    async def test_models_of_reserved_words_refer_to_each_other(self, connect: Connect) -> None:
        order = Model(fields={"group_id": Field("id", references=Reference(model="group")), "key": Field("string")})
        extension = Extension(models={"group": Model(fields={"key": Field("string", unique=True)}), "order": order})
        adapter = await connect(schema=auth_schema(extension))
        group = await adapter.create("group", {"key": "g"})
        one = await adapter.create("order", {"group_id": group["id"], "key": "o"})
        assert await adapter.find_many("order", join=["group"]) == [{**one, "group": group}]
        assert await adapter.find_many("group", join=["order"]) == [{**group, "order": [one]}]
        assert await adapter.delete("group", {"key": "g"})
        assert await adapter.count("order") == 0


ALIKE = Extension(
    models={
        "org": Model(
            fields={
                "member_name": Field("string", unique=True),
                "member_user_id": Field("id", required=False, references=Reference(model="user")),
            }
        ),
        "org_member": Model(
            fields={
                "name": Field("string", unique=True),
                "user_id": Field("id", required=False, references=Reference(model="user")),
            }
        ),
    }
)
"""Models whose names, with those of their fields behind them, read the same."""


@pytest.mark.asyncio
class TestAlikeNames(Topic):
    """Names that a database makes of others, as those of indexes, are told apart where they read the same."""

    @pytest.mark.parametrize("name", ["key", "pk", "id_key", "primary"])
    async def test_a_unique_field_may_be_called_as_a_key_is(self, connect: Connect, name: str) -> None:
        model = Model(fields={name: Field("string", unique=True), "n": Field("integer", default=0)})
        adapter = await connect(schema=Schema({"thing": model}))
        first, created = await adapter.upsert("thing", {name: "a", "n": 1}, on=[name], changes={})
        assert created
        assert await adapter.upsert("thing", {name: "a", "n": 2}, on=[name], changes={}) == (first, False)
        assert await adapter.upsert("thing", {name: "a", "n": 2}, on=[name]) == ({**first, "n": 2}, False)
        with pytest.raises(UniqueViolationError) as caught:
            await adapter.create("thing", {name: "a"})
        assert (caught.value.model, caught.value.fields) == ("thing", (name,))

    async def test_unique_fields_of_models_whose_names_read_alike_hold_each_for_itself(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(ALIKE))
        for model, name in (("org", "member_name"), ("org_member", "name")):
            one, created = await adapter.upsert(model, {name: "x"}, on=[name])
            assert created
            with pytest.raises(UniqueViolationError) as caught:
                await adapter.create(model, {name: "x"})
            assert (caught.value.model, caught.value.fields) == (model, (name,))
            assert (await adapter.upsert(model, {name: "x"}, on=[name], changes={})) == (one, False)

    async def test_references_of_models_whose_names_read_alike_are_told_apart(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(ALIKE))
        absent = (await make_user(adapter))["id"]
        await adapter.delete("user", {"id": absent})
        for model, name, reference in (("org", "member_name", "member_user_id"), ("org_member", "name", "user_id")):
            with pytest.raises(ForeignKeyViolationError) as caught:
                await adapter.create(model, {name: "x", reference: absent})
            assert (caught.value.model, caught.value.fields) == (model, (reference,))

    async def test_a_key_over_several_fields_is_not_that_of_a_field_whose_name_reads_alike(
        self, connect: Connect
    ) -> None:
        fields = {"a": Field("string"), "b": Field("string"), "a_b": Field("string", unique=True)}
        for indexes in ([Index("a", "b", unique=True)], [Index("a", "b", unique=True), Index("b", "a_b", unique=True)]):
            adapter = await connect(schema=Schema({"thing": Model(fields=fields, indexes=indexes)}))
            await adapter.create("thing", {"a": "1", "b": "1", "a_b": "1"})
            await adapter.create("thing", {"a": "1", "b": "2", "a_b": "2"})
            for data, violated in (
                ({"a": "1", "b": "1", "a_b": "3"}, ("a", "b")),
                ({"a": "3", "b": "3", "a_b": "1"}, ("a_b",)),
            ):
                with pytest.raises(UniqueViolationError) as caught:
                    await adapter.create("thing", data)
                assert caught.value.fields == violated

    async def test_long_names_that_begin_alike_are_told_apart(self, connect: Connect) -> None:
        long = "a_name_of_a_field_that_is_so_long_that_no_index_is_called_by_it"
        fields = {f"{long}_{number}": Field("string", unique=True) for number in range(2)}
        adapter = await connect(schema=Schema({"thing": Model(fields=fields)}, naming=Naming(columns=_short(fields))))
        await adapter.create("thing", {f"{long}_0": "x", f"{long}_1": "y"})
        for number, values in enumerate((("x", "z"), ("z", "y"))):
            with pytest.raises(UniqueViolationError) as caught:
                await adapter.create("thing", dict(zip(fields, values, strict=True)))
            assert caught.value.fields == (f"{long}_{number}",)


def _short(fields: dict[str, Field]) -> dict[str, str]:
    """Names of columns that a database takes: of 63 characters at most."""
    return {f"thing.{name}": name[5:] for name in fields}


def _of(model: str) -> Field:
    return Field("id", required=False, references=Reference(model=model, on_delete="set_null"))
