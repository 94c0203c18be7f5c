"""From URLs and options to a client of MongoDB: every spelling that people paste, and none that crashes later."""

import logging
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.uri_parser import parse_uri
from pymongo.read_preferences import SecondaryPreferred
from pymongo.write_concern import WriteConcern

from auth_adapters import BackendAdapter, ConfigurationError, Schema, SchemaError, auth_schema, connect
from auth_adapters.backends.mongodb import MongoDBBackend, MongoDBClientBackend, MongoDBOptions, discretion
from auth_adapters.schema import Field, Model, Naming

HOST = "mongodb://ada:s%40cret@db/app"


def options(target: Any = HOST, **named: Any) -> MongoDBOptions:
    """What a target is understood as."""
    adapter = connect(target, **named)
    assert isinstance(adapter, BackendAdapter)
    assert isinstance(adapter.backend, MongoDBBackend)
    return adapter.backend.options


@pytest.mark.asyncio
async def test_a_url_gives_the_place_the_user_and_the_database() -> None:
    found = options("mongodb://ada:s%40cret@db:27018,two/app?replicaSet=rs0&authSource=admin")
    parsed = await parse_uri(found.url)
    assert parsed["nodelist"] == [("db", 27018), ("two", 27017)]
    assert (parsed["username"], parsed["password"], found.database) == ("ada", "s@cret", "app")
    assert (found.client["replicaSet"], found.client["authSource"]) == ("rs0", "admin")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("mongodb://[::1]:27018/app", [("::1", 27018)]),
        ("mongodb://%2Frun%2Fmongodb-27017.sock/app", [("/run/mongodb-27017.sock", None)]),
        ("mongodb:///app", [("localhost", 27017)]),
    ],
)
async def test_any_place_of_a_server_is_understood(url: str, nodes: list[Any]) -> None:
    assert (await parse_uri(options(url).url))["nodelist"] == nodes


@pytest.mark.asyncio
async def test_the_parts_can_be_given_by_name() -> None:
    found = options("mongodb://", host="one,two", port=27018, user="ada", password="a/b:c@d", database="app")
    parsed = await parse_uri(found.url)
    assert parsed["nodelist"] == [("one", 27018), ("two", 27018)]
    assert (parsed["username"], parsed["password"], found.database) == ("ada", "a/b:c@d", "app")


@pytest.mark.asyncio
async def test_a_database_by_name_does_not_change_where_the_user_is_known() -> None:
    found = options("mongodb://ada:pw@db/accounts", database="app")
    assert found.database == "app"
    assert (await parse_uri(found.url))["database"] == "accounts"


def test_srv_is_left_to_dns() -> None:
    found = options("mongodb+srv://ada:pw@cluster.example.net/app?retryWrites=true")
    assert found.url == "mongodb+srv://ada:pw@cluster.example.net/app"
    assert found.client["retryWrites"] == "true"


def test_limits_have_the_same_names_as_everywhere_and_are_pymongos() -> None:
    found = options(HOST + "?pool_size=3&statement_timeout=2.5", connect_timeout=4, acquire_timeout=5, max_idle=60)
    assert found.connect_timeout == 4.0
    assert found.client["maxPoolSize"] == 3
    assert found.client["timeoutMS"] == 2500
    assert found.client["connectTimeoutMS"] == 4000
    assert found.client["waitQueueTimeoutMS"] == 5000
    assert found.client["maxIdleTimeMS"] == 60_000


def test_limits_in_pymongos_words_are_understood_too() -> None:
    found = options(HOST + "?maxPoolSize=7&timeoutMS=1500&serverSelectionTimeoutMS=900")
    assert (found.client["maxPoolSize"], found.client["timeoutMS"]) == (7, 1500)
    assert found.client["serverSelectionTimeoutMS"] == 900


def test_pymongos_words_are_understood_in_any_case() -> None:
    found = options(f"{HOST}?maxpoolsize=3&READPREFERENCE=secondaryPreferred&W=2&RetryWrites=false&ssl=true")
    assert found.client["maxPoolSize"] == 3
    assert found.read_preference == SecondaryPreferred()
    assert found.write_concern == WriteConcern(w=2)
    assert found.client["RetryWrites"] == "false"


