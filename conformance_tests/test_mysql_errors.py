"""Which key or constraint an error was about, read from the text of both servers; and what no driver's error tells."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from asyncmy.errors import OperationalError

import servers
from auth_adapters import (
    Adapter,
    BackendAdapter,
    ConnectionFailedError,
    Field,
    ForeignKeyViolationError,
    InvalidValueError,
    Model,
    OperationTimeoutError,
    Reference,
    Schema,
    TableMissingError,
    UniqueViolationError,
    UnsupportedOperationError,
    auth_schema,
)
from auth_adapters.backends.mysql import MySQLBackend, MySQLOptions
from auth_adapters.backends.mysql.errors import mysql_error
from auth_adapters.backends.sql.family import MAX_SORTED
from auth_adapters.physical import Layout
from conformance_tests.mysql_family import ask, make_database, options_of, quoted

DATABASE = "errors_of_keys"
LONG = Schema(
    {
        "device": Model(
            fields={"owner": Field("string"), "handle": Field("string", length=1_400, unique=True)},
            primary_key=("owner", "handle"),
        )
    }
)


@pytest_asyncio.fixture(params=["mariadb", "mysql"])
async def options(request: pytest.FixtureRequest) -> AsyncIterator[MySQLOptions]:
    server: servers.MariaDB = request.getfixturevalue(f"{request.param}_server")
    await make_database(server.url, DATABASE)
    yield options_of(server.url, DATABASE)
    await ask(server.url, f"DROP DATABASE {quoted(DATABASE)}")


async def opened(options: MySQLOptions, schema: Schema) -> Adapter:
    adapter = BackendAdapter(MySQLBackend(options), schema=schema)
    await adapter.open()
    await adapter.create_tables()
    return adapter


@pytest.mark.asyncio
async def test_the_fields_of_a_unique_index_and_of_the_primary_key_are_named(options: MySQLOptions) -> None:
    async with await opened(options, auth_schema()) as db:
        user = await db.create("user", {"email": "it's 'for key' x"})
        with pytest.raises(UniqueViolationError) as caught:
            await db.create("user", {"email": "it's 'for key' x"})
        assert (caught.value.model, caught.value.fields, caught.value.code) == ("user", ("email",), 1062)
        with pytest.raises(UniqueViolationError) as caught:
            await db.create("user", {"id": user["id"], "email": "b"}, force_id=True)
        assert (caught.value.model, caught.value.fields) == ("user", ("id",))


@pytest.mark.asyncio
async def test_a_key_that_is_kept_by_its_hash_is_unique_and_found(options: MySQLOptions) -> None:
    async with await opened(options, LONG) as db:
        handle = "h" * 1_399
        made = await db.create("device", {"owner": "ada", "handle": handle + "1"})
        await db.create("device", {"owner": "ada", "handle": handle + "2"})
        with pytest.raises(UniqueViolationError) as caught:
            await db.create("device", {"owner": "bob", "handle": handle + "1"})
        assert caught.value.model == "device"
        assert "handle" in caught.value.fields
        assert await db.find_one("device", {"owner": "ada", "handle": handle + "1"}) == made
        await db.create_tables()


@pytest.mark.asyncio
async def test_a_reference_is_named(options: MySQLOptions) -> None:
    async with await opened(options, auth_schema()) as db:
        with pytest.raises(ForeignKeyViolationError) as caught:
            await db.create("account", {"user_id": "nobody", "provider_id": "p", "account_id": "a"})
        assert (caught.value.model, caught.value.fields) == ("account", ("user_id",))


@pytest.mark.asyncio
async def test_a_reference_of_an_odd_name_is_named(options: MySQLOptions) -> None:
    owner = Field("id", references=Reference(model="owner", on_delete="restrict"), column="%`é日 x")
    schema = Schema(
        {
            "owner": Model(fields={"name": Field("string")}, table="pa`r"),
            "child": Model(fields={"owner_id": owner}, table="ch`ild"),
        }
    )
    async with await opened(options, schema) as db:
        with pytest.raises(ForeignKeyViolationError) as caught:
            await db.create("child", {"owner_id": "nobody"})
        assert (caught.value.model, caught.value.fields) == ("child", ("owner_id",))
        parent = await db.create("owner", {"name": "ada"})
        await db.create("child", {"owner_id": parent["id"]})
        with pytest.raises(ForeignKeyViolationError) as caught:
            await db.delete("owner", {"id": parent["id"]})
        assert (caught.value.model, caught.value.fields) == ("child", ("owner_id",))


@pytest.mark.asyncio
async def test_a_missing_table_says_how_to_make_it(options: MySQLOptions) -> None:
    async with BackendAdapter(MySQLBackend(options), schema=auth_schema()) as db:
        with pytest.raises(TableMissingError, match="create_tables"):
            await db.count("user")


@pytest.mark.asyncio
async def test_a_refused_password_is_not_told(options: MySQLOptions) -> None:
    wrong = MySQLOptions(hosts=options.hosts, user="auth_user", password="wrong secret", ssl="disabled")
    with pytest.raises(ConnectionFailedError) as caught:
        await BackendAdapter(MySQLBackend(wrong), schema=auth_schema()).open()
    assert "secret" not in repr(caught.value)
    assert "auth_user" not in f"{caught.value} {wrong!r}"


@pytest.mark.asyncio
async def test_a_statement_that_is_too_long_is_refused_before_it_is_sent(options: MySQLOptions) -> None:
    backend = MySQLBackend(options)
    async with BackendAdapter(backend, schema=auth_schema()) as db:
        await db.create_tables()
        backend._driver.max_packet = 10_000  # type: ignore[attr-defined]
        with pytest.raises(InvalidValueError, match="max_allowed_packet"):
            await db.create("user", {"email": "a", "image": "i" * 20_000})
        assert await db.count("user") == 0


@pytest.mark.asyncio
async def test_a_statement_that_takes_too_long_lets_go_of_its_locks(options: MySQLOptions) -> None:
    hasty = MySQLOptions(
        hosts=options.hosts, user=options.user, database=DATABASE, ssl="disabled", statement_timeout=0.5
    )
    async with (
        await opened(options, auth_schema()) as db,
        BackendAdapter(MySQLBackend(hasty), schema=auth_schema()) as b,
    ):
        user = await db.create("user", {"email": "a"})
        other = await db.create("user", {"email": "b"})
        with pytest.raises(OperationTimeoutError):
            async with db.transaction() as tx:
                await tx.update("user", {"id": user["id"]}, {"name": "held"})
                async with b.transaction() as late:
                    await late.update("user", {"id": other["id"]}, {"name": "held too"})
                    await late.update("user", {"id": user["id"]}, {"name": "waits"})
        assert (await db.update("user", {"id": other["id"]}, {"name": "free"}) or {})["name"] == "free"
        assert (await db.find_one("user", {"id": user["id"]}) or {})["name"] is None


@pytest.mark.asyncio
async def test_bytes_that_are_too_long_are_sorted_rightly_or_not_at_all(options: MySQLOptions) -> None:
    schema = Schema({"file": Model(fields={"rank": Field("integer"), "blob": Field("bytes", required=False)})})
    async with await opened(options, schema) as db:
        await db.create("file", {"rank": 0})
        for last in (2, 1):
            await db.create("file", {"rank": last, "blob": bytes(MAX_SORTED - 1) + bytes([last])})
        for sort, expected in (("blob", [0, 1, 2]), ("-blob", [2, 1, 0])):
            assert [one["rank"] for one in await db.find_many("file", sort=[sort])] == expected
        for last in (4, 3):
            await db.create("file", {"rank": last, "blob": bytes(MAX_SORTED) + bytes([last])})
        try:
            found = [one["rank"] for one in await db.find_many("file", sort=["blob"])]
        except UnsupportedOperationError as error:
            assert "too long to be sorted by" in str(error)  # noqa: PT017  (one server refuses, the other sorts)
        else:
            assert found == [0, 3, 4, 1, 2]


def test_that_there_is_no_room_to_sort_is_said() -> None:
    error = mysql_error(OperationalError(1038, "Out of sort memory"), Layout(tables={}))
    assert isinstance(error, UnsupportedOperationError)
    assert "too long to be sorted by" in str(error)
