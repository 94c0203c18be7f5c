"""What an administrator does to a database of MySQL or MariaDB, and the errors of those servers."""

import asyncio
import struct
from datetime import UTC, datetime
from typing import Any
from unittest.mock import ANY

import pytest
from asyncmy.constants.COMMAND import COM_STMT_CLOSE

import servers
from auth_adapters import (
    USER,
    Adapter,
    BackendAdapter,
    ConnectionFailedError,
    NotNullViolationError,
    TableMissingError,
    TransientError,
    connect,
    field,
)
from auth_adapters.backends.mysql.prepared import MAX_PREPARED
from conformance_tests.resilience.outside import Outside, patience, until

__all__ = ["OutsideMySQL", "TestConnecting", "TestErrors", "TestPrepared", "TestReplica", "TestTls"]

WAITING = """SELECT id FROM information_schema.processlist
WHERE db = database() AND state = 'Waiting for table metadata lock'"""
LATER = datetime(2100, 1, 1, tzinfo=UTC)
ZONES = {"Pacific/Chatham": "+12:45", "America/St_Johns": "-03:30", "UTC": "+00:00"}


class OutsideMySQL(Outside):
    """One database of a MySQL or MariaDB server."""

    server: servers.MariaDB | servers.MySQL
    harmless_changes = (
        "ALTER TABLE `user` ADD COLUMN shoe_size integer",
        "ALTER TABLE `user` MODIFY COLUMN image longtext",
        "ALTER TABLE `user` DROP COLUMN shoe_size",
    )
    loose_changes = (
        "ALTER TABLE person MODIFY email varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci NOT NULL",
        "ALTER TABLE person MODIFY email varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
        "ALTER TABLE person MODIFY email char(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
    )
    harmful_change = "ALTER TABLE `user` DROP COLUMN image"

    def run(self, sql: str) -> list[tuple[str, ...]]:
        return self.server.run_sql(sql, self.name)

    def _ids(self) -> list[str]:
        sql = f"SELECT id FROM information_schema.processlist WHERE db = '{self.name}'"
        return [row[0] for row in self.server.run_sql(sql)]

    def connections(self) -> int:
        return len(self._ids())

    def terminate_connections(self) -> None:
        for one in self._ids():
            self.server.run_sql(f"KILL {one}")

    def open_transactions(self) -> int:
        sql = (
            "SELECT count(*) FROM information_schema.innodb_trx AS t JOIN information_schema.processlist AS p "
            f"ON p.id = t.trx_mysql_thread_id WHERE p.db = '{self.name}'"
        )
        return int(self.server.run_sql(sql)[0][0])

    def set_time_zone(self, zone: str) -> None:
        self.server.run_sql(f"SET GLOBAL time_zone = '{ZONES[zone]}'")


@pytest.mark.asyncio
class TestErrors:
    """The server's errors, by code."""

    async def test_a_wrong_password_is_refused_and_not_shown(self, outside: OutsideMySQL) -> None:
        server = outside.server
        with pytest.raises(ConnectionFailedError) as caught:
            await connect(outside.url, user=server.auth_user, password="wr0ng").open()
        assert caught.value.code == 1045
        assert "wr0ng" not in f"{caught.value!r} {vars(caught.value)}"

    async def test_a_database_that_is_not_there(self, outside: OutsideMySQL) -> None:
        with pytest.raises(ConnectionFailedError) as caught:
            await connect(outside.server.database_url("absent")).open()
        assert caught.value.code == 1049

    async def test_a_table_that_is_not_there(self, outside: OutsideMySQL) -> None:
        async with outside.connect() as db:
            with pytest.raises(TableMissingError, match="create_tables"):
                await db.count(USER)

    async def test_a_column_that_must_not_be_null(self, outside: OutsideMySQL) -> None:
        async with outside.connect() as db:
            await db.create_tables()
            outside.run("ALTER TABLE `user` MODIFY COLUMN name varchar(255) NOT NULL")
            with pytest.raises(NotNullViolationError) as caught:
                await db.create(USER, {"email": "a"})
            assert (caught.value.model, caught.value.fields) == ("user", ("name",))


