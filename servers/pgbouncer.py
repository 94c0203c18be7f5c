"""How pgbouncer is run in front of a PostgreSQL."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from servers import folders
from servers.processes import HOST, Program
from servers.provision import PGBOUNCER, tools

SETTINGS = {
    "listen_addr": HOST,
    "unix_socket_dir": "",
    "pool_mode": "transaction",
    "auth_type": "trust",
    "max_client_conn": "200",
    "default_pool_size": "20",
    "ignore_startup_parameters": "extra_float_digits",
    "server_login_retry": "1",
    "server_tls_sslmode": "prefer",
}


def program(behind: str, settings: Mapping[str, str]) -> Program:
    """How pgbouncer is run in front of the PostgreSQL of a URL, as the account of that URL."""
    found = tools(PGBOUNCER)

    def command(folder: Path, port: int) -> list[str]:
        given = urlsplit(behind)
        user, password = unquote(given.username or "postgres"), unquote(given.password or "")
        (folder / "users").write_text(f'"{user}" "{password}"\n', "utf-8")
        options = {**SETTINGS, **settings, "listen_port": str(port), "auth_file": str(folder / "users")}
        lines = ["[databases]", f"* = host={given.hostname or HOST} port={given.port or 5432}", "[pgbouncer]"]
        lines += [f"{key} = {value}" for key, value in options.items()]
        (folder / "pgbouncer.ini").write_text("\n".join(lines) + "\n", "utf-8")
        return found("pgbouncer", folder / "pgbouncer.ini")

    return Program(name="pgbouncer", command=command, ready=r"process up", user=folders.ordinary_user())
