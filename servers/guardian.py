"""The process between a test session and one server: when the session ends, however it ends, so does the server.

It runs alone, `python -I -S guardian.py FOLDER LOCK SESSION`, reads one JSON command per line and answers each with
one line. It adopts everything that the server forks, so that a signal reaches all of it. When its input ends, or the
session's process is gone (SIGKILL included), it kills the server, removes the folder and ends. When it is killed
itself, the kernel kills the server, and the next session sweeps the folder: LOCK, an open file, is locked as long as
it lives.
"""

import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
IPC_RMID = 0
STEP = 0.005
"""Seconds between two looks at processes that are to end."""


def descendants(root: int) -> set[int]:
    """The processes below one, zombies left out."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, parent = (entry / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[:2]
                if state not in {"Z", "X"}:
                    parents[int(entry.name)] = int(parent)
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found and child not in found}:
        found |= more
    return found - {root}


def kill_inside(folder: Path) -> None:
    """Kill what works in a folder, and wait: the processes of a paused server outlive a guardian that is killed."""
    for _ in range(1000):
        found = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    if (entry / "cwd").readlink().is_relative_to(folder):
                        found += 1
                        os.kill(int(entry.name), signal.SIGKILL)
        if not found:
            return
        time.sleep(STEP)


def remove(folder: Path) -> None:
    """Remove a server's folder, what runs in it, and the shared memory that a killed PostgreSQL leaves behind."""
    kill_inside(folder)
    for file in folder.glob("*/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            key, segment = file.read_text("utf-8").splitlines()[6].split()
            for line in Path("/proc/sysvipc/shm").read_text("utf-8").splitlines()[1:]:
                fields = line.split()
                if fields[:2] == [key, segment] and fields[6] == "0":
                    ctypes.CDLL(None).shmctl(int(segment), IPC_RMID, None)
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)


class Guardian:
    """One server at a time, started and ended as often as the session likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server: subprocess.Popen[bytes] | None = None
        self.libc = ctypes.CDLL(None)
        self.libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, command: list[str], environment: dict[str, str], user: list[int] | None, log: str) -> int:
        """Start the server; the id of its process. user: whose, as user and group id."""
        own = os.getpid()

        def die_with_the_guardian() -> None:
            self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != own:
                os._exit(1)

        as_user: dict[str, Any] = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        with Path(log).open("ab") as output:
            self.server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.folder,
                env=environment,
                start_new_session=True,
                preexec_fn=die_with_the_guardian,  # noqa: PLW1509  (no threads here)
                **as_user,
            )
        return self.server.pid

    def poll(self) -> int | None:
        """How the server's first process ended, None while it runs."""
        self.reap()
        return None if self.server is None else self.server.poll()

    def reap(self) -> bool:
        """Let go of what has ended; whether anything is left. The server's first process is left to `Popen`."""
        if self.server is not None:
            self.server.poll()
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            if ended is None:
                return True
            if self.server is not None and ended.si_pid == self.server.pid:
                self.server.poll()
            else:
                with suppress(ChildProcessError):
                    os.waitpid(ended.si_pid, 0)

    def signal_all(self, number: int) -> None:
        """Send a signal to every process of the server, until no new one appears."""
        reached: set[int] = set()
        while new := descendants(os.getpid()) - reached:
            for process in new:
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            reached |= new

    def kill(self) -> None:
        """End every process of the server at once.

        Its threads may outlive it by a moment, so what counts is that every process could be waited for.
        """
        while self.reap():
            self.signal_all(signal.SIGKILL)
            time.sleep(STEP)

    def stop(self, number: int, timeout: float) -> None:
        """Ask the server to end; what has not ended after `timeout` seconds is killed."""
        self.signal_all(signal.SIGCONT)
        if self.server is not None and self.poll() is None:
            self.server.send_signal(number)
            until = time.monotonic() + timeout
            while self.poll() is None and time.monotonic() < until:
                time.sleep(STEP)
        self.kill()

    def answer(self, line: str) -> object:
        """Do what a line asks."""
        asked = json.loads(line)
        commands: dict[str, Callable[..., object]] = {
            "start": self.start, "poll": self.poll, "kill": self.kill, "stop": self.stop, "signal": self.signal_all,
        }  # fmt: skip
        return commands[asked.pop("do")](**asked)


def serve(guardian: Guardian, session: int) -> None:
    """Answer commands until the input ends or the session is gone."""
    with suppress(ProcessLookupError):
        gone = os.pidfd_open(session)
        if os.getppid() != session:
            return
        waiting = b""
        while True:
            ready, _, _ = select.select([0, gone], [], [])
            if gone in ready:
                return
            if not (read := os.read(0, 65536)):
                return
            waiting += read
            while b"\n" in waiting:
                line, waiting = waiting.split(b"\n", 1)
                try:
                    reply = {"result": guardian.answer(line.decode())}
                except OSError as error:
                    reply = {"error": str(error)}
                os.write(1, json.dumps(reply).encode() + b"\n")


def main() -> None:
    """Guard until the session ends, then leave nothing behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(sys.argv[1])
    guardian = Guardian(folder)
    try:
        serve(guardian, int(sys.argv[3]))
    except BrokenPipeError:
        pass
    finally:
        guardian.kill()
        remove(folder)


if __name__ == "__main__":
    main()
