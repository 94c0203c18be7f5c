from collections.abc import Iterator

import pytest

import servers


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MariaDB]:
    with servers.mariadb() as started:
        yield started


def test_it_is_mariadb(server: servers.MariaDB) -> None:
    ((version,),) = server.run_sql("SELECT version()")
    assert "MariaDB" in version


def test_the_account_with_a_password_needs_it(server: servers.MariaDB) -> None:
    assert servers.MariaDB(server.auth_url).run_sql("SELECT user()") == [(f"{server.auth_user}@127.0.0.1",)]
    with pytest.raises(servers.ServerError, match="Access denied"):
        servers.MariaDB(server.url.replace("root@", f"{server.auth_user}:wrong@")).run_sql("SELECT 1")


def test_it_speaks_tls(server: servers.MariaDB) -> None:
    assert server.run_sql("SELECT @@have_ssl") == [("YES",)]


def test_text_is_utf8mb4(server: servers.MariaDB) -> None:
    database = server.create_database().rpartition("/")[2]
    server.run_sql("CREATE TABLE words (word varchar(9)); INSERT INTO words VALUES ('🔑');", database)
    assert server.run_sql("SELECT word FROM words", database) == [("🔑",)]
