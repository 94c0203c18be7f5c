"""PostgreSQL, a hot standby beside it, and pgbouncer in front of it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

from servers import folders, pgbouncer
from servers.certificates import certificates
from servers.errors import ServerError
from servers.guardian import remove
from servers.processes import HOST, Process, Program, client_environment
from servers.provision import POSTGRESQL, PSQL, Tools, run, tools
from servers.server import SQLServer, client_output, rows

AUTH_USER = "auth_user"
AUTH_PASSWORD = "pass word/@:%"  # noqa: S105  (of a test; characters that a URL must quote are the point)
READY = r"database system is ready to accept (read-only )?connections"
SEPARATOR = "\x1f"
SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10min",
    "jit": "off",
    "wal_level": "replica",
    "hot_standby": "on",
    "max_wal_senders": "5",
    "max_wal_size": "256MB",
    "dynamic_shared_memory_type": "mmap",
    "password_encryption": "scram-sha-256",
}
"""A commit is written to the system, if not to the disk: it outlives the server's SIGKILL.

dynamic_shared_memory_type: kept in the data folder, so that a killed server leaves nothing elsewhere."""
TLS = {"ssl": "on", "ssl_cert_file": "server.crt", "ssl_key_file": "server.key", "ssl_ca_file": "ca.crt"}
ACCESS = f"""\
host    all          {AUTH_USER}  samehost  scram-sha-256
hostssl all          cert_user    samehost  cert
hostssl all          tls_user     samehost  trust
host    all          tls_user     samehost  reject
host    all          all          samehost  trust
host    replication  all          samehost  trust
"""
ROLES = f"""\
CREATE ROLE {AUTH_USER} LOGIN PASSWORD '{AUTH_PASSWORD}';
CREATE ROLE cert_user LOGIN;
CREATE ROLE tls_user LOGIN;
"""


class PostgreSQL(SQLServer):
    """A PostgreSQL server. Its account `postgres` needs no password.

    Other accounts, for tests of connecting: `auth_user` needs `auth_password`, by SCRAM; `tls_user` needs TLS;
    `cert_user` needs TLS and the client's certificate. `certificates` has `ca.crt`, `client.crt` and `client.key`.
    """

    name = "PostgreSQL"
    default_port = 5432
    auth_user = AUTH_USER
    auth_password = AUTH_PASSWORD

    def __init__(self, url: str, processes: tuple[Process, ...], settings: Mapping[str, str]) -> None:
        super().__init__(url, *processes)
        self.settings = settings

    @property
    def _tools(self) -> Tools:
        """Its programs; the client alone if it is not ours."""
        return tools(POSTGRESQL if self.ours else PSQL)

    @property
    def speaks_tls(self) -> bool:
        """Whether it does; a PostgreSQL of a wheel does not."""
        return self.run_sql("SHOW ssl") == [("on",)]

    @property
    def auth_url(self) -> str:
        """The URL of the account that needs a password, with it."""
        given = urlsplit(self.url)
        account = f"{AUTH_USER}:{quote(AUTH_PASSWORD, safe='')}"
        return given._replace(netloc=f"{account}@{self.host}:{self.port}").geturl()

    @property
    def certificates(self) -> Path:
        """The folder of the certificates that this server and its clients have."""
        return certificates()

    def run_sql(self, sql: str, database: str | None = None) -> list[tuple[str, ...]]:
        url = self.database_url(database) if database else self.url
        options = ["-X", "-q", "-A", "-t", "-F", SEPARATOR, "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "-"]
        environment = {**client_environment(), "PGCONNECT_TIMEOUT": "10"}
        return list(rows(client_output(self.name, self._tools("psql", *options), sql, environment), SEPARATOR))

    def _create(self, name: str) -> None:
        self.run_sql(f'CREATE DATABASE "{name}" TEMPLATE template0')

    def drop_database(self, name: str) -> None:
        self.run_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def standby(self) -> "PostgreSQL":
        """A hot standby that follows this server; it refuses writes with SQLSTATE 25006. Close it before this one."""
        user, primary = folders.ordinary_user(), self.process.port
        process = Process(_program("standby", self._tools, self.settings))
        try:
            backup = self._tools(
                "pg_basebackup", "-h", HOST, "-p", primary, "-U", "postgres", "-D", process.folder / "data",
                "--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream",
            )  # fmt: skip
            run(backup, user=user)
            return _started(process, self.settings)
        except subprocess.CalledProcessError as error:
            process.close()
            raise ServerError(f"pg_basebackup failed: {error.output}") from None

    def is_caught_up(self, standby: "PostgreSQL") -> bool:
        """Whether a standby has replayed all that this server has written."""
        ((position,),) = self.run_sql("SELECT pg_current_wal_lsn()")
        return standby.run_sql(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") == [("t",)]

    def pgbouncer(self, settings: Mapping[str, str] | None = None) -> "PgBouncer":
        """Pgbouncer in front of this server, pooling by transaction. Close it before this one."""
        process = Process(pgbouncer.program(self.url, settings or {}))
        try:
            process.start()
        except BaseException:
            process.close()
            raise
        return PgBouncer(self, process)


class PgBouncer(PostgreSQL):
    """Pgbouncer in front of a PostgreSQL: databases are made behind it, and reached through it."""

    name = "pgbouncer"

    def __init__(self, behind: PostgreSQL, process: Process) -> None:
        given = urlsplit(behind.url)
        account = given.netloc.rpartition("@")[0] or "postgres"
        url = given._replace(netloc=f"{account}@{HOST}:{process.port}", query="").geturl()
        super().__init__(url, (process,), {})
        self.behind = behind

    def _create(self, name: str) -> None:
        self.behind.create_database(name)

    def drop_database(self, name: str) -> None:
        self.behind.drop_database(name)


def postgresql(settings: Mapping[str, str] | None = None) -> PostgreSQL:
    """PostgreSQL: the one of `AUTH_ADAPTERS_TEST_POSTGRESQL_URL`, else one started here. settings: as in its file.

    Raises:
        ServerUnavailableError: it cannot be had.
        ServerError: it did not start.

    """
    if url := os.environ.get(POSTGRESQL.variable):
        return PostgreSQL(url, (), {})
    found = tools(POSTGRESQL)
    chosen = {**SETTINGS, **(TLS if _speaks_tls(found) else {}), **(settings or {})}
    process = Process(_program("postgresql", found, chosen))
    try:
        folders.copy(_template(found), process.folder / "data")
    except BaseException:
        process.close()
        raise
    return _started(process, chosen)


def _started(process: Process, settings: Mapping[str, str]) -> PostgreSQL:
    """Start a server whose data are in place."""
    try:
        process.start()
    except BaseException:
        process.close()
        raise
    return PostgreSQL(f"postgresql://postgres@{HOST}:{process.port}/postgres", (process,), settings)


def _speaks_tls(found: Tools) -> bool:
    """Whether this build of PostgreSQL has TLS; that of the wheel has not."""
    asked = subprocess.run(
        found("postgres", "-c", "ssl=on", "-D", "/nonexistent"),
        capture_output=True, text=True, check=False, env=client_environment(), cwd="/",
        **({} if (user := folders.ordinary_user()) is None else {"user": user[0], "group": user[1]}),  # type: ignore[call-overload]
    )  # fmt: skip
    return "not supported by this build" not in asked.stderr


def _program(name: str, found: Tools, settings: Mapping[str, str]) -> Program:
    """How PostgreSQL is run."""
    options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return Program(
        name=name,
        command=lambda folder, port: found("postgres", "-D", folder / "data", "-p", port, *options),
        ready=READY,
        user=folders.ordinary_user(),
        stop=signal.SIGINT,
    )


def _template(found: Tools) -> Path:
    """A data folder to copy, made once per version."""
    user, tls = folders.ordinary_user(), _speaks_tls(found)

    def make(folder: Path) -> None:
        made, lock = folders.new_run("initdb")
        try:
            data = made / "data"
            options = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
            run(found("initdb", "-D", data, *options), user=user)
            run(found("postgres", "--single", "-D", data, "-c", "fsync=off", "postgres"), user=user, feed=ROLES)
            lines = [line for line in ACCESS.splitlines(keepends=True) if tls or not line.startswith("hostssl")]
            (data / "pg_hba.conf").write_text("".join(lines), "utf-8")
            for name in ("ca.crt", "server.crt", "server.key"):
                shutil.copy(certificates() / name, data / name)
                if user:
                    os.chown(data / name, *user)
            folders.copy(data, folder / "data")
        except subprocess.CalledProcessError as error:
            raise ServerError(f"preparing PostgreSQL's data failed: {error.output}") from None
        finally:
            remove(made)
            os.close(lock)

    key = f"{found.key} {user} {ACCESS} {ROLES} {certificates().name} 1"
    return folders.prepared("postgresql", key, make) / "data"
