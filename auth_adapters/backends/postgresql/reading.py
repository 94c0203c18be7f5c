"""From a URL and options by name to a PostgreSQL backend. No I/O, certificates apart."""

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, cast

from auth_adapters.backends.postgresql.backend import PostgreSQLBackend
from auth_adapters.backends.postgresql.options import PostgreSQLOptions, SSLMode
from auth_adapters.backends.sql.reading import pool_options
from auth_adapters.errors import ConfigurationError
from auth_adapters.options import DatabaseUrl, GivenOptions, parse_url, place_of

__all__ = ["read_backend"]

PORT: Final = 5432
POOLER_PORT: Final = 6543
SSL_MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SESSIONS: Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")


def read_backend(url: DatabaseUrl, named: Mapping[str, Any]) -> tuple[PostgreSQLBackend, str | None]:
    """The backend, and the database schema that `?schema=` or `database_schema` asks for.

    Raises `ConfigurationError` for an option that is unknown, or that cannot be honoured.
    """
    given = GivenOptions("PostgreSQL", url.query, named)
    pool = pool_options(given)
    options = _options(url, given, pool.connect_timeout)
    pool = replace(pool, connect_timeout=pool.connect_timeout * len(options.hosts))
    schema = given.text("schema", "database_schema")
    read_url = given.text("read_url")
    given.finish()
    return PostgreSQLBackend(options, pool, _replica(read_url, options)), schema


def _options(url: DatabaseUrl, given: GivenOptions, connect_timeout: float) -> PostgreSQLOptions:
    hosts, user, password, database = place_of(url, given, PORT)
    _check_channel_binding(given)
    given.text("gssencmode", choices=("disable", "prefer"))  # asyncpg never encrypts by GSS
    return PostgreSQLOptions(
        hosts=hosts,
        user=user,
        password=password,
        database=database,
        ssl=_ssl(given),
        target_session_attrs=given.text("target_session_attrs", choices=SESSIONS),
        pooler=_pooler(given, hosts),
        connect_timeout=connect_timeout,
        statement_timeout=given.seconds("statement_timeout", "command_timeout", default=30.0) or None,
        settings=_settings(given),
    )


def _settings(given: GivenOptions) -> dict[str, str]:
    settings = {"application_name": given.text("application_name") or "auth_adapters"}
    if options := given.text("options"):
        settings["options"] = options
    return settings


def _check_channel_binding(given: GivenOptions) -> None:
    if given.text("channel_binding", choices=("disable", "prefer", "require")) == "require":
        raise ConfigurationError(
            "channel_binding=require cannot be honoured: asyncpg has no channel binding. Use channel_binding=prefer, "
            "and sslmode=verify-full to be sure of the server"
        )


def _pooler(given: GivenOptions, hosts: tuple[tuple[str, int], ...]) -> Literal["transaction"] | None:
    """Whether a pooler by transaction stands before the server: said, or known by its place."""
    said = given.text("pooler", choices=("transaction", "session", "none"))
    flag = given.flag("pgbouncer")
    cache = given.count("statement_cache_size", "prepared_statement_cache_size", default=1, least=0)
    if said is not None:
        return "transaction" if said == "transaction" else None
    if flag is not None:
        return "transaction" if flag else None
    known = any(host.endswith(".pooler.supabase.com") or port == POOLER_PORT for host, port in hosts)
    return "transaction" if known or not cache else None


def _ssl(given: GivenOptions) -> SSLMode | ssl.SSLContext:
    context = given.value("ssl")
    mode = given.text("sslmode", choices=SSL_MODES)
    root, certificate, key = (given.text(name) for name in ("sslrootcert", "sslcert", "sslkey"))
    secret = given.text("sslpassword")
    if isinstance(context, ssl.SSLContext):
        return context
    if context is not None:
        switched = given.flag("ssl")
        mode = mode or ("require" if switched else "disable")
    if mode is None:
        mode = "verify-full" if root else "require" if certificate else "prefer"
    if mode in ("allow", "prefer") and (root or certificate):
        raise ConfigurationError(f"sslmode={mode} uses no certificate: say require, verify-ca or verify-full")
    if mode in ("disable", "allow", "prefer") or (mode == "require" and not (root or certificate)):
        return cast(SSLMode, mode)
    return _context(mode, root, certificate, key, secret)


def _context(
    mode: str, root: str | None, certificate: str | None, key: str | None, secret: str | None
) -> ssl.SSLContext:
    """As libpq does it, but that without a root certificate those of the system are trusted."""
    for path in (root, certificate, key):
        if path and path != "system" and not Path(path).is_file():
            raise ConfigurationError("a file that sslrootcert, sslcert or sslkey names does not exist")
    try:
        context = ssl.create_default_context(cafile=root if root != "system" else None)
        context.check_hostname = mode == "verify-full"
        if mode == "require" and not root:
            context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate, key, secret)
    except (OSError, ValueError):
        raise ConfigurationError("sslrootcert, sslcert or sslkey is no certificate or key that can be used") from None
    return context


def _replica(read_url: str | None, primary: PostgreSQLOptions) -> PostgreSQLOptions | None:
    """The standby's options: what its URL does not say is as on the primary."""
    if read_url is None:
        return None
    url = parse_url(read_url)
    if not url.scheme.startswith("postgres"):
        raise ConfigurationError("read_url takes the URL of a PostgreSQL server: postgresql://...")
    inherited: dict[str, Any] = {
        "user": url.user or primary.user,
        "password": url.password or primary.password,
        "database": url.database or primary.database,
        "statement_timeout": primary.statement_timeout or 0,
    }
    if not any(name.startswith("ssl") for name in url.query):
        inherited |= {"ssl": primary.ssl} if isinstance(primary.ssl, ssl.SSLContext) else {"sslmode": primary.ssl}
    inherited = {name: one for name, one in inherited.items() if one is not None}
    given = GivenOptions("read_url", inherited, url.query)
    options = _options(url, given, primary.connect_timeout)
    given.finish()
    return options
