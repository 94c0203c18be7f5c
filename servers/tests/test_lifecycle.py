"""What every kind of server does alike: MySQL, which not every machine can have, in a file of its own."""

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

import servers
from servers.tests.promises import (
    SESSION,
    asked,
    closes_without_a_trace,
    freezes_and_goes_on,
    keeps_data_through_kill,
    keeps_data_through_stop,
    leaves_nothing_when_killed,
    make_table,
    traces,
    until,
)

MAKES = {"postgresql": servers.postgresql, "mariadb": servers.mariadb}


@pytest.fixture(params=sorted(MAKES))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(kind: str) -> Iterator[servers.SQLServer]:
    with MAKES[kind]() as started:
        yield started


def test_it_answers_on_the_loopback_address_alone(server: servers.SQLServer) -> None:
    assert server.host == "127.0.0.1"
    assert asked(server) == [("2",)]


def test_its_data_outlive_a_kill(server: servers.SQLServer) -> None:
    keeps_data_through_kill(server)


def test_its_data_outlive_a_stop(server: servers.SQLServer) -> None:
    keeps_data_through_stop(server)


def test_a_paused_server_answers_after_it_is_resumed(server: servers.SQLServer) -> None:
    freezes_and_goes_on(server)


def test_a_paused_server_can_be_killed(server: servers.SQLServer) -> None:
    server.pause()
    server.kill()
    assert not server.running()


def test_close_leaves_no_process_and_no_folder(kind: str) -> None:
    closes_without_a_trace(MAKES[kind]())


@pytest.mark.parametrize("state", ["running", "paused"])
def test_sigkill_of_the_session_leaves_no_process_and_no_folder(kind: str, state: str) -> None:
    leaves_nothing_when_killed(kind, "session", state)


@pytest.mark.parametrize("state", ["running", "paused"])
def test_what_sigkill_of_the_guardian_leaves_the_next_session_sweeps(kind: str, state: str) -> None:
    leaves_nothing_when_killed(kind, "guardian", state)


def test_what_sigkill_of_session_and_guardian_leaves_the_next_session_sweeps(kind: str) -> None:
    leaves_nothing_when_killed(kind, "both", "running")


def test_each_database_is_fresh_and_apart(server: servers.SQLServer) -> None:
    one, other = (server.create_database().rpartition("/")[2] for _ in range(2))
    make_table(server, one)
    with pytest.raises(servers.ServerError):
        server.run_sql("SELECT * FROM kept", other)


def test_a_failing_statement_is_an_error_with_what_the_server_said(server: servers.SQLServer) -> None:
    with pytest.raises(servers.ServerError, match="no_such_table"):
        server.run_sql("SELECT * FROM no_such_table", server.create_database().rpartition("/")[2])


def test_servers_of_several_threads_start_side_by_side(kind: str) -> None:
    started: list[servers.SQLServer] = []
    threads = [threading.Thread(target=lambda: started.append(MAKES[kind]())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert len({server.port for server in started}) == 4
        assert all(asked(server) == [("2",)] for server in started)
    finally:
        for server in started:
            server.close()


def test_sessions_that_all_begin_with_an_empty_cache_start_side_by_side(
    kind: str, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    command = [sys.executable, "-c", SESSION, kind]
    sessions = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    shown = [session.communicate("\n", timeout=120)[0].splitlines() for session in sessions]
    assert [session.returncode for session in sessions] == [0, 0, 0]
    assert len({lines[0] for lines in shown}) == 3


def test_a_port_that_somebody_took_is_given_up_for_another(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        occupied = taken.getsockname()[1]
        ports = iter([occupied, occupied])
        honest = servers.processes.free_port
        monkeypatch.setattr(servers.processes, "free_port", lambda: next(ports, None) or honest())
        with MAKES[kind]() as server:
            assert server.port != occupied
            assert asked(server) == [("2",)]


def test_a_url_in_the_environment_is_taken_and_nothing_started(
    kind: str, server: servers.SQLServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AUTH_ADAPTERS_TEST_{kind.upper()}_URL", server.url)
    with MAKES[kind]() as other:
        assert other.url == server.url
        assert not other.ours
        assert asked(other) == [("2",)]
        made = other.create_database().rpartition("/")[2]
        make_table(server, made)
        with pytest.raises(servers.ServerError, match="was not started here"):
            other.kill()
    assert server.running()
    with pytest.raises(servers.ServerError):
        server.run_sql("SELECT * FROM kept", made)


def test_a_server_that_cannot_start_says_what_its_log_says(kind: str) -> None:
    with pytest.raises(servers.ServerError, match=re.compile("no_such_setting", re.IGNORECASE)):
        MAKES[kind](settings={"no_such_setting": "1"})


def test_a_server_ends_by_itself_at_the_end_of_a_session_that_forgot_it(kind: str) -> None:
    command = [sys.executable, "-c", f"import servers; print(servers.{kind}().process.folder)"]
    folder = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    until(lambda: not traces(folder))
