"""What production does to connections, on a real PostgreSQL; and its errors, pooler and replica."""

import asyncio
import socket
from collections.abc import Iterator
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

import servers
from auth_adapters import (
    USER,
    Adapter,
    AdapterStateError,
    BackendAdapter,
    ConnectionFailedError,
    Field,
    InvalidValueError,
    Model,
    NotNullViolationError,
    PoolTimeoutError,
    Schema,
    TableMissingError,
    TransientError,
    UniqueViolationError,
    auth_schema,
    connect,
    field,
)
from auth_adapters.backends.postgresql import driver
from auth_adapters.schema import Naming
from conformance_tests.resilience.busy import *
from conformance_tests.resilience.lost import *
from conformance_tests.resilience.outside import Outside, patience, until
from conformance_tests.resilience.together import *


class OutsidePostgreSQL(Outside):
    """One database of a PostgreSQL server."""

    server: servers.PostgreSQL
    harmless_changes = (
        'ALTER TABLE "user" ADD COLUMN shoe_size integer',
        'ALTER TABLE "user" ALTER COLUMN name TYPE varchar(300)',
        'ALTER TABLE "user" DROP COLUMN shoe_size',
        'CREATE INDEX ON "user" (name)',
    )
    loose_changes = (
        "ALTER TABLE person ALTER email TYPE char(20)",
        """CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
        ALTER TABLE person ALTER email TYPE varchar(255) COLLATE loose""",
    )
    harmful_change = 'ALTER TABLE "user" DROP COLUMN image'

    def run(self, sql: str) -> list[tuple[str, ...]]:
        return self.server.run_sql(sql, self.name)

    def _activity(self, condition: str = "true") -> int:
        sql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{self.name}' AND {condition}"
        return int(self.server.run_sql(sql)[0][0])

    def connections(self) -> int:
        return self._activity()

    def terminate_connections(self) -> None:
        self.server.run_sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'",
        )

    def waiting(self) -> int:
        """How many statements wait for a lock."""
        return self._activity("wait_event_type = 'Lock'")

    def open_transactions(self) -> int:
        return self._activity("state LIKE 'idle in transaction%'")

    def set_time_zone(self, zone: str) -> None:
        self.server.run_sql(f"ALTER DATABASE {self.name} SET timezone = '{zone}'")


@pytest.fixture(scope="module")
def server() -> Iterator[servers.PostgreSQL]:
    """A server of this module's own, since it is killed. Without TLS: asyncpg is not done with closing a refused
    connection that has it when the loop of a short test ends.
    """
    with servers.postgresql({"ssl": "off"}) as server:
        yield server


@pytest.fixture
def outside(server: servers.PostgreSQL) -> Iterator[OutsidePostgreSQL]:
    """A database of its own for each test."""
    outside = OutsidePostgreSQL(server)
    yield outside
    outside.close()


