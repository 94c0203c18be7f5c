"""What MongoDB in particular could take for more than a value; its limits; and documents that others wrote."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import DatetimeMS, Int64, ObjectId
from pymongo.errors import WriteError

import servers
from auth_adapters import (
    SESSION,
    USER,
    BackendError,
    ConfigurationError,
    Extension,
    Field,
    InvalidQueryError,
    InvalidValueError,
    Join,
    Model,
    Reference,
    Schema,
    UniqueViolationError,
    auth_schema,
    field,
)
from auth_adapters.conformance.expect import expect_nothing_said_of
from auth_adapters.conformance.samples import THING
from conformance_tests.mongodb_outside import OutsideMongoDB, nothing_leaked
from conformance_tests.resilience.outside import patience

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
KEYED = Model(fields={**THING.fields, "key": Field("string", unique=True, required=False)})
SCHEMA = auth_schema(Extension(models={"thing": KEYED}))
TREES = Schema({
    "tree": Model(fields={"name": Field("string", length=1_400, unique=True)}),
    "leaf": Model(fields={
        "rank": Field("integer"),
        "tree_name": Field("string", references=Reference(model="tree", field="name")),
    }),
})  # fmt: skip
OPERATORS: tuple[Any, ...] = (
    {"$ne": ""},
    {"$gt": ""},
    {"$where": "sleep(1000) || true"},
    {"$regex": ".*"},
    {"$in": [""]},
    {"$expr": True},
    {"$literal": "a"},
)
TEXTS = (
    "$ne", "$name", "$$ROOT", "$$NOW", "$rand", "a.b", "email.$", "$[]", "{}", '{"$ne": ""}', "function() {}", "", ".",
    "_id", "__proto__", "/.*/",
)  # fmt: skip
JSON: tuple[Any, ...] = (
    {"$set": {"a": 1}},
    {"$set": 1, "$unset": {"email": ""}},
    {"a.b": 1, "a": {"b": 2}},
    {"": 1},
    {"": {"": [""]}},
    {"$ref": "user", "$id": "1"},
    {"$ref": "user", "$id": "1", "$db": "x", "more": True},
    {"$oid": "0" * 24},
    {"$date": 1},
    {"$numberLong": "1"},
    {"$code": "x", "$scope": {}},
    {"$literal": {"$add": [1, 2]}},
    {"_id": 1, "_auth_touched": 2},
    [{"$ne": ""}, {"a.b": [{"$inc": 1}]}],
    {"$": "$$ROOT", "a.": 1, ".a": 2, "$.": 3},
    "$name",
    ["$name", "$$NOW"],
)


@pytest.fixture(scope="module")
def database(mongodb_server: servers.MongoDB) -> Iterator[OutsideMongoDB]:
    outside = OutsideMongoDB(mongodb_server)
    yield outside
    outside.close()


@pytest.fixture
def outside(database: OutsideMongoDB) -> Iterator[OutsideMongoDB]:
    yield database
    database.empty()


def commands(outside: OutsideMongoDB) -> int:
    """How many commands the server has been sent that read or write."""
    counts = outside.sync.admin.command("serverStatus")["opcounters"]
    return sum(counts[name] for name in ("insert", "query", "update", "delete"))


@pytest.mark.asyncio
class TestInjection:
    """A value is a value."""

    @pytest.mark.parametrize("operator", OPERATORS, ids=[next(iter(one)) for one in OPERATORS])
    async def test_an_operator_is_no_value(self, outside: OutsideMongoDB, operator: Any) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            user = await db.create(USER, {"email": "a", "name": "b"})
            before = outside.stored("user")
            refused = (InvalidValueError, InvalidQueryError)
            tests: list[Any] = [getattr(field("email"), name) for name in ("eq", "ne", "gt", "contains", "ends_with")]
            sent = commands(outside)
            for wrong in (operator, [operator], (operator,)):
                for where in ({"email": wrong}, {"id": wrong}, {"email_verified": wrong}, {"created_at": wrong}):
                    for ask in (db.find_one, db.find_many, db.count, db.delete, db.consume_one, db.delete_many):
                        with pytest.raises(refused):
                            await ask(USER, where)
                    with pytest.raises(refused):
                        await db.update(USER, where, {"name": "x"})
                    with pytest.raises(refused):
                        await db.update(USER, {"email": "a"}, where)
                    with pytest.raises(refused):
                        await db.create(USER, {"email": "c", **where}, force_id=True)
                for make in tests:
                    with pytest.raises(refused):
                        await db.find_one(USER, make(wrong))
                with pytest.raises(refused):
                    await db.find_one(USER, field("email").in_([wrong]))
                with pytest.raises(refused):
                    await db.increment_one("thing", {"rank": 1}, {"rank": wrong})
                with pytest.raises(refused):
                    await db.upsert(USER, {"email": wrong}, on=["email"])
            assert commands(outside) == sent
            assert outside.stored("user") == before
            assert await db.find_one(USER, {"id": user["id"]}) == user

    async def test_a_list_that_holds_none_is_not_none(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            values: list[Any] = [None, [None], [None, 1], [[None]], [], {}, {"a": None}, 0, "", False]
            for rank, value in enumerate(values):
                await db.create("thing", {"rank": rank, "data": value})
            for question in (field("data").eq(None), ~field("data").ne(None), field("data").in_([None])):
                assert [one["rank"] for one in await db.find_many("thing", question)] == [0]
            for question in (field("data").ne(None), ~field("data").eq(None)):
                assert await db.count("thing", question) == len(values) - 1
            assert await db.update_many("thing", {"data": None, "words": None}, {"data": [None]}) == 1

    async def test_names_of_operators_are_names(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            for name in ("$where", "$or", "$expr", "$comment", "_id", "name.x", "_auth_touched", ""):
                with pytest.raises(Exception, match="field"):
                    await db.find_one(USER, {name: "1"})
                with pytest.raises(Exception, match="field"):
                    await db.update(USER, {"email": "a"}, {name: "1"})
                with pytest.raises(Exception, match="field"):
                    await db.create(USER, {"email": "a", name: "1"})

    @pytest.mark.parametrize("text", TEXTS)
    async def test_a_text_is_literal(self, outside: OutsideMongoDB, text: str) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            other = await db.create("thing", {"rank": 0, "label": "other", "number": 1})
            made = await db.create("thing", {"rank": 1, "label": text, "number": 1})
            assert made["label"] == text
            name = field("label")
            questions = [name.eq(text), name.in_([text]), name.eq(text, mode="insensitive"), ~name.ne(text)]
            if text:
                questions += [name.contains(text), name.starts_with(text), name.ends_with(text)]
                questions += [name.contains(text, mode="insensitive"), name.ends_with(text, mode="insensitive")]
            for question in questions:
                assert await db.find_many("thing", question) == [made]
            await db.update("thing", {"rank": 1}, {"label": "x"})
            updated = await db.update("thing", {"rank": 1}, {"label": text})
            assert updated == made
            updated = await db.increment_one("thing", {"label": text}, {"number": 1}, {"body": text})
            assert updated is not None
            assert updated == {**made, "number": 2, "body": text}
            assert await db.update_many("thing", {"rank": 1}, {"body": "x"}) == 1
            data = {"rank": 1, "label": text, "key": text or "k"}
            first, created = await db.upsert("thing", data, on=["key"], changes={"body": "never"})
            assert ({name: first[name] for name in data}, created) == (data, True)
            second, created = await db.upsert("thing", data, on=["key"], changes={"body": text})
            assert (second, created) == ({**first, "body": text}, False)
            assert await db.delete("thing", {"key": data["key"]})
            assert await db.consume_one("thing", {"label": text}) == {**updated, "body": "x"}
            assert await db.find_many("thing") == [other]

    @pytest.mark.parametrize("value", JSON, ids=[str(at) for at in range(len(JSON))])
    async def test_json_of_any_keys_comes_back_equal(self, outside: OutsideMongoDB, value: Any) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            assert (await db.create("thing", {"rank": 1, "data": value}))["data"] == value

            async def stored() -> Any:
                found = await db.find_one("thing", {"rank": 1})
                assert found is not None
                return found["data"]

            assert await stored() == value
            assert plain(await stored())
            await db.update("thing", {"rank": 1}, {"data": None})
            updated = await db.update("thing", {"rank": 1}, {"data": value})
            assert updated is not None
            assert updated["data"] == await stored() == value
            await db.update_many("thing", {"rank": 1}, {"data": {"was": value}})
            assert await stored() == {"was": value}
            bumped = await db.increment_one("thing", {"rank": 1}, {"number": 1}, {"data": value})
            assert bumped is not None
            assert bumped["data"] == await stored() == value
            for changed, new in (("never", True), ([value], False)):
                data = {"rank": 9, "key": "k", "data": value}
                record, created = await db.upsert("thing", data, on=["key"], changes={"data": changed})
                assert (record["data"], created) == (value if new else changed, new)
            assert (await db.create_many("thing", [{"rank": n, "data": value} for n in (2, 3)]))[1]["data"] == value
            consumed = await db.consume_one("thing", {"rank": 3})
            assert consumed is not None
            assert consumed["data"] == value


def plain(value: Any) -> bool:
    """Whether it is made of plain types only."""
    if type(value) is dict:
        return all(plain(item) for item in value.values())
    if type(value) is list:
        return all(plain(item) for item in value)
    return type(value) in (str, int, float, bool, type(None))


@pytest.mark.asyncio
class TestLimits:
    """16 MB."""

    async def test_a_document_that_is_too_large(self, outside: OutsideMongoDB) -> None:
        large = {"a": ["x" * 1_000_000] * 17}
        async with patience(), outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            thing = await db.create("thing", {"rank": 0})
            with pytest.raises(InvalidValueError):
                await db.create("thing", {"rank": 1, "data": large})
            with pytest.raises(InvalidValueError):
                await db.create_many("thing", [{"rank": 1}, {"rank": 2, "data": large}])
            with pytest.raises(InvalidValueError):
                await db.update("thing", {"rank": 0}, {"data": large})
            with pytest.raises(InvalidValueError):
                await db.update_many("thing", {"rank": 0}, {"data": large})
            with pytest.raises(InvalidValueError):
                await db.increment_one("thing", {"rank": 0}, {"rank": 1}, {"data": large})
            with pytest.raises(InvalidValueError):
                async with db.transaction() as tx:
                    await tx.create("thing", {"rank": 5})
                    await tx.create("thing", {"rank": 1, "data": large})
            assert await db.find_many("thing") == [thing]
            await nothing_leaked(db, outside)

    async def test_a_document_that_becomes_too_large(self, outside: OutsideMongoDB) -> None:
        half = {"a": ["x" * 1_000_000] * 9}
        schema = Schema({"two": Model(fields={"one": Field("json"), "other": Field("json", required=False)})})
        async with patience(), outside.connect(schema=schema) as db:
            await db.create_tables()
            await db.create("two", {"one": half})
            with pytest.raises(InvalidValueError):
                await db.update("two", {"other": None}, {"other": half})
            found = await db.find_many("two")
            assert [one["other"] for one in found] == [None]

    async def test_a_batch_of_more_than_16_megabytes_is_stored(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            rows = [{"rank": rank, "data": {"a": "x" * 1_000_000}} for rank in range(20)]
            assert len(await db.create_many("thing", rows)) == 20
            found = await db.find_many("thing", sort=["rank"])
            assert [one["rank"] for one in found] == list(range(20))

    async def test_a_question_that_is_too_large(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            await db.create("thing", {"rank": 1, "label": "a"})
            values = [f"{number}{'x' * 240}" for number in range(100_000)]
            for question in (field("label").in_(values), ~field("label").in_(values)):
                for ask in (db.find_many, db.count, db.delete_many):
                    with pytest.raises((InvalidQueryError, InvalidValueError)):
                        await ask("thing", question)
                with pytest.raises((InvalidQueryError, InvalidValueError)):
                    await db.update("thing", question, {"label": "b"})
            assert await db.count("thing", field("label").in_([str(number) for number in range(100_000)])) == 0
            assert await db.count("thing") == 1
            await nothing_leaked(db, outside)

    async def test_a_join_of_more_parents_than_a_question_holds(self, outside: OutsideMongoDB) -> None:
        names = [f"{number:01400}" for number in range(12_000)]
        ends = (names[0], names[-1])
        async with patience(), outside.connect(schema=TREES) as db:
            await db.create_tables()
            outside.sync[outside.name]["tree"].insert_many({"_id": name[-5:], "name": name} for name in names)
            await db.create_many("leaf", [{"rank": rank, "tree_name": name} for rank in (1, 3, 2) for name in ends])
            join = {"leaves": Join(model="leaf", sort=["-rank"], limit=2)}
            found = await db.find_many("tree", sort=["name"], join=join)
        assert [tree["name"] for tree in found] == names
        assert [[leaf["rank"] for leaf in tree["leaves"]] for tree in (found[0], found[-1])] == [[3, 2]] * 2
        assert not any(tree["leaves"] for tree in found[1:-1])


@pytest.mark.asyncio
class TestForeignDocuments:
    """What PyMongo, Mongoose or a shell wrote."""

    async def test_a_document_with_fields_missing(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name]["thing"].insert_one({"_id": "a", "rank": 1})
            found = await db.find_one("thing", {"id": "a"})
            assert found is not None
            assert (found["rank"], found["label"], found["data"], found["words"]) == (1, None, None, None)
            assert await db.count("thing", {"label": None}) == 1
            assert await db.count("thing", field("label").ne(None)) == 0
            assert await db.count("thing", field("label").ne("x")) == 1
            assert await db.count("thing", ~field("label").contains("x")) == 1
            assert await db.count("thing", field("label").contains("")) == 0
            bumped = await db.increment_one("thing", {"id": "a"}, {"number": 2, "ratio": 0.5})
            assert bumped is not None
            assert (bumped["number"], bumped["ratio"]) == (2, 0.5)

    async def test_an_explicit_null(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name]["thing"].insert_one({"_id": "a", "rank": 1, "label": None, "number": None})
            found = await db.find_one("thing", {"label": None, "number": None})
            assert found is not None
            assert (found["label"], found["number"]) == (None, None)
            bumped = await db.increment_one("thing", {"id": "a"}, {"number": 2})
            assert bumped is not None
            assert bumped["number"] == 2

    async def test_numbers_of_other_types(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name]["thing"].insert_many(
                [
                    {"_id": "long", "rank": Int64(1), "number": Int64(2**60), "ratio": Int64(3)},
                    {"_id": "double", "rank": 2.0, "number": 4.0, "ratio": 4.5},
                    {"_id": "int", "rank": 3, "number": 5, "ratio": 5},
                ]
            )
            found = await db.find_many("thing", sort=["rank"])
            assert [(one["rank"], one["number"], one["ratio"]) for one in found] == [
                (1, 2**60, 3.0),
                (2, 4, 4.5),
                (3, 5, 5.0),
            ]
            for one in found:
                assert (type(one["rank"]), type(one["number"]), type(one["ratio"])) == (int, int, float)
            assert await db.count("thing", {"number": 4}) == 1
            bumped = await db.increment_one("thing", {"id": "double"}, {"number": 1})
            assert bumped is not None
            assert (bumped["number"], type(bumped["number"])) == (5, int)

    async def test_keys_that_the_schema_does_not_know_stay(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            user = await db.create(USER, {"email": "a"})
            collection = outside.sync[outside.name]["user"]
            collection.update_one({"_id": user["id"]}, {"$set": {"shoe": {"size": 42}, "__v": 0}})
            assert await db.find_one(USER, {"email": "a"}) == user
            assert await db.update(USER, {"email": "a"}, {"name": "b", "updated_at": user["updated_at"]}) == {
                **user,
                "name": "b",
            }
            (stored,) = outside.stored("user")
            assert (stored["shoe"], stored["__v"]) == ({"size": 42}, 0)
            assert await db.delete(USER, {"email": "a"})

    async def test_an_id_of_another_type_is_not_taken_for_ours(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            foreign = ObjectId()
            outside.sync[outside.name]["thing"].insert_one({"_id": foreign, "rank": 1})
            assert await db.find_one("thing", {"id": str(foreign)}) is None

    async def test_a_time_that_python_has_not_is_a_typed_error(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name]["thing"].insert_one({"_id": "a", "rank": 1, "moment": DatetimeMS(2**60)})
            with pytest.raises(BackendError, match="cannot be read"):
                await db.find_one("thing", {"id": "a"})
            assert await db.update("thing", {"id": "a"}, {"moment": NOW})

    @pytest.mark.parametrize("key", ["rank", "ratio", "moment", "blob"])
    async def test_a_value_of_another_type_is_a_typed_error_without_it(self, outside: OutsideMongoDB, key: str) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name]["thing"].insert_one({"_id": "a", "rank": 1, key: "s3cret"})
            with pytest.raises(BackendError, match="does not fit the field") as caught:
                await db.find_one("thing", {"id": "a"})
            expect_nothing_said_of(caught.value, "s3cret")

    async def test_a_write_that_cannot_be_acknowledged_so(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
        async with outside.connect(schema=SCHEMA, w=7) as db:
            with pytest.raises(BackendError, match="may have been done"):
                await db.create("thing", {"rank": 1})
            assert await db.count("thing") == 1

    async def test_a_list_where_a_text_belongs_does_not_stop_a_search(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name]["thing"].insert_one({"_id": "a", "rank": 1, "label": ["xa"]})
            made = await db.create("thing", {"rank": 2, "label": "Xa"})
            label = field("label")
            questions = [label.contains("Xa"), label.ends_with("a"), label.starts_with("x", mode="insensitive")]
            for question in questions:
                assert await db.find_many("thing", question & field("rank").eq(2)) == [made]
                assert await db.count("thing", question) == 1

    async def test_a_collection_whose_texts_are_equal_in_any_case_is_refused(self, outside: OutsideMongoDB) -> None:
        outside.sync.drop_database(outside.name)
        try:
            database = outside.sync[outside.name]
            database.create_collection("thing", collation={"locale": "en", "strength": 2})
            async with outside.connect(schema=SCHEMA) as db:
                for ask in (db.create_tables, lambda: db.count("thing")):
                    with pytest.raises(ConfigurationError, match="collation"):
                        await ask()
            assert list(database["thing"].index_information()) == ["_id_"]
        finally:
            outside.sync.drop_database(outside.name)

    async def test_times_of_any_zone_and_client(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            moment = datetime(2026, 3, 29, 1, 30, 0, 123000, tzinfo=UTC)
            outside.sync[outside.name]["thing"].insert_one({"_id": "a", "rank": 1, "moment": moment})
            found = await db.find_one("thing", {"moment": moment})
            assert found is not None
            assert found["moment"] == moment
            assert found["moment"].utcoffset() == timedelta(0)


KINDS: Mapping[str, tuple[Field, Any]] = {
    "string": (Field("string", unique=True, required=False), "a"),
    "insensitive": (Field("string", unique=True, required=False, case_insensitive=True), "a"),
    "integer": (Field("integer", unique=True, required=False), -(2**63)),
    "float": (Field("float", unique=True, required=False), -1e308),
    "boolean": (Field("boolean", unique=True, required=False), False),
    "datetime": (Field("datetime", unique=True, required=False), datetime(1, 1, 1, tzinfo=UTC)),
    "bytes": (Field("bytes", unique=True, required=False), b""),
    "enum": (Field("enum", unique=True, required=False, values=("a", "b")), "a"),
    "reference": (Field("string", unique=True, required=False, references=Reference(model="other")), None),
}


@pytest.mark.asyncio
class TestOptionalKeys:
    """A unique key that may be empty is a partial index, which is known again by whoever opens the database next."""

    @pytest.mark.parametrize(
        ("kind", "ids"),
        [
            *((kind, "random") for kind in KINDS),
            *(("reference", ids) for ids in ("uuid4", "uuid7", "objectid", "serial")),
        ],
    )
    async def test_it_is_known_again(self, outside: OutsideMongoDB, kind: str, ids: Any) -> None:
        keyed, value = KINDS[kind]
        schema = Schema({"other": Model(fields={}), "keyed": Model(fields={"key": keyed})}, ids=ids)
        outside.sync.drop_database(outside.name)
        try:
            async with outside.connect(schema=schema) as db:
                await db.create_tables()
                await db.create_tables()
                if kind == "reference":
                    value = (await db.create("other", {}))["id"]
            async with outside.connect(schema=schema) as db:
                await db.create("keyed", {"key": value})
                await db.create("keyed", {})
                await db.create("keyed", {})
                with pytest.raises(UniqueViolationError):
                    await db.create("keyed", {"key": value})
                await db.create_tables()
                assert await db.count("keyed") == 3
        finally:
            outside.sync.drop_database(outside.name)


@pytest.mark.asyncio
class TestForeignIds:
    """Where ids are ObjectIds, a document of others whose id is a text is reached by that."""

    async def test_a_text_id_is_found_changed_and_deleted_by(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=auth_schema(ids="objectid")) as db:
            await db.create_tables()
            mine = await db.create("user", {"email": "mine"})
            theirs = {"email": "theirs", "email_verified": False, "created_at": NOW, "updated_at": NOW}
            outside.sync[outside.name]["user"].insert_one({"_id": "by-others", **theirs})
            assert (await db.find_one("user", {"email": "theirs"}) or {})["id"] == "by-others"
            assert (await db.find_one("user", {"id": "by-others"}) or {})["email"] == "theirs"
            listed = await db.find_many("user", field("id").in_(["by-others", "neither", mine["id"]]), sort=["email"])
            assert [one["email"] for one in listed] == ["mine", "theirs"]
            assert await db.count("user", field("id").ne("by-others")) == 1
            changed = await db.update("user", {"id": "by-others"}, {"name": "n"})
            assert changed is not None
            assert changed["name"] == "n"
            assert await db.delete("user", {"id": "neither"}) is False
            assert await db.delete("user", {"id": "by-others"}) is True
            assert [one["_id"] for one in outside.stored("user")] == [ObjectId(mine["id"])]
            with pytest.raises(InvalidValueError):
                await db.create("user", {"id": "by-hand", "email": "x"}, force_id=True)


FULL: Mapping[str, Any] = {
    "rank": 2**62,
    "label": "\N{GRINNING FACE}" * 255,
    "body": "x" * 100_000,
    "number": -5,
    "ratio": 3.0,
    "flag": False,
    "moment": NOW,
    "data": {"$set": [1, {"a.b": None}]},
    "words": ["$a", ""],
    "numbers": [1, 2**60],
    "blob": b"\x00\xff",
    "color": "red",
    "key": "k",
}
WRONG: tuple[Mapping[str, Any], ...] = (
    {"rank": "1"},
    {"rank": None},
    {"rank": 1.5},
    {"label": 1},
    {"label": "x" * 256},
    {"number": "1"},
    {"ratio": "1"},
    {"flag": 1},
    {"moment": "2026-01-31"},
    {"words": "a"},
    {"numbers": {"a": 1}},
    {"blob": 1},
    {"color": 1},
)


@pytest.mark.asyncio
class TestValidators:
    """A JSON schema for each collection, made from the layout."""

    async def test_what_the_adapter_writes_is_accepted(self, outside: OutsideMongoDB) -> None:
        outside.sync.drop_database(outside.name)
        try:
            async with outside.connect(schema=SCHEMA, validators=True) as db:
                await db.create_tables()
                await db.create_tables()
                made = await db.create("thing", FULL)
                assert await db.find_one("thing", {"id": made["id"]}) == made == {**FULL, "id": made["id"]}
                for name, value in FULL.items():
                    if name != "key":
                        await db.create("thing", {"rank": 1, name: value})
                    if name != "rank":
                        await db.create("thing", {"rank": 1, name: None})
                        assert await db.update("thing", {"id": made["id"]}, {name: None})
                    assert await db.update("thing", {"id": made["id"]}, {name: value}) == made
                await db.increment_one("thing", {"id": made["id"]}, {"number": 2**40, "ratio": 1})
                await db.create_many("thing", [{**FULL, "key": "l"}, {"rank": 0}])
                user = await db.create(USER, {"email": "a"})
                await db.create(SESSION, {"user_id": user["id"], "token": "t", "expires_at": NOW})
                await db.create("account", {"user_id": user["id"], "account_id": "a", "provider_id": "p"})
                await db.create("verification", {"identifier": "i", "value": "v", "expires_at": NOW})
                await db.upsert(USER, {"email": "b"}, on=["email"])
                assert await db.delete(USER, {"email": "a"})
        finally:
            outside.sync.drop_database(outside.name)

    async def test_what_does_not_fit_is_refused_past_the_adapter(self, outside: OutsideMongoDB) -> None:
        outside.sync.drop_database(outside.name)
        try:
            async with outside.connect(schema=SCHEMA, validators=True) as db:
                await db.create_tables()
            collection = outside.sync[outside.name]["thing"]
            collection.insert_one({"_id": "a", "rank": 1, "other": {"keys": "may be there"}})
            for wrong in WRONG:
                with pytest.raises(WriteError):
                    collection.insert_one({"rank": 1, **wrong})
            with pytest.raises(WriteError):
                collection.insert_one({"_id": "b"})
        finally:
            outside.sync.drop_database(outside.name)

    async def test_a_validator_of_somebody_elses_is_a_typed_error(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=SCHEMA) as db:
            await db.create_tables()
            outside.sync[outside.name].command("collMod", "user", validator={"name": {"$type": "string"}})
            try:
                with pytest.raises((InvalidValueError, BackendError)) as caught:
                    await db.create(USER, {"email": "s3cret"})
                assert "s3cret" not in f"{caught.value!r} {vars(caught.value)}"
            finally:
                outside.sync[outside.name].command("collMod", "user", validator={})
