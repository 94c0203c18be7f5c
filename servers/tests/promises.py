"""What is promised of every kind of server, told once."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import servers
from servers import folders
from servers.guardian import descendants, remove

SESSION = """
import sys, servers
server = getattr(servers, sys.argv[1])()
print(server.process.folder, flush=True)
sys.stdin.readline()
server.close()
"""


def until(true: Callable[[], bool], timeout: float = 20.0) -> None:
    """Wait for something; fail after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def traces(folder: str) -> list[str]:
    """A server's folder, if it is there, and the processes that name it or have been started in it."""
    found = [folder] if Path(folder).exists() else []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if folder in line or (entry / "cwd").readlink().is_relative_to(folder):
                    found.append(line)
            except OSError:
                continue
    return found


def has_ended(process: int) -> bool:
    """Whether a process is gone, or only waited for: its files are closed."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("utf-8", "replace")
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in {"Z", "X"}


def asked(server: servers.SQLServer) -> list[tuple[str, ...]]:
    return server.run_sql("SELECT 1 + 1")


def make_table(server: servers.SQLServer, database: str) -> None:
    server.run_sql("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (7);", database)


def keeps_data_through_kill(server: servers.SQLServer) -> None:
    database, port = server.create_database().rpartition("/")[2], server.port
    make_table(server, database)
    server.kill()
    assert not server.running()
    with pytest.raises(servers.ServerError):
        asked(server)
    server.restart()
    assert server.port == port
    assert server.run_sql("SELECT n FROM kept", database) == [("7",)]


def keeps_data_through_stop(server: servers.SQLServer) -> None:
    database = server.create_database().rpartition("/")[2]
    make_table(server, database)
    server.stop()
    assert not server.running()
    server.restart()
    assert server.run_sql("SELECT n FROM kept", database) == [("7",)]


def freezes_and_goes_on(server: servers.SQLServer) -> None:
    server.pause()
    answers: list[object] = []
    client = threading.Thread(target=lambda: answers.append(asked(server)))
    client.start()
    client.join(timeout=1.0)
    assert client.is_alive()
    server.resume()
    client.join(timeout=20.0)
    assert answers == [[("2",)]]


def closes_without_a_trace(server: servers.Server) -> None:
    folder = str(server.process.folder)
    assert traces(folder)
    server.close()
    assert traces(folder) == []
    server.close()


def leaves_nothing_when_killed(kind: str, victim: str, state: str) -> None:
    """Kill a session with a server, its guardian, or both at once."""
    session = subprocess.Popen([sys.executable, "-c", SESSION, kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert session.stdout is not None
    folder = session.stdout.readline().decode().strip()
    below = descendants(session.pid)
    (guardian,) = (one for one in below if b"guardian" in Path(f"/proc/{one}/cmdline").read_bytes())
    if state == "paused":
        for process in below - {guardian}:
            os.kill(process, signal.SIGSTOP)
    killed = {"session": [session.pid], "guardian": [guardian], "both": [guardian, session.pid]}[victim]
    for process in killed:
        os.kill(process, signal.SIGKILL)
    session.kill()
    session.communicate()
    if victim != "session":
        until(lambda: has_ended(guardian))  # until then the folder is locked
        if state == "running":
            until(lambda: traces(folder) == [folder])
        sweep()
    until(lambda: not traces(folder))
    assert not segments(below)


def sweep() -> None:
    """What every new server begins with."""
    made, lock = folders.new_run("sweep")
    os.close(lock)
    remove(made)


def segments(creators: set[int]) -> list[str]:
    """Segments of shared memory made by some processes."""
    lines = Path("/proc/sysvipc/shm").read_text("utf-8").splitlines()[1:]
    return [line for line in lines if int(line.split()[4]) in creators]
