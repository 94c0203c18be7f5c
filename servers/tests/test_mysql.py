"""MySQL proper, which moves with Debian sid: apart, so that a machine that cannot have it runs all the others."""

from collections.abc import Iterator

import pytest

import servers
from servers.tests.promises import (
    asked,
    closes_without_a_trace,
    freezes_and_goes_on,
    keeps_data_through_kill,
    leaves_nothing_when_killed,
)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MySQL]:
    with servers.mysql() as started:
        yield started


def test_it_is_mysql(server: servers.MySQL) -> None:
    ((version,),) = server.run_sql("SELECT version()")
    assert "MariaDB" not in version
    assert int(version.partition(".")[0]) >= 8


def test_passwords_are_checked_by_caching_sha2(server: servers.MySQL) -> None:
    question = f"SELECT plugin FROM mysql.user WHERE user = '{server.auth_user}'"
    assert server.run_sql(question) == [("caching_sha2_password",)]


def test_its_data_outlive_a_kill(server: servers.MySQL) -> None:
    keeps_data_through_kill(server)


def test_a_paused_server_answers_after_it_is_resumed(server: servers.MySQL) -> None:
    freezes_and_goes_on(server)


def test_two_run_side_by_side(server: servers.MySQL) -> None:
    with servers.mysql() as other:
        assert asked(other) == asked(server) == [("2",)]


def test_close_leaves_no_process_and_no_folder() -> None:
    closes_without_a_trace(servers.mysql())


@pytest.mark.parametrize("victim", ["session", "guardian", "both"])
def test_sigkill_leaves_nothing_once_the_next_session_began(victim: str) -> None:
    leaves_nothing_when_killed("mysql", victim, "running")


def test_a_url_in_the_environment_is_taken_and_nothing_started(
    server: servers.MySQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_ADAPTERS_TEST_MYSQL_URL", server.url)
    with servers.mysql() as other:
        assert other.url == server.url
        assert not other.ours
