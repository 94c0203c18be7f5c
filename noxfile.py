"""Every check of the project, one session each: `nox` runs all but the benchmark, `nox -s sqlite` one of them.

One session per database: a database that cannot be had fails its session. By tags, `nox -t embedded` is what needs no
server and `nox -t server` the rest; `left` and `right` are two halves that take about as long, to run side by side.
"""

import os
import shutil
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.sessions = [
    "lint",
    "typecheck",
    "tests",
    "memory",
    "sqlite",
    "postgresql",
    "mariadb",
    "mysql",
    "mongodb",
    "mongodb_standalone",
    "faults",
    "servers",
    "wheel",
    "docs",
]
nox.options.error_on_missing_interpreters = True

UNAVAILABLE = 75
"""What `python -m servers provision` ends with when a server cannot be had."""

HANGING = ("--timeout=300", "--timeout-method=thread")
"""A test that hangs ends its session and shows where: an exception might be swallowed by the event loop that hangs."""

PROVISION_SECONDS = 900
"""What fetching a server may take."""

MEMORY = Path("/dev/shm")  # noqa: S108  (not a file of ours: a place for a folder of one's own)
ROOM = 8 * 2**30

PYPROJECT = nox.project.load_toml("pyproject.toml")


def install(session: nox.Session, *groups: str) -> None:
    """The project itself, editable and with its extras, and the dependency groups."""
    session.install("-e", ".[all,conformance]", *nox.project.dependency_groups(PYPROJECT, *groups))


@nox.session(tags=["embedded", "left"])
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    session.install(*nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(tags=["embedded", "left"])
def typecheck(session: nox.Session) -> None:
    """Types, as we see them and as users see them."""
    install(session, "typecheck")
    session.run("mypy")
    session.run("basedpyright", "--ignoreexternal", "--verifytypes", "auth_adapters")


@nox.session(tags=["embedded", "left"])
def tests(session: nox.Session) -> None:
    """Unit tests of the pure parts, of connecting, and of what only one backend has."""
    install(session, "test")
    session.run("pytest", "tests", "--ignore=tests/test_docs.py", *session.posargs)


@nox.session(tags=["embedded", "left"])
def memory(session: nox.Session) -> None:
    """The conformance suite on the in-memory reference."""
    install(session, "test")
    session.run("pytest", "conformance_tests/test_memory.py", *session.posargs)


@nox.session(tags=["embedded", "left"])
def sqlite(session: nox.Session) -> None:
    """The conformance suite on SQLite: files, `:memory:`, and an application's engine."""
    install(session, "test")
    session.run("pytest", *map(str, sorted(Path("conformance_tests").glob("test_sqlite*.py"))), *session.posargs)


@nox.session(tags=["embedded", "left"])
def faults(session: nox.Session) -> None:
    """The suite itself: backends broken on purpose must fail it, and so must a deviation that passes."""
    install(session, "test")
    session.run("pytest", "conformance_tests/test_faults.py", "conformance_tests/test_deviations.py", *session.posargs)


@nox.session(tags=["server", "right"])
def postgresql(session: nox.Session) -> None:
    """The suite on a real PostgreSQL: our own connections, an application's, a pooler's; and what befalls them."""
    on_database(session, "postgresql")


@nox.session(tags=["server", "right"])
def mariadb(session: nox.Session) -> None:
    """The suite on a real MariaDB: our own connections and an application's; and what befalls them."""
    on_database(session, "mariadb")


@nox.session(tags=["server", "right"])
def mysql(session: nox.Session) -> None:
    """The suite on MySQL proper. Debian's sid has it, or has it not: with AUTH_ADAPTERS_MYSQL_OPTIONAL=1 a server that
    cannot be had is said aloud and fails nothing.
    """
    install(session, "test")
    if has_mysql(session):
        on_database(session, "mysql")
    elif not os.environ.get("AUTH_ADAPTERS_MYSQL_OPTIONAL"):
        session.error("MySQL cannot be had here: see above")


@nox.session(tags=["server", "left"])
def mongodb(session: nox.Session) -> None:
    """The suite on a real MongoDB, a replica set: our own client, an application's; and what befalls a set of three."""
    on_database(session, "mongodb", without="mongodb_standalone")


@nox.session(tags=["server", "right"])
def mongodb_standalone(session: nox.Session) -> None:
    """The suite on a MongoDB in no replica set."""
    on_database(session, "mongodb_standalone")


def on_database(session: nox.Session, name: str, *, without: str | None = None) -> None:
    """Everything that is tested on one kind of server. The tests start it; one that hangs fails."""
    install(session, "test")
    tests = sorted(Path("conformance_tests").glob(f"test_{name}*.py"))
    tests = [path for path in tests if without is None or without not in path.name]
    session.run("pytest", *HANGING, *map(str, tests), *session.posargs, env=in_memory())


def in_memory() -> dict[str, str]:
    """Temporary files, the servers' data among them, in memory where there is room: no flush is waited for."""
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return {}
    return {"TMPDIR": str(MEMORY)} if free > ROOM and os.access(MEMORY, os.W_OK) else {}


def has_mysql(session: nox.Session) -> bool:
    """Whether MySQL proper can be had: Debian sid moves, and that alone is to fail nothing. Said aloud if it cannot."""
    command = [Path(session.bin) / "python", "-m", "servers", "provision", "mysql"]
    try:
        done = subprocess.run(  # noqa: S603  (our own program)
            command, capture_output=True, text=True, check=False, timeout=PROVISION_SECONDS
        )
    except subprocess.TimeoutExpired:
        session.warn("NOT TESTED ON MYSQL. Fetching it took too long.")
        return False
    if done.returncode not in {0, UNAVAILABLE}:
        session.error(done.stderr)
    if done.returncode == UNAVAILABLE:
        session.warn(f"NOT TESTED ON MYSQL. {done.stderr}")
    return done.returncode == 0


@nox.session(tags=["server", "right"])
def servers(session: nox.Session) -> None:
    """The test servers themselves, on the real ones."""
    install(session, "test")
    without = [] if has_mysql(session) else ["--ignore=servers/tests/test_mysql.py"]
    session.run("pytest", *HANGING, "servers/tests", *without, *session.posargs)


@nox.session(tags=["embedded", "left"])
def wheel(session: nox.Session) -> None:
    """The built wheel in a clean environment, with a third party's adapter on it."""
    install(session, "test")
    session.run("pytest", "conformance_tests/test_wheel.py", *session.posargs)


@nox.session(tags=["embedded", "left"])
def docs(session: nox.Session) -> None:
    """Every example of the documentation runs, every link leads somewhere, the reference is fresh."""
    install(session, "test")
    session.run("pytest", "tests/test_docs.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """The benchmark. Not part of the checks: speed is compared, never tested."""
    install(session, "bench")
    session.run("python", "-m", "benchmarks", *session.posargs)
