"""What every test server can do."""

import secrets
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from servers.errors import ServerError
from servers.processes import Process


class Server(ABC):
    """A server, ours or that of a URL in the environment. A context manager; or end it with `close`.

    url: of an account that may do everything, without a driver's name. processes: none for a server that is not ours:
    it can be asked, but neither stopped nor killed.
    """

    name: str
    url: str

    def __init__(self, url: str, *processes: Process) -> None:
        self.url = url
        self._processes = processes
        self._made: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.name} at {self.host}:{self.port}>"

    @property
    def host(self) -> str:
        """The address it listens on."""
        return urlsplit(self.url).hostname or "127.0.0.1"

    @property
    def port(self) -> int:
        """The port it listens on; the same after `restart`."""
        return urlsplit(self.url).port or self.default_port

    @property
    @abstractmethod
    def default_port(self) -> int:
        """The port of a URL that names none."""

    @property
    def ours(self) -> bool:
        """Whether it was started here."""
        return bool(self._processes)

    @property
    def process(self) -> Process:
        """What was started here, or the first of it.

        Raises:
            ServerError: the server is that of a URL in the environment.

        """
        if not self._processes:
            raise ServerError(f"{self.name} at {self.host}:{self.port} was not started here: it cannot be controlled")
        return self._processes[0]

    @property
    def log(self) -> str:
        """The end of what it wrote to its log."""
        return self.process.tail()

    def _each(self, action: str) -> None:
        """Have every process do something."""
        for process in self._processes or (self.process,):
            getattr(process, action)()

    def running(self) -> bool:
        """Whether its process lives."""
        return self.process.running() and all(process.running() for process in self._processes)

    def kill(self) -> None:
        """SIGKILL to the whole of it. Its data stay: `restart` brings it back."""
        self._each("kill")

    def stop(self) -> None:
        """End it in an orderly way. Its data stay: `restart` brings it back."""
        self._each("stop")

    def restart(self) -> None:
        """Start it again, stopped before if it runs: same data, same port."""
        self._each("stop")
        self._each("start")

    def pause(self) -> None:
        """Freeze the whole of it: connections stay open, and nothing is answered."""
        self._each("pause")

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._each("resume")

    def close(self) -> None:
        """End it and remove its data. On a server that is not ours: drop the databases made here."""
        if self._processes:
            self._each("close")
            return
        while self._made:
            with suppress(ServerError):
                self.drop_database(self._made.pop())

    def create_database(self, name: str | None = None) -> str:
        """Make an empty database; its URL."""
        name = name or f"test_{secrets.token_hex(6)}"
        self._create(name)
        self._made.append(name)
        return self.database_url(name)

    @abstractmethod
    def _create(self, name: str) -> None:
        """Make an empty database."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is connected to it."""

    def database_url(self, name: str) -> str:
        """The URL of another database of this server."""
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()


class SQLServer(Server):
    """A server that is asked in SQL."""

    @abstractmethod
    def run_sql(self, sql: str, database: str | None = None) -> list[tuple[str, ...]]:
        """Run statements with the server's own client; the rows it prints.

        Raises:
            ServerError: a statement failed, or the server did not answer.

        """


def client_output(name: str, command: list[str], sql: str, environment: dict[str, str], timeout: float = 60) -> str:
    """What a client prints for statements given on its input.

    Raises:
        ServerError: with what it said.

    """
    try:
        done = subprocess.run(
            command, input=sql, capture_output=True, text=True, check=False, env=environment, timeout=timeout
        )
    except subprocess.TimeoutExpired:
        raise ServerError(f"{name} did not answer in {timeout:.0f} seconds") from None
    if done.returncode != 0:
        raise ServerError(f"{name}: {done.stderr.strip()}")
    return done.stdout


def rows(output: str, separator: str) -> Iterator[tuple[str, ...]]:
    """The rows that a client printed, one per line."""
    for line in output.split("\n")[:-1]:
        yield tuple(line.split(separator))