@pytest.mark.asyncio
class TestErrors:
    """The server's errors, by code."""

    async def test_a_wrong_password_is_refused_and_not_shown(self, server: servers.PostgreSQL) -> None:
        with pytest.raises(ConnectionFailedError, match="refused the user") as caught:
            await connect(server.auth_url, password="wr0ng").open()
        assert caught.value.code == "28P01"
        assert "wr0ng" not in f"{caught.value!r} {vars(caught.value)}"
        async with connect(server.auth_url) as db:
            assert db.capabilities.transactions

    async def test_a_database_that_is_not_there(self, server: servers.PostgreSQL) -> None:
        with pytest.raises(ConnectionFailedError) as caught:
            await connect(server.database_url("absent")).open()
        assert caught.value.code == "3D000"

    async def test_an_upsert_without_its_unique_index(self, outside: OutsidePostgreSQL) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            index = outside.run(
                "SELECT indexname FROM pg_indexes WHERE tablename = 'user' AND indexname LIKE '%email%'"
            )
            outside.run(f'DROP INDEX "{index[0][0]}"')
            with pytest.raises(TableMissingError, match="unique index of the schema"):
                await db.upsert(USER, {"email": "a"}, on=["email"])
            await db.create_tables()
            assert [(await db.upsert(USER, {"email": "a"}, on=["email"]))[1] for _ in range(2)] == [True, False]

    async def test_too_many_connections(self, server: servers.PostgreSQL, outside: OutsidePostgreSQL) -> None:
        server.run_sql(f"ALTER DATABASE {outside.name} CONNECTION LIMIT 1; CREATE ROLE few LOGIN")
        url = outside.url.replace("postgres@", "few@", 1)
        async with connect(url):
            with pytest.raises(ConnectionFailedError, match="too many connections"):
                await connect(url).open()

    async def test_a_table_that_is_not_there(self, outside: Outside) -> None:
        async with outside.connect() as db:
            with pytest.raises(TableMissingError, match="create_tables"):
                await db.count(USER)

    async def test_a_column_that_must_not_be_null(self, outside: Outside) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            outside.run('ALTER TABLE "user" ALTER COLUMN name SET NOT NULL')
            with pytest.raises(NotNullViolationError) as caught:
                await db.create(USER, {"email": "a"})
            assert (caught.value.model, caught.value.fields) == ("user", ("name",))

    async def test_a_unique_key_that_goes_by_another_name(self, outside: Outside) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            outside.run('ALTER INDEX "uq_user_email" RENAME TO "renamed"')
            await db.create(USER, {"email": "a (b), c"})
            with pytest.raises(UniqueViolationError) as caught:
                await db.create(USER, {"email": "a (b), c"})
            assert (caught.value.model, caught.value.fields) == ("user", ("email",))

    async def test_a_value_that_is_too_long_for_an_index(self, outside: OutsidePostgreSQL) -> None:
        schema = Schema({"thing": Model(fields={"code": Field("string", length=4_000, unique=True)})})
        async with outside.connect(schema=schema) as db:
            await db.create_tables()
            with pytest.raises(InvalidValueError, match="too long for an index"):
                await db.create("thing", {"code": "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))})
            assert await db.count("thing") == 0

    async def test_a_server_that_has_become_read_only(self, outside: OutsidePostgreSQL) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            outside.server.run_sql(f"ALTER DATABASE {outside.name} SET default_transaction_read_only = on")
            outside.terminate_connections()
            await asyncio.sleep(0.1)
            with pytest.raises(TransientError, match="read-only") as caught:
                await db.create(USER, {"email": "a"})
            assert caught.value.code == "25006"
            outside.server.run_sql(f"ALTER DATABASE {outside.name} RESET default_transaction_read_only")
            assert await db.create(USER, {"email": "a"})

    async def test_a_row_changed_by_another_is_a_serialization_failure(self, outside: Outside) -> None:
        async with patience(), outside.connect() as db, outside.connect() as other:
            await db.create_tables()
            await db.create(USER, {"email": "a"})
            with pytest.raises(TransientError) as caught:
                async with db.transaction(isolation="repeatable_read") as tx:
                    await tx.count(USER)
                    await other.update(USER, {"email": "a"}, {"name": "theirs"})
                    await tx.update(USER, {"email": "a"}, {"name": "mine"})
            assert caught.value.code == "40001"


@pytest.mark.asyncio
class TestLoneVerbs:
    """A verb outside any transaction."""

    async def test_one_that_a_deadlock_has_undone_is_tried_again(self, outside: OutsidePostgreSQL) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            for name in "ab":
                await db.create(USER, {"email": name, "name": ""})
            other = await asyncpg.connect(outside.url)
            try:
                async with other.transaction():
                    await other.execute("UPDATE \"user\" SET image = 'x' WHERE email = 'b'")
                    verb = asyncio.create_task(db.update_many(USER, field("email").in_(["a", "b"]), {"name": "both"}))
                    await until(lambda: outside.waiting() == 1)
                    await other.execute("UPDATE \"user\" SET image = 'x' WHERE email = 'a'")  # until the verb is undone
                assert await verb == 2
            finally:
                await other.close()
            assert {(user["name"], user["image"]) for user in await db.find_many(USER)} == {("both", "x")}


@pytest.mark.asyncio
class TestPrepared:
    """With an asyncpg whose one step to the server is not what we know."""

    async def test_its_public_way_does_the_same(
        self, outside: OutsidePostgreSQL, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unknown(connection: asyncpg.Connection) -> bool:
            connection.terminate()
            return False

        monkeypatch.setattr(driver, "goes_straight", unknown)
        async with outside.connect(pool_size=2) as db:
            await db.create_tables()
            users = await db.create_many(USER, [{"email": f"{number}"} for number in range(5)])
            assert await db.find_many(USER, sort=["email"]) == users
            for change in outside.harmless_changes:
                outside.run(change)
                assert await db.find_one(USER, {"email": "3"}) == users[3]
            assert await db.update(USER, {"email": "3"}, {"name": "C"})
            assert await db.count(USER, {"name": "C"}) == 1
            assert await db.update_many(USER, {"name": None}, {"name": "A"}) == 4
            assert await db.count(USER, {"name": "A"}) == 4
            consumed = await db.consume_one(USER, {"email": "0"})
            assert consumed is not None
            assert consumed["id"] == users[0]["id"]
            assert await db.consume_one(USER, {"email": "0"}) is None
            with pytest.raises(UniqueViolationError):
                await db.create(USER, {"email": "1"})
            assert await db.delete_many(USER, {"name": "A"}) == 3
            assert await db.delete(USER, {"email": "3"})


@pytest.mark.asyncio
class TestDatabaseSchemas:
    """Tables outside `public`, whatever search_path says."""

    async def test_a_schema_is_made_and_used(self, outside: Outside) -> None:
        outside.run(f'ALTER DATABASE {outside.name} SET search_path = "nowhere"')
        async with outside.connect(schema=None) as public, connect(f"{outside.url}?schema=auth%20x") as db:
            await public.create_tables()
            await db.create_tables()
            await db.create(USER, {"email": "a"})
            assert (await db.count(USER), await public.count(USER)) == (1, 0)
        assert outside.run('SELECT count(*) FROM "auth x"."user"') == [("1",)]

    async def test_two_deployments_share_a_database(self, outside: Outside) -> None:
        schemas = [auth_schema(naming=Naming(database_schema=name)) for name in ("one", "two")]
        async with outside.connect(schema=schemas[0]) as one, outside.connect(schema=schemas[1]) as two:
            for db in (one, two):
                await db.create_tables()
                await db.create(USER, {"email": "a"})
            assert await two.delete(USER, {"email": "a"})
            assert await one.count(USER) == 1


@pytest.mark.asyncio
class TestConnecting:
    """Where to, and how many."""

    async def test_of_several_hosts_the_first_that_answers_is_taken(self, outside: OutsidePostgreSQL) -> None:
        hosts = f"127.0.0.1:1,127.0.0.1:{outside.server.port}"
        async with connect(f"postgresql://postgres@{hosts}/{outside.name}") as db:
            await db.create_tables()
            assert await db.count(USER) == 0

    async def test_a_host_that_never_answers_is_passed_by(self, outside: OutsidePostgreSQL) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and says nothing
            hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{outside.server.port}"
            url = f"postgresql://postgres@{hosts}/{outside.name}"
            async with patience(), connect(url, connect_timeout=0.5) as db:
                await db.create_tables()

    async def test_of_a_primary_and_a_standby_the_one_that_takes_writes_is_found(
        self, server: servers.PostgreSQL, outside: OutsidePostgreSQL
    ) -> None:
        with server.standby() as standby:
            await until(lambda: server.is_caught_up(standby))
            hosts = f"127.0.0.1:{standby.port},127.0.0.1:{server.port}"
            url = f"postgresql://postgres@{hosts}/{outside.name}"
            async with connect(url, target_session_attrs="read-write") as db:
                await db.create_tables()
                assert await db.create(USER, {"email": "a"})
            await until(lambda: server.is_caught_up(standby))
            async with connect(url, target_session_attrs="prefer-standby") as db:
                with pytest.raises(TransientError, match="read-only"):
                    await db.create(USER, {"email": "b"})

    async def test_serverless_has_one_connection_and_survives_its_loss(self, outside: OutsidePostgreSQL) -> None:
        async with patience(), outside.connect(serverless=True) as db:
            await db.create_tables()
            await asyncio.gather(*(db.count(USER) for _ in range(10)))
            assert outside.connections() == 1
            outside.terminate_connections()
            await asyncio.sleep(0.1)
            assert await db.count(USER) == 0

    async def test_the_server_knows_the_application_by_name(self, outside: OutsidePostgreSQL) -> None:
        async with outside.connect(application_name="shop"):
            sql = f"SELECT application_name FROM pg_stat_activity WHERE datname = '{outside.name}'"
            assert outside.server.run_sql(sql) == [("shop",)]


@pytest.mark.asyncio
class TestOwned:
    """What the application owns stays its own, and its errors are ours."""

    async def test_a_connection_of_asyncpg_is_bound_to_an_adapter_with_a_pool(self, outside: OutsidePostgreSQL) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            raw = await asyncpg.connect(outside.url)
            async with raw.transaction():
                user = await db.bind(raw).create(USER, {"email": "a"})
                assert await db.bind(raw).find_one(USER, {"id": user["id"]}) == user
                assert await db.count(USER) == 0
            assert await db.bind(raw).count(USER) == 1
            with pytest.raises(AdapterStateError, match="no transaction"):
                await db.bind(raw).create_many(USER, [{"email": "b"}, {"email": "c"}])
            await raw.close()

    async def test_a_bound_connection_that_may_not_write_is_not_closed(self, outside: OutsidePostgreSQL) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            raw = await asyncpg.connect(outside.url)
            with pytest.raises(TransientError, match="read-only"):
                async with raw.transaction(readonly=True):
                    await db.bind(raw).create(USER, {"email": "a"})
            assert not raw.is_closed()
            await raw.close()

    async def test_an_engine_whose_server_is_away_or_whose_pool_is_full_raises_typed_errors(
        self, outside: OutsidePostgreSQL
    ) -> None:
        away = create_async_engine("postgresql+asyncpg://postgres@127.0.0.1:1/x")
        with pytest.raises(ConnectionFailedError):
            await connect(away).open()
        url = outside.url.replace("postgresql:", "postgresql+asyncpg:")
        engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=0.1)
        async with connect(engine) as db, engine.connect():
            with pytest.raises(PoolTimeoutError):
                await db.count(USER)
        async with connect(engine) as db:
            connection = await engine.connect()
            await connection.close()
            with pytest.raises(AdapterStateError):
                await db.bind(connection).count(USER)
        await engine.dispose()


@pytest.mark.asyncio
class TestReplica:
    """Reads on a hot standby."""

    async def test_reads_go_there_until_the_task_has_written_and_come_back_when_it_dies(
        self, server: servers.PostgreSQL, outside: OutsidePostgreSQL
    ) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            await db.create(USER, {"email": "a", "name": "first"})
        with server.standby() as standby:
            await until(lambda: server.is_caught_up(standby))
            async with patience(), outside.connect(read_url=standby.database_url(outside.name)) as db:
                await in_a_task(self._reads_elsewhere(db, standby))
                await in_a_task(self._writes_and_reads(db))
                standby.kill()
                for _ in range(5):
                    assert await in_a_task(db.count(USER)) == 2
                standby.restart()

    async def test_one_that_was_promoted_is_done_without(self, outside: OutsidePostgreSQL) -> None:
        async with outside.connect() as db:
            await db.create_tables()
        read_url = f"{outside.url}?target_session_attrs=standby"
        async with patience(), outside.connect(read_url=read_url) as db:
            assert await in_a_task(db.count(USER)) == 0

    async def _reads_elsewhere(self, db: Adapter, standby: servers.PostgreSQL) -> None:
        standby.run_sql("SELECT pg_wal_replay_pause()")
        try:
            await in_a_task(db.update(USER, {"email": "a"}, {"name": "second"}))
            stale = await db.find_one(USER, {"email": "a"})
            assert stale is not None
            assert stale["name"] == "first"
            async with db.transaction() as tx:
                fresh = await tx.find_one(USER, {"email": "a"})
            assert fresh is not None
            assert fresh["name"] == "second"
        finally:
            standby.run_sql("SELECT pg_wal_replay_resume()")

    async def _writes_and_reads(self, db: Adapter) -> None:
        await db.create(USER, {"email": "b"})
        assert await db.find_one(USER, {"email": "b"})
        assert await db.count(USER) == 2


async def in_a_task(work: object) -> object:
    """As a request of its own."""
    return await asyncio.create_task(work)  # type: ignore[arg-type]


@pytest.mark.asyncio
class TestPooler:
    """pgbouncer, pooling by transaction."""

    async def test_many_adapters_share_few_server_connections(
        self, server: servers.PostgreSQL, outside: OutsidePostgreSQL
    ) -> None:
        with server.pgbouncer({"default_pool_size": "2"}) as pgbouncer:
            url = pgbouncer.database_url(outside.name) + "?pgbouncer=true"
            async with patience(), connect(url, pool_size=20) as one, connect(url, pool_size=20) as two:
                await one.create_tables()
                await asyncio.gather(
                    *(db.create(USER, {"email": f"{n}@example.com"}) for n in range(50) for db in (one,)),
                    *(
                        db.find_one(USER, {"email": f"{n}@example.com"}, join=())
                        for n in range(50)
                        for db in (one, two)
                    ),
                )
                async with two.transaction() as tx, tx.transaction() as inner:
                    await inner.create(USER, {"email": "inner"})
                assert await one.count(USER) == 51
                assert outside.connections() <= 2

    async def test_without_being_told_prepared_statements_get_lost_and_the_error_is_typed(
        self, server: servers.PostgreSQL, outside: OutsidePostgreSQL
    ) -> None:
        with server.pgbouncer({"default_pool_size": "2"}) as pgbouncer:
            url = pgbouncer.database_url(outside.name)
            async with patience(), connect(url) as one, connect(url) as two:
                await one.create_tables()
                met: list[BaseException] = []
                while not met:  # which server connection each statement comes to is chance
                    counts = (db.count(USER) for _ in range(20) for db in (one, two))
                    answers = await asyncio.gather(*counts, return_exceptions=True)
                    met = [error for error in answers if isinstance(error, BaseException)]
                assert [str(error) for error in met if "pgbouncer=true" not in str(error)] == []


@pytest.mark.asyncio
class TestTls:
    """Encrypted connections, as libpq's modes have it."""

    @pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
    async def test_every_mode_connects(self, postgresql_server: servers.PostgreSQL, mode: str) -> None:
        server = postgresql_server
        root = quote(str(server.certificates / "ca.crt"))
        tail = f"?sslmode={mode}" + (f"&sslrootcert={root}" if mode.startswith("verify") else "")
        async with connect(server.auth_url + tail) as db:
            assert isinstance(db, BackendAdapter)
            backend = db.backend
            lease = await backend._opened().acquire()  # type: ignore[attr-defined]
            sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert await lease.connection.fetchval(sql) is (mode not in ("disable", "allow"))
            backend._opened().release(lease)  # type: ignore[attr-defined]

    async def test_a_server_that_cannot_be_verified_is_refused(self, postgresql_server: servers.PostgreSQL) -> None:
        with pytest.raises(ConnectionFailedError, match="TLS"):
            await connect(f"{postgresql_server.auth_url}?sslmode=verify-full").open()