@pytest.mark.asyncio
class TestConnecting:
    """Where to."""

    async def test_of_several_hosts_the_first_that_answers_is_taken(self, outside: OutsideMySQL) -> None:
        url = outside.url.replace(f"@{outside.server.host}:", f"@127.0.0.1:1,{outside.server.host}:")
        async with connect(url) as db:
            await db.create_tables()
            assert await db.count(USER) == 0

    async def test_serverless_has_one_connection_and_survives_its_loss(self, outside: OutsideMySQL) -> None:
        async with patience(), outside.connect(serverless=True) as db:
            await db.create_tables()
            await asyncio.gather(*(db.count(USER) for _ in range(10)))
            assert outside.connections() == 1
            outside.terminate_connections()
            await asyncio.sleep(0.2)
            assert await db.count(USER) == 0


@pytest.mark.asyncio
class TestPrepared:
    """Statements that the server keeps."""

    @staticmethod
    def kept(outside: OutsideMySQL) -> int:
        """How many it keeps for all."""
        ((_, number),) = outside.run("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'")
        return int(number)

    @pytest.mark.parametrize("prepares", [True, False])
    async def test_what_is_repeated_is_prepared_unless_the_option_says_no(
        self, outside: OutsideMySQL, prepares: bool
    ) -> None:
        async with outside.connect(pool_size=1, prepared_statements=prepares) as db:
            await db.create_tables()
            before = self.kept(outside)
            for number in range(4):
                made = await db.create(USER, {"email": f"100%s{number}", "name": "?"})
                assert await db.find_one(USER, {"email": f"100%s{number}"}) == made
            assert self.kept(outside) - before == (2 if prepares else 0)

    async def test_it_keeps_a_bounded_number(self, outside: OutsideMySQL) -> None:
        async with outside.connect(pool_size=1) as db:
            await db.create_tables()
            await db.create(USER, {"email": "a", "name": "A"})
            before = self.kept(outside)
            for _ in range(3):
                for number in range(MAX_PREPARED + 20):
                    emails = [str(one) for one in range(number)] + ["a"]
                    assert await db.count(USER, field("email").in_(emails)) == 1
            assert self.kept(outside) - before <= MAX_PREPARED
            for _ in range(4):
                assert await db.count(USER, {"email": "a"}) == 1
            assert 0 < self.kept(outside) - before <= MAX_PREPARED

    async def test_a_server_that_keeps_no_more_is_asked_all_the_same(self, outside: OutsideMySQL) -> None:
        async with outside.connect(pool_size=1) as db:
            await db.create_tables()
            outside.run("SET GLOBAL max_prepared_stmt_count = 0")
            try:
                for number in range(4):
                    made = await db.create(USER, {"email": f"a{number}"})
                    assert await db.update(USER, {"id": made["id"]}, {"name": "A"}) == {
                        **made, "name": "A", "updated_at": ANY
                    }  # fmt: skip
            finally:
                outside.run("SET GLOBAL max_prepared_stmt_count = 16382")

    async def test_a_server_that_keeps_no_more_is_opened_all_the_same(self, outside: OutsideMySQL) -> None:
        async with outside.connect(pool_size=1) as db:
            await db.create_tables()
            await db.create(USER, {"email": "a", "name": "A"})
        outside.run("SET GLOBAL max_prepared_stmt_count = 0")
        try:
            async with outside.connect(pool_size=1) as db:
                for _ in range(4):
                    assert await db.count(USER, {"email": "a"}) == 1
        finally:
            outside.run("SET GLOBAL max_prepared_stmt_count = 16382")

    async def test_a_deadlock_while_preparing_has_undone_the_transaction(self, outside: OutsideMySQL) -> None:
        there_and_back = ", ".join(f"{one} TO {one}_x, {one}_x TO {one}" for one in ("account", "verification"))
        async with outside.connect(pool_size=1) as db:
            await db.create_tables()
            await db.count("account", {"account_id": "a"})
            renaming: asyncio.Future[Any] | None = None
            with pytest.raises(TransientError) as caught:
                async with db.transaction() as tx:
                    await tx.create("verification", {"identifier": "a", "value": "b", "expires_at": LATER})
                    renaming = asyncio.ensure_future(asyncio.to_thread(outside.run, f"RENAME TABLE {there_and_back}"))
                    await until(lambda: bool(outside.run(WAITING)))
                    await tx.count("account", {"account_id": "a"})
            assert caught.value.code == 1213
            assert renaming is not None
            await renaming
            assert await db.count("verification") == 0

    async def test_a_statement_that_the_server_has_forgotten_is_sent_as_text(self, outside: OutsideMySQL) -> None:
        async with outside.connect(pool_size=1) as db:
            assert isinstance(db, BackendAdapter)
            backend: Any = db.backend
            await db.create_tables()
            for number in range(4):
                await db.create(USER, {"email": f"a{number}"})
                await db.count(USER, {"email": "a1"})
            lease = backend._opened().take()
            for statement in list(lease.connection.prepared._kept.values()):
                await lease.connection._execute_command(COM_STMT_CLOSE, struct.pack("<I", statement._statement_id))
            backend._opened().release(lease)
            await db.create(USER, {"email": "b"})
            assert await db.count(USER, {"email": "a1"}) == 1
            assert await db.count(USER) == 5


