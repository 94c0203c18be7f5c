import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import servers
from servers import __main__ as command_line
from servers import folders, processes, provision
from servers.tests.promises import traces, until

NOWHERE = replace(
    provision.MARIADB,
    name="Nowhere",
    variable="AUTH_ADAPTERS_TEST_NOWHERE_URL",
    server="nowhered",
    programs={"nowhered": ("nowhered",)},
    packages=("no-such-package-of-debian",),
)


def test_a_server_that_cannot_be_had_names_every_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provision, "apt_install", lambda packages: "not root")
    with pytest.raises(servers.ServerUnavailableError) as caught:
        provision.tools(NOWHERE)
    said = str(caught.value)
    assert NOWHERE.variable in said
    assert "PATH (nowhered)" in said
    assert "apt-get install no-such-package-of-debian" in said


def test_a_server_that_cannot_be_had_has_an_exit_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing() -> provision.Tools:
        raise provision.unavailable(NOWHERE, "sid has moved")

    entry = replace(command_line.ENTRIES["mysql"], provide=(missing,))
    monkeypatch.setitem(command_line.ENTRIES, "mysql", entry)
    assert command_line.main(["provision", "mysql"]) == command_line.UNAVAILABLE
    assert "sid has moved" in capsys.readouterr().err


def test_a_program_that_does_not_run_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("postgres", "initdb", "psql", "pg_basebackup"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n", "utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = provision.present(provision.POSTGRESQL)
    assert found is None or found.programs["postgres"].parent != tmp_path


def test_mariadb_is_not_taken_for_mysql() -> None:
    found = provision.present(provision.MYSQL)
    assert found is None or "MariaDB" not in found.version


def test_what_is_prepared_is_made_once_and_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = []

    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError

    def works(folder: Path) -> None:
        made.append(list(folder.iterdir()))
        (folder / "whole").touch()

    with pytest.raises(RuntimeError):
        folders.prepared("thing", "1", fails)
    first, second = folders.prepared("thing", "1", works), folders.prepared("thing", "1", works)
    assert first == second
    assert made == [[]]
    assert folders.prepared("thing", "2", works) != first


def test_ports_are_below_those_of_outgoing_connections() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("utf-8").split()[0])
    assert all(processes.free_port() < lowest for _ in range(50))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_line_prints_a_url_and_ends_cleanly(number: signal.Signals) -> None:
    command = ["sh", "-c", "trap '' INT; exec \"$0\" -m servers start postgresql", sys.executable]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        url = started.stdout.readline().strip()
        server = servers.PostgreSQL(url, (), {})
        ((data,),) = server.run_sql("SHOW data_directory")
        started.send_signal(number)
        try:
            assert started.wait(timeout=20) == 0
        finally:
            started.kill()
    until(lambda: not traces(str(Path(data).parent)))


def test_importing_the_tooling_imports_no_driver_and_no_pytest() -> None:
    heavy = {"sqlalchemy", "asyncpg", "asyncmy", "pymongo", "pytest", "auth_adapters"}
    code = f"import sys, servers; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("before", [None, provision.POLICY_TEXT, "#!/bin/sh\nexit 104\n"])
def test_packages_are_installed_with_services_forbidden_and_the_rule_is_put_back(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "policy-rc.d"
    if before is not None:
        policy.write_text(before, "utf-8")
    seen = []

    def apt(command: list[str]) -> str:
        seen.append(policy.read_text("utf-8"))
        return ""

    monkeypatch.setattr(provision, "POLICY", policy)
    monkeypatch.setattr(provision, "apt", apt)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    provision.apt_install(("some-package",))
    foreign = before is not None and before != provision.POLICY_TEXT
    assert seen == [before if foreign else provision.POLICY_TEXT]
    assert policy.exists() == foreign


def test_only_root_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(provision, "apt", lambda command: pytest.fail("apt was run"))
    assert "not root" in provision.apt_install(("some-package",)) or not Path("/usr/bin/apt-get").exists()
