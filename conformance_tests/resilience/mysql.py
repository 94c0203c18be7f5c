"""What an administrator does to a database of MySQL or MariaDB, and the errors of those servers."""

import pytest

import servers
from auth_adapters import (
    USER,
    ConnectionFailedError,
    NotNullViolationError,
    TableMissingError,
    connect,
)
from conformance_tests.resilience.outside import Outside

__all__ = ["OutsideMySQL", "TestErrors"]

ZONES = {"Pacific/Chatham": "+12:45", "America/St_Johns": "-03:30", "UTC": "+00:00"}


class OutsideMySQL(Outside):
    """One database of a MySQL or MariaDB server."""

    server: servers.MariaDB | servers.MySQL
    harmless_changes = (
        "ALTER TABLE `user` ADD COLUMN shoe_size integer",
        "ALTER TABLE `user` MODIFY COLUMN image longtext",
        "ALTER TABLE `user` DROP COLUMN shoe_size",
    )

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