@pytest.mark.asyncio
class TestReplica:
    """Reads elsewhere. (The server stands in for its own replica: what is tested is who asks where.)"""

    async def test_reads_go_there_until_the_task_has_written(self, outside: OutsideMySQL) -> None:
        async with outside.connect(read_url=outside.url) as db:
            assert isinstance(db, BackendAdapter)
            backend: Any = db.backend
            await db.create_tables()
            await asyncio.create_task(_count(db))
            assert backend.replica_figures.acquired == 1
            await db.create(USER, {"email": "a"})
            assert await db.count(USER) == 1
            async with db.transaction() as tx:
                assert await tx.count(USER) == 1
            assert backend.replica_figures.acquired == 1

    async def test_one_that_cannot_be_reached_is_done_without(self, outside: OutsideMySQL) -> None:
        async with patience(), outside.connect(read_url="mysql://127.0.0.1:1") as db:
            await db.create_tables()
            assert await asyncio.create_task(_count(db)) == 0


async def _count(db: Adapter) -> int:
    return await db.count(USER)


@pytest.mark.asyncio
class TestTls:
    """Encrypted connections, as MySQL's own client has it."""

    @pytest.mark.parametrize("mode", ["DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY"])
    async def test_every_mode_connects(self, outside: OutsideMySQL, mode: str) -> None:
        root = str(outside.server.certificates / "ca.crt")
        files = {"ssl_ca": root} if mode.startswith("VERIFY") else {}
        async with outside.connect(ssl_mode=mode, **files) as db:
            assert isinstance(db, BackendAdapter)
            backend: Any = db.backend
            lease = await backend._opened().acquire()
            ((_, cipher),) = await backend._driver.rows(lease.connection, "SHOW STATUS LIKE 'Ssl_cipher'", ())
            assert bool(cipher) is (mode != "DISABLED")
            backend._opened().release(lease)

    async def test_a_server_that_cannot_be_verified_is_refused(self, outside: OutsideMySQL) -> None:
        with pytest.raises(ConnectionFailedError):
            await outside.connect(ssl_mode="VERIFY_IDENTITY").open()

    async def test_a_connection_that_is_given_up_keeps_no_socket(self, outside: OutsideMySQL) -> None:
        async with outside.connect(ssl_mode="REQUIRED") as db:
            assert isinstance(db, BackendAdapter)
            driver: Any = db.backend._driver  # type: ignore[attr-defined]
            connection = await driver.connect()
            socket = connection._transport.get_extra_info("socket")
            driver.terminate(connection)
            await asyncio.sleep(0)
            assert socket.fileno() == -1