def test_a_name_beats_the_url_however_it_is_written() -> None:
    assert options(f"{HOST}?replicaSet=one&maxPoolSize=3", replicaset="two", maxpoolsize=4).client.items() >= {
        ("replicaset", "two"),
        ("maxPoolSize", 4),
    }
    assert "replicaSet" not in options(f"{HOST}?replicaSet=one", replicaset="two").client


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mongodb://one,two/app", {"directConnection": True}),
        ("mongodb://ada:s3cret@db/app", {"loadBalanced": True, "replicaSet": "rs0"}),
        ("mongodb://ada:s3cret@db/app", {"authMechanism": "MONGODB-X509"}),
        ("mongodb://ada:s3cret@db/app", {"minPoolSize": 50}),
        ("mongodb://ada:s3cret@db/app", {"heartbeatFrequencyMS": 1}),
        ("mongodb://ada:s3cret@db/app", {"tls": True, "tlsInsecure": True, "tlsAllowInvalidCertificates": True}),
        ("mongodb://ada:s3cret@db/app", {"tls": True, "tlsCAFile": __file__}),
        ("mongodb://ada@db/app", {}),
    ],
)
async def test_what_pymongo_refuses_only_together_is_refused_at_open(url: str, named: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        await connect(url, **named).open()
    assert "s3cret" not in str(caught.value)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_no_statement_timeout_is_none() -> None:
    assert "timeoutMS" not in options(statement_timeout=0).client


def test_writes_wait_for_a_majority_unless_told_otherwise() -> None:
    assert options().write_concern == WriteConcern(w="majority")
    assert options(HOST + "?w=2&journal=true&wtimeoutMS=500").write_concern == WriteConcern(w=2, j=True, wtimeout=500)


def test_reads_may_go_elsewhere() -> None:
    found = options(HOST + "?readPreference=secondaryPreferred&maxStalenessSeconds=120", read_concern="majority")
    assert found.read_preference == SecondaryPreferred(max_staleness=120)
    assert found.read_concern.level == "majority"


def test_ttl_and_validators_are_asked_for() -> None:
    assert (options().ttl, options().validators) == (False, False)
    found = options(HOST + "?ttl=true", validators=True)
    assert (found.ttl, found.validators) == (True, True)


@pytest.mark.parametrize(
    ("target", "named", "said"),
    [
        ("mongodb://ada:secret@db", {}, "the name of a database is needed"),
        ("mongodb://ada:secret@db/", {}, "the name of a database is needed"),
        ("mongodb://ada:secret@db/a.b", {}, "not the name of a database"),
        ("mongodb://ada:secret@db/app?colour=secret", {}, "MongoDB has no option 'colour'"),
        ("mongodb://ada:secret@db/app?tz_aware=true", {}, "MongoDB has no option 'tz_aware'"),
        ("mongodb://ada:secret@db/app?w=0", {}, "w=0 acknowledges nothing"),
        ("mongodb://ada:secret@db/app?readPreference=secret", {}, "read_preference takes one of"),
        ("mongodb://ada:secret@db/app?readConcernLevel=secret", {}, "read_concern takes one of"),
        ("mongodb://ada:secret@db/app?maxPoolSize=secret", {}, "a whole number"),
        ("mongodb://ada:secret@db/app?timeoutMS=secret", {}, "a whole number"),
        ("mongodb://ada:secret@db/app?retryWrites=secret", {}, "retryWrites takes another kind of value"),
        ("mongodb://ada:secret@db/app?tlsCAFile=/secret", {}, "the file that tlsCAFile names"),
        ("mongodb://ada:secret@db:secret/app", {}, "the port of a URL is a number"),
        ("mongodb:ada:secret@db/app", {}, "two slashes follow"),
        ("mongodb+srv://ada:secret@db:27017,two/app", {}, "takes one host"),
        ("mongodb+srv://ada:secret@db:27018/app", {}, "takes one host, and no port"),
        ("mongodb://db/app", {"password": "secret"}, "a password was given, and no user"),
        ("mongodb://db/app?maxStalenessSeconds=90", {}, "other than primary"),
    ],
)
def test_what_cannot_be_used_is_refused_and_shows_no_secret(target: str, named: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        connect(target, **named)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_shows_the_user_or_the_password(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        found = options(HOST + "?tlsCertificateKeyFilePassword=hidden", appname="seen")
        shown = f"{found!r} {found} {connect(HOST)!r} {caplog.text}"
    assert not [secret for secret in ("ada", "s@cret", "s%40cret", "hidden") if secret in shown]


@pytest.mark.parametrize("text", ["not JSON", "[1]", '{"clientId": 5}'])
def test_what_others_say_to_pymongos_logger_is_let_through(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(discretion, "ours", {"0" * 24})
    with caplog.at_level(logging.DEBUG, "pymongo.command"):
        discretion.LOGGER.debug("%s", text)
    assert caplog.messages == [text]


@pytest.mark.asyncio
async def test_the_applications_client_or_database_is_taken() -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient("mongodb://localhost:1", serverSelectionTimeoutMS=1)
    for adapter in (
        connect(client, database="app"),
        connect(client["app"]),
        connect(client["app"], database="app"),
    ):
        assert isinstance(adapter, BackendAdapter)
        assert isinstance(adapter.backend, MongoDBClientBackend)
        assert adapter.backend.options.database == "app"
    with pytest.raises(ConfigurationError, match="the name of a database is needed"):
        connect(client)
    with pytest.raises(ConfigurationError, match="the name of another one"):
        connect(client["app"], database="other")
    with pytest.raises(ConfigurationError, match="has no option 'pool_size'"):
        connect(client, database="app", pool_size=5)
    await client.close()


def test_a_synchronous_client_is_refused() -> None:
    client: MongoClient[dict[str, Any]] = MongoClient("mongodb://localhost:1", connect=False)
    with pytest.raises(ConfigurationError, match="a MongoClient cannot be used; give an AsyncMongoClient"):
        connect(client, database="app")
    client.close()


def memo(**changes: Any) -> Schema:
    """A schema whose one field has a column of a difficult name."""
    return Schema({"memo": Model(fields={"note": Field("string", **changes)})})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("schema", "culprit"),
    [
        (memo(column="_id"), r"memo\.note"),
        (memo(column="_auth_touched"), r"memo\.note"),
        (auth_schema(naming=Naming(prefix="a$")), "user"),
        (auth_schema(naming=Naming(database_schema="a b")), "a b"),
        (auth_schema(naming=Naming(database_schema="a$b")), "a\\$b"),
    ],
)
async def test_a_name_that_mongodb_would_read_as_more_is_refused_before_any_io(schema: Schema, culprit: str) -> None:
    with pytest.raises(SchemaError, match=culprit):
        await connect("mongodb://localhost:1/app", schema=schema).open()
