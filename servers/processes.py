"""A server's process as the session sees it: started on a free port, ready, and guarded."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import guardian
from servers.errors import ServerError, ServerUnavailableError
from servers.folders import new_run

HOST = "127.0.0.1"
PORTS = (10_240, 32_000)
"""Below those that the system gives to outgoing connections, so that a stopped server finds its port free again."""
TAKEN = re.compile(r"address already in use|\(98\)|Can't start server: Bind on TCP/IP port", re.IGNORECASE)
STARTS = 8
READY_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0


def client_environment() -> dict[str, str]:
    """The environment of servers and their clients: nothing of the user's settings for databases."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent", **kept}


def free_port() -> int:
    """A port that nothing listens on just now."""
    for _ in range(200):
        port = random.randint(*PORTS)  # noqa: S311  (no secret)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind((HOST, port))
                return port
    raise ServerError("no free port was found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """How a server is run. command: for a folder and a port.

    ready: what its log says once it answers. user: whose process, as user and group id; None: this one's.
    stop: the signal that ends it in an orderly way.
    """

    name: str
    command: Callable[[Path, int], list[str]]
    ready: str
    user: list[int] | None = None
    stop: int = signal.SIGTERM


class Process:
    """A guarded server with a folder of its own. Usable from several threads."""

    def __init__(self, program: Program) -> None:
        if not sys.platform.startswith("linux"):
            raise ServerUnavailableError("test servers are started on Linux only: elsewhere use servers/compose.yaml")
        self.program = program
        self.folder, lock = new_run(program.name)
        self.log = self.folder / "log"
        self.port = 0
        self._lock = threading.Lock()
        command = [sys.executable, "-I", "-S", guardian.__file__, str(self.folder), str(lock), str(os.getpid())]
        try:
            self._guardian = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=[lock], start_new_session=True
            )
        finally:
            os.close(lock)

    def start(self) -> None:
        """Start on a free port, another one if somebody was quicker; on the same port if it ran before.

        Raises:
            ServerError: it did not get ready.

        """
        fixed = self.port
        for attempt in range(STARTS):
            port = fixed or free_port()
            if self._started(port):
                self.port = port
                return
            time.sleep(0.2 * attempt)
        raise ServerError(f"{self.program.name} found no free port\n{self.tail()}")

    def _started(self, port: int) -> bool:
        """Start on this port and wait until ready; False if the port is taken."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        self._ask(
            "start",
            command=self.program.command(self.folder, port),
            environment=client_environment(),
            user=self.program.user,
            log=str(self.log),
        )
        until = time.monotonic() + READY_TIMEOUT
        while True:
            ended = self._ask("poll")
            said = self._said(begin)
            if ended is not None:
                if TAKEN.search(said):
                    return False
                raise ServerError(f"{self.program.name} ended with {ended}\n{self.tail()}")
            if re.search(self.program.ready, said):
                return True
            if time.monotonic() > until:
                self.kill()
                raise ServerError(f"{self.program.name} was not ready after {READY_TIMEOUT:.0f} seconds\n{self.tail()}")
            time.sleep(0.01)

    def _said(self, begin: int) -> str:
        """The log from a position on."""
        with self.log.open("rb") as file:
            file.seek(begin)
            return file.read().decode(errors="replace")

    def tail(self) -> str:
        """The end of the log."""
        return "\n".join(self._said(0).splitlines()[-20:]) if self.log.exists() else ""

    def running(self) -> bool:
        """Whether the server's process lives."""
        return self.port != 0 and self._guardian.poll() is None and self._ask("poll") is None

    def kill(self) -> None:
        """SIGKILL to every process of the server."""
        self._ask("kill")

    def stop(self) -> None:
        """Ask the server to end, and wait until it has."""
        self._ask("stop", number=int(self.program.stop), timeout=STOP_TIMEOUT)

    def pause(self) -> None:
        """SIGSTOP to every process of the server: it takes connections, and says nothing."""
        self._ask("signal", number=int(signal.SIGSTOP))

    def resume(self) -> None:
        """SIGCONT to every process of the server."""
        self._ask("signal", number=int(signal.SIGCONT))

    def close(self) -> None:
        """End the server and remove its folder. Twice does no harm."""
        with self._lock:
            for pipe in (self._guardian.stdin, self._guardian.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            self._guardian.wait()
        if self.folder.exists():
            guardian.remove(self.folder)

    def _ask(self, do: str, **arguments: Any) -> Any:
        """Have the guardian do something."""
        with self._lock:
            sent, answers = self._guardian.stdin, self._guardian.stdout
            if sent is None or answers is None or sent.closed:
                raise ServerError(f"{self.program.name} is closed")
            try:
                sent.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
                sent.flush()
                line = answers.readline()
            except BrokenPipeError:
                line = b""
            if not line:
                raise ServerError(f"the guardian of {self.program.name} is gone")
            answer = json.loads(line)
        if "error" in answer:
            raise ServerError(f"{self.program.name}: {answer['error']}")
        return answer["result"]
