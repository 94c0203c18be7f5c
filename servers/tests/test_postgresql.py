import re
from collections.abc import Iterator

import pytest

import servers
from servers.tests.promises import asked, until


@pytest.fixture(scope="module")
def server() -> Iterator[servers.PostgreSQL]:
    with servers.postgresql() as started:
        yield started


def run_as(server: servers.PostgreSQL, account: str, options: str = "") -> list[tuple[str, ...]]:
    """Ask as another account, given as a URL has it."""
    url = re.sub(r"//[^@]*@", f"//{account}@", server.url) + options
    return servers.PostgreSQL(url, (), {}).run_sql("SELECT 1 + 1")


def test_a_standby_follows_and_refuses_writes(server: servers.PostgreSQL) -> None:
    with server.standby() as standby:
        database = server.create_database().rpartition("/")[2]
        server.run_sql("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (7)", database)
        until(lambda: server.is_caught_up(standby))
        assert standby.run_sql("SELECT n FROM kept", database) == [("7",)]
        with pytest.raises(servers.ServerError, match="read-only transaction"):
            standby.run_sql("INSERT INTO kept VALUES (8)", database)


def test_pgbouncer_pools_by_transaction_and_reaches_every_database(server: servers.PostgreSQL) -> None:
    with server.pgbouncer() as bouncer:
        assert bouncer.port != server.port
        database = bouncer.create_database().rpartition("/")[2]
        assert bouncer.run_sql("SELECT current_database()", database) == [(database,)]
        bouncer.run_sql("SELECT set_config('application_name', 'left behind', false)", database)
        backends = server.run_sql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'")
        assert backends == [("1",)]


def test_pgbouncer_in_front_of_a_killed_server_works_again_after_its_restart() -> None:
    with servers.postgresql() as server, server.pgbouncer({"query_wait_timeout": "1"}) as bouncer:
        assert asked(bouncer) == [("2",)]
        server.kill()
        with pytest.raises(servers.ServerError):
            asked(bouncer)
        server.restart()

        def works() -> bool:
            try:
                return asked(bouncer) == [("2",)]
            except servers.ServerError:
                return False

        until(works, timeout=30.0)


def test_the_account_with_a_password_needs_it(server: servers.PostgreSQL) -> None:
    assert servers.PostgreSQL(server.auth_url, (), {}).run_sql("SELECT current_user") == [(server.auth_user,)]
    with pytest.raises(servers.ServerError, match="password authentication failed"):
        run_as(server, f"{server.auth_user}:wrong")


def test_passwords_are_checked_by_scram(server: servers.PostgreSQL) -> None:
    ((stored,),) = server.run_sql(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{server.auth_user}'")
    assert stored.startswith("SCRAM-SHA-256$")


def test_the_certificate_is_of_its_authority_and_its_address(server: servers.PostgreSQL) -> None:
    assert run_as(server, "tls_user", f"?sslmode=verify-full&sslrootcert={server.certificates / 'ca.crt'}") == [("2",)]


def test_the_account_that_needs_tls_is_refused_without(server: servers.PostgreSQL) -> None:
    with pytest.raises(servers.ServerError, match=r"pg_hba\.conf rejects"):
        run_as(server, "tls_user", "?sslmode=disable")


def test_the_account_of_the_clients_certificate_needs_it(server: servers.PostgreSQL) -> None:
    folder = server.certificates
    given = f"sslcert={folder / 'client.crt'}&sslkey={folder / 'client.key'}"
    assert run_as(server, "cert_user", f"?sslmode=require&{given}") == [("2",)]
    with pytest.raises(servers.ServerError, match="valid client certificate"):
        run_as(server, "cert_user", "?sslmode=require&sslcert=none")


def test_settings_reach_the_server() -> None:
    with servers.postgresql(settings={"max_connections": "17"}) as server:
        assert server.run_sql("SHOW max_connections") == [("17",)]
