"""From a URL and options by name to a backend for MySQL or MariaDB. No I/O, certificates apart."""

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast

from auth_adapters.backends.mysql.backend import MySQLBackend
from auth_adapters.backends.mysql.options import MySQLOptions, SSLMode
from auth_adapters.backends.sql.reading import pool_options
from auth_adapters.errors import ConfigurationError
from auth_adapters.options import DatabaseUrl, GivenOptions, parse_url, place_of

__all__ = ["read_backend"]

PORT: Final = 3306
SSL_MODES: Final = ("disabled", "preferred", "required", "verify_ca", "verify_identity")


def read_backend(url: DatabaseUrl, named: Mapping[str, Any]) -> tuple[MySQLBackend, str | None]:
    """The backend, and no database schema: here that is the database itself.

    Raises `ConfigurationError` for an option that is unknown, or that cannot be honoured.
    """
    given = GivenOptions("MySQL or MariaDB", url.query, named)
    pool = pool_options(given)
    options = _options(url, given, pool.connect_timeout)
    pool = replace(pool, connect_timeout=pool.connect_timeout * len(options.hosts))
    read_url = given.text("read_url")
    given.finish()
    return MySQLBackend(options, pool, _replica(read_url, options)), None


def _options(url: DatabaseUrl, given: GivenOptions, connect_timeout: float) -> MySQLOptions:
    hosts, user, password, database = place_of(url, given, PORT)
    socket = given.text("unix_socket", "socket")
    charset = given.text("charset")
    if charset not in (None, "utf8mb4"):
        raise ConfigurationError("charset takes utf8mb4: no other holds every character")
    if database is None:
        raise ConfigurationError("the name of a database is needed: mysql://user:password@host/database")
    return MySQLOptions(
        hosts=((socket, 0),) if socket else hosts,
        user=user,
        password=password,
        database=database,
        connect_timeout=connect_timeout,
        statement_timeout=given.seconds("statement_timeout", "read_timeout", default=30.0) or None,
        lock_timeout=given.count("lock_timeout", default=10),
        prepared_statements=given.flag("prepared_statements") is not False,
        **_tls(given),
    )


def _tls(given: GivenOptions) -> dict[str, Any]:
    context = given.value("ssl")
    mode = given.text("ssl-mode", "ssl_mode", "sslmode")
    files = {name: given.text(name.replace("_", "-"), name) for name in ("ssl_ca", "ssl_cert", "ssl_key")}
    if isinstance(context, ssl.SSLContext):
        return {"ssl": context}
    if context is not None:
        mode = mode or ("required" if given.flag("ssl") else "disabled")
    mode = (mode or ("verify_ca" if files["ssl_ca"] else "preferred")).lower().replace("-", "_")
    if mode not in SSL_MODES:
        raise ConfigurationError(f"ssl-mode takes one of {', '.join(one.upper() for one in SSL_MODES)}")
    if mode in ("disabled", "preferred") and any(files.values()):
        raise ConfigurationError(
            f"ssl-mode={mode.upper()} uses no certificate: say REQUIRED, VERIFY_CA or VERIFY_IDENTITY"
        )
    for path in files.values():
        if path and not Path(path).is_file():
            raise ConfigurationError("a file that ssl-ca, ssl-cert or ssl-key names does not exist")
    return {"ssl": cast(SSLMode, mode), **files}


def _replica(read_url: str | None, primary: MySQLOptions) -> MySQLOptions | None:
    """The replica's options: what its URL does not say is as on the primary."""
    if read_url is None:
        return None
    url = parse_url(read_url)
    if not url.scheme.startswith(("mysql", "mariadb")):
        raise ConfigurationError("read_url takes the URL of a MySQL or MariaDB server: mysql://...")
    inherited: dict[str, Any] = {
        "user": url.user or primary.user,
        "password": url.password or primary.password,
        "database": url.database or primary.database,
        "statement_timeout": primary.statement_timeout or 0,
    }
    if not any(name.startswith("ssl") for name in url.query):
        if isinstance(primary.ssl, ssl.SSLContext):
            inherited |= {"ssl": primary.ssl}
        else:
            inherited |= {"ssl-mode": primary.ssl, "ssl-ca": primary.ssl_ca}
    inherited = {name: one for name, one in inherited.items() if one is not None}
    given = GivenOptions("read_url", inherited, url.query)
    options = _options(url, given, primary.connect_timeout)
    given.finish()
    return options
