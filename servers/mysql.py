"""MySQL proper."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from servers import folders
from servers.errors import ServerError
from servers.mariadb import ROLES, MariaDB, arguments, started, tls
from servers.processes import Process, Program
from servers.provision import MYSQL, Tools, run
from servers.sid import mysql_tools

SETTINGS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",
    "skip-log-bin": "",
    "max-connections": "200",
    "innodb-buffer-pool-size": "64M",
    "innodb-redo-log-capacity": "32M",
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-flush-method": "nosync",
    "secure-file-priv": "NULL",
    "mysqlx": "OFF",
    "table-open-cache": "400",
    "table-definition-cache": "400",
    "performance-schema-max-table-instances": "500",
    "performance-schema-max-digest-length": "256",
    "performance-schema-digests-size": "200",
    "performance-schema-events-statements-history-long-size": "100",
    "performance-schema-max-thread-instances": "300",
}
ROOT = """\
CREATE USER 'root'@'%';
GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;
"""


class MySQL(MariaDB):
    """A MySQL server, whose accounts are those of `MariaDB`; passwords are checked by caching_sha2_password."""

    name = "MySQL"

    def _client(self, *options: object) -> list[str]:
        return mysql_tools()("mysql", *options) if self.ours else super()._client(*options)


def mysql(settings: Mapping[str, str] | None = None) -> MySQL:
    """MySQL: the one of `AUTH_ADAPTERS_TEST_MYSQL_URL`, else one started here. settings: as in its file.

    Raises:
        ServerUnavailableError: it cannot be had.
        ServerError: it did not start.

    """
    if url := os.environ.get(MYSQL.variable):
        return MySQL(url)
    found = mysql_tools()
    options = {**SETTINGS, **tls(), **(settings or {})}

    def command(folder: Path, port: int) -> list[str]:
        return found("mysqld", *arguments(folder, port, options), *_base(found))

    process = Process(Program(name="mysql", command=command, ready=r"mysqld: ready for connections"))
    return MySQL(started(process, _template(found), "mysql"), process)


def _base(found: Tools) -> list[str]:
    """Where the server finds its messages: beside itself, which it cannot tell when a loader runs it."""
    return [f"--basedir={found.programs['mysqld'].parent.parent}"] if found.prefix else []


def _template(found: Tools) -> Path:
    """A data folder to copy, made once per version."""

    def make(folder: Path) -> None:
        statements = folder / "statements.sql"
        statements.write_text(ROOT + ROLES, "utf-8")
        small = ["--innodb-redo-log-capacity=32M", "--innodb-flush-method=nosync", "--skip-log-bin"]
        options = [*arguments(folder, 0, {"secure-file-priv": "NULL", "mysqlx": "OFF"}), *small, *_base(found)]
        try:
            run(found("mysqld", *options, "--initialize-insecure", f"--init-file={statements}"))
        except subprocess.CalledProcessError as error:
            raise ServerError(f"preparing MySQL's data failed: {error.output}") from None

    return folders.prepared("mysql", f"{found.key} {os.geteuid()} {ROOT} {ROLES} 1", make) / "data"
