"""MariaDB, and what MySQL proper shares with it."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from servers import folders
from servers.certificates import certificates
from servers.errors import ServerError
from servers.processes import HOST, Process, Program, client_environment
from servers.provision import MARIADB, MYSQL_CLIENT, Tools, run, tools
from servers.server import SQLServer, client_output, rows

AUTH_USER = "auth_user"
AUTH_PASSWORD = "pass word/@:%"  # noqa: S105  (of a test; characters that a URL must quote are the point)
SETTINGS = {
    "bind-address": HOST,
    "skip-name-resolve": "ON",
    "max-connections": "200",
    "innodb-buffer-pool-size": "64M",
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-log-file-size": "16M",
    "innodb-flush-method": "nosync",
    "sync-binlog": "0",
    "character-set-server": "utf8mb4",
}
ROLES = f"""\
CREATE USER '{AUTH_USER}'@'%' IDENTIFIED BY '{AUTH_PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO '{AUTH_USER}'@'%';
CREATE USER 'tls_user'@'%' REQUIRE SSL;
GRANT ALL PRIVILEGES ON *.* TO 'tls_user'@'%';
"""


class MariaDB(SQLServer):
    """A MariaDB server. Its account `root` needs no password.

    Other accounts, for tests of connecting: `auth_user` needs `auth_password`; `tls_user` needs TLS.
    """

    name = "MariaDB"
    default_port = 3306
    auth_user = AUTH_USER
    auth_password = AUTH_PASSWORD

    def _client(self, *options: object) -> list[str]:
        """A command line of its client."""
        return tools(MYSQL_CLIENT)("mariadb", *options)

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
        given = urlsplit(self.url)
        chosen = database or given.path.strip("/")
        options = [
            "--no-defaults", "--protocol=tcp", "-N", "-B", "--connect-timeout=10", "--default-character-set=utf8mb4",
            "-h", self.host, "-P", self.port, "-u", unquote(given.username or "root"), *filter(None, [chosen]),
        ]  # fmt: skip
        environment = {**client_environment(), "MYSQL_PWD": unquote(given.password or "")}
        return list(rows(client_output(self.name, self._client(*options), sql, environment), "\t"))

    def _create(self, name: str) -> None:
        self.run_sql(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")

    def drop_database(self, name: str) -> None:
        self.run_sql(f"DROP DATABASE IF EXISTS `{name}`")


def mariadb(settings: Mapping[str, str] | None = None) -> MariaDB:
    """MariaDB: the one of `AUTH_ADAPTERS_TEST_MARIADB_URL`, else one started here. settings: as in its file.

    Raises:
        ServerUnavailableError: it cannot be had.
        ServerError: it did not start.

    """
    if url := os.environ.get(MARIADB.variable):
        return MariaDB(url)
    found = tools(MARIADB)
    options = {**SETTINGS, **tls(), **(settings or {})}

    def command(folder: Path, port: int) -> list[str]:
        return found("mariadbd", *arguments(folder, port, options))

    process = Process(Program(name="mariadb", command=command, ready=r"ready for connections"))
    return MariaDB(started(process, _template(found), "mariadb"), process)


def tls() -> dict[str, str]:
    """The settings of the server's certificate."""
    folder = certificates()
    return {
        "ssl-ca": str(folder / "ca.crt"),
        "ssl-cert": str(folder / "server.crt"),
        "ssl-key": str(folder / "server.key"),
    }


def arguments(folder: Path, port: int, options: Mapping[str, str]) -> list[str]:
    """The arguments of a server of this family."""
    account = ["--user=root"] if os.geteuid() == 0 else []
    places = [f"--datadir={folder / 'data'}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}"]
    places += [f"--tmpdir={folder}", f"--port={port}"]
    return [
        "--no-defaults",
        *account,
        *places,
        *(f"--{key}={value}" if value else f"--{key}" for key, value in options.items()),
    ]


def started(process: Process, template: Path, scheme: str) -> str:
    """Start a server of this family on a copy of prepared data; its URL."""
    try:
        folders.copy(template, process.folder / "data")
        process.start()
    except BaseException:
        process.close()
        raise
    return f"{scheme}://root@{HOST}:{process.port}/"


def _template(found: Tools) -> Path:
    """A data folder to copy, made once per version."""

    def make(folder: Path) -> None:
        account = ["--user=root"] if os.geteuid() == 0 else []
        data = f"--datadir={folder / 'data'}"
        try:
            options = [
                "--no-defaults",
                data,
                "--innodb-log-file-size=16M",
                *account,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ]
            run(found("mariadb-install-db", *options))
            statements = f"USE mysql;\nFLUSH PRIVILEGES;\n{ROLES}"
            run(
                found("mariadbd", "--no-defaults", data, "--innodb-log-file-size=16M", *account, "--bootstrap"),
                feed=statements,
            )
        except subprocess.CalledProcessError as error:
            raise ServerError(f"preparing MariaDB's data failed: {error.output}") from None

    return folders.prepared("mariadb", f"{found.key} {os.geteuid()} {ROLES} 2", make) / "data"
