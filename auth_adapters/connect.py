"""From what an application has (a URL, a path, an engine, a pool, nothing) to an adapter. No I/O."""

import importlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from auth_adapters.adapter import BackendAdapter
from auth_adapters.errors import ConfigurationError, MissingDriverError
from auth_adapters.observation import Observer
from auth_adapters.options import GivenOptions, parse_url
from auth_adapters.protocols import Adapter, Backend
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema

__all__ = ["connect"]

DEFAULT_URL: Final = "sqlite:///auth.db"
ENVIRONMENT: Final = ("DATABASE_URL", "MONGODB_URI")
SQLITE_SCHEMES: Final = frozenset({"sqlite", "sqlite+aiosqlite", "file"})
SERVERS: Final[Mapping[str, str]] = {
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+asyncpg": "postgresql",
    "mysql": "mysql",
    "mysql+asyncmy": "mysql",
    "mariadb": "mysql",
    "mariadb+asyncmy": "mysql",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
}
"""URL schemes, and the backend module (which is the extra, too) behind each."""
ACCEPTED: Final = (
    "postgresql://user:password@host/database, mysql://..., mariadb://..., mongodb://..., sqlite:///auth.db, "
    "./auth.db, :memory:, memory:// or nothing (SQLite in auth.db)"
)

ENGINES: Final[Mapping[str, tuple[str, str]]] = {
    "sqlite": ("sqlite", "SQLiteEngineBackend"),
    "postgresql": ("postgresql", "PostgreSQLEngineBackend"),
    "mysql": ("mysql", "MySQLEngineBackend"),
    "mariadb": ("mysql", "MySQLEngineBackend"),
}
POOLS: Final[Mapping[str, tuple[str, str]]] = {
    "asyncpg": ("postgresql", "PostgreSQLPoolBackend"),
    "asyncmy": ("mysql", "MySQLPoolBackend"),
}

logger: logging.Logger = logging.getLogger("auth_adapters")
said_aloud: set[str] = set()


def connect(
    target: Any = None, *, schema: Schema | None = None, observe: Observer | None = None, **options: Any
) -> Adapter:
    """An adapter for a database, not open yet.

    target: a URL (`postgresql://user:password@host/database`, `mysql://...`, `mariadb://...`, `mongodb://...`,
    `mongodb+srv://...`, `sqlite:///auth.db`, `sqlite:////var/lib/auth.db`, `file:./auth.db`, `memory://`), a path
    (anything with a separator or ending in .db, .sqlite or .sqlite3), `:memory:` (SQLite), an SQLAlchemy
    `AsyncEngine`, a pool of asyncpg or asyncmy, or an `AsyncMongoClient` of PyMongo or a database of one, of the
    application's (never closed by us), or a `Backend`. None: the environment's DATABASE_URL, else MONGODB_URI, else
    `sqlite:///auth.db`, which is logged once. schema: the core four unless given. observe: told of every verb.

    Options go by name or in the URL's query, the name wins; times are in seconds. Of SQLite: busy_timeout, how long to
    wait for a lock (10); mmap_size, bytes of the file that are read through memory (as many as SQLite can, 2 GiB; 0 for
    none). Of servers: host (or several, by commas), port, user, password, database; pool_size (10), connect_timeout
    (10), acquire_timeout (30), statement_timeout (30; 0 for none), max_waiting (10,000 callers), ping_after (30 idle),
    max_idle (300), max_lifetime (3,600), close_timeout (10), serverless (one connection). Of PostgreSQL and of MySQL
    and MariaDB also: coalesce (True), whether look-ups that wait for a connection together go as one statement. Of
    PostgreSQL also: sslmode, sslrootcert, sslcert, sslkey, sslpassword, or ssl (an `SSLContext`), application_name,
    target_session_attrs, options, schema (the database schema), pooler="transaction" or pgbouncer=true, read_url (a
    replica), channel_binding, gssencmode. Of MySQL and MariaDB also: ssl-mode, ssl-ca, ssl-cert, ssl-key, or ssl,
    lock_timeout (10), prepared_statements (True), unix_socket, charset, read_url. Of MongoDB: pool_size,
    connect_timeout, acquire_timeout, statement_timeout and max_idle as above, server_selection_timeout (30), w
    ("majority"), journal, wtimeout, read_concern, read_preference, ttl and validators (False), and PyMongo's own by
    PyMongo's names. connection_limit and pool_timeout are other names of pool_size and acquire_timeout.

    Raises `ConfigurationError` for what cannot be used and `MissingDriverError` for a driver that is not installed.
    """
    if isinstance(target, os.PathLike):
        return _adapter(_sqlite(os.fspath(target), options), schema, observe)
    if target is None:
        target = _from_environment()
    if isinstance(target, str):
        if (found := _server(target)) is not None:
            return _on_server(*found, schema, observe, options)
        return _adapter(_from_text(target, options), schema, observe)
    driver = type(target).__module__.partition(".")[0]
    if driver == "pymongo":  # its clients have every attribute there is, so they come first
        module = _module("auth_adapters.backends.mongodb", "mongodb")
        return _adapter(module.read_client(target, options), schema, observe)
    if isinstance(target, Backend) and not isinstance(target, type):
        _no_options(options, "a backend that is made already")
        return _adapter(target, schema, observe)
    if _is_engine(target):
        return _adapter(_from_engine(target, options), schema, observe)
    if driver in POOLS and hasattr(target, "acquire"):
        return _adapter(_from_pool(target, driver, options), schema, observe)
    raise ConfigurationError(f"cannot connect to an object of type {type(target).__name__}; give {ACCEPTED}")


def _adapter(backend: Backend, schema: Schema | None, observe: Observer | None) -> Adapter:
    return BackendAdapter(backend, schema=schema, observe=observe)


def _server(text: str) -> tuple[str, str] | None:
    """The backend module and the URL, if the text leads to a server."""
    scheme, separator, _ = text.partition("://")
    known = text.partition(":")[0].lower()
    if not separator and known != text.lower() and known in SERVERS:
        raise ConfigurationError(f"two slashes follow the scheme of a URL: {known}://user:password@host/database")
    module = SERVERS.get(scheme.lower())
    if module is None or (not separator and scheme != text):
        return None
    return module, text if separator else f"{text}://"


def _on_server(
    module: str, url: str, schema: Schema | None, observe: Observer | None, options: Mapping[str, Any]
) -> Adapter:
    backend, database_schema = _module(f"auth_adapters.backends.{module}", module).read_backend(parse_url(url), options)
    if database_schema is not None:
        schema = schema or auth_schema()
        named = schema.naming.database_schema
        if named not in (None, database_schema):
            raise ConfigurationError("the URL names one database schema, and the schema's naming another")
        schema = replace(schema, naming=replace(schema.naming, database_schema=database_schema))
    return _adapter(backend, schema, observe)


def _from_environment() -> str:
    for name in ENVIRONMENT:
        if url := os.environ.get(name):
            return url
    if DEFAULT_URL not in said_aloud:
        said_aloud.add(DEFAULT_URL)
        logger.warning("no database was named, and neither %s nor %s is set: using SQLite in ./auth.db", *ENVIRONMENT)
    return DEFAULT_URL


def _from_text(text: str, options: Mapping[str, Any]) -> Backend:
    if text == ":memory:":
        return _sqlite(text, options)
    scheme, separator, rest = text.partition(":")
    scheme = scheme.lower()
    if separator and scheme in SQLITE_SCHEMES:
        return _sqlite_url(rest, options, slashes="//" if scheme == "file" else "///")
    if separator and scheme == "memory":
        if rest.strip("/"):
            raise ConfigurationError("the memory backend takes no path: memory://")
        return _memory(options)
    if separator and re.fullmatch(r"[a-z][a-z0-9+.-]+", scheme) and rest.startswith("//"):
        raise ConfigurationError(f"no database goes by the URL scheme {scheme!r}; there are: {ACCEPTED}")
    if "@" in rest and not rest.startswith(("/", "\\")):
        raise ConfigurationError(f"this looks like credentials without a URL's scheme; give {ACCEPTED}")
    if text.endswith((".db", ".sqlite", ".sqlite3")) or "/" in text or os.sep in text:
        return _sqlite(text, options)
    raise ConfigurationError(f"this is neither a URL nor a path to a database file; give {ACCEPTED}")


def _sqlite_url(rest: str, options: Mapping[str, Any], *, slashes: str) -> Backend:
    """`slashes` stand before the path: file:///absolute.db, but sqlite:///relative.db."""
    path, _, query = rest.partition("?")
    if path.startswith("//"):
        host = urlsplit("sqlite:" + path).netloc
        if host:
            raise ConfigurationError("a SQLite URL has no host: sqlite:///relative.db or sqlite:////absolute.db")
        path = path[len(slashes) :] or ":memory:"
    found: dict[str, Any] = dict(parse_qsl(query, keep_blank_values=True))
    if found.pop("mode", None) == "memory":
        path = ":memory:"
    found.pop("cache", None)
    return _sqlite(unquote(path), {**found, **options})


def _sqlite(path: str, options: Mapping[str, Any]) -> Backend:
    module = _module("auth_adapters.backends.sqlite", "sqlite")
    if not path or "\0" in path:
        raise ConfigurationError(f"a SQLite database needs a path; give {ACCEPTED}")
    backend: Backend = module.read_backend(path, options)
    return backend


def _memory(options: Mapping[str, Any]) -> Backend:
    _no_options(options, "the memory backend")
    backend: Backend = importlib.import_module("auth_adapters.backends.memory").MemoryBackend()
    return backend


def _is_engine(target: Any) -> bool:
    return type(target).__module__.startswith("sqlalchemy.") and hasattr(target, "dialect")


def _from_engine(engine: Any, options: Mapping[str, Any]) -> Backend:
    name = engine.dialect.name
    if not getattr(engine.dialect, "is_async", False):
        raise ConfigurationError("this SQLAlchemy engine is synchronous; give one of create_async_engine")
    if name not in ENGINES:
        raise ConfigurationError(f"engines of {name} cannot be used in this version")
    _no_options(options, "an engine of yours")
    backend: Backend = _made_by(ENGINES[name])(engine)
    return backend


def _from_pool(pool: Any, driver: str, options: Mapping[str, Any]) -> Backend:
    kind = _made_by(POOLS[driver])
    given = GivenOptions("a pool of yours", {}, options)
    acquire_timeout = given.seconds("acquire_timeout", default=30.0)
    given.finish()
    backend: Backend = kind(pool, acquire_timeout=acquire_timeout)
    return backend


def _made_by(place: tuple[str, str]) -> Any:
    """A class of a backend's package, which is called as its extra."""
    return getattr(_module(f"auth_adapters.backends.{place[0]}", place[0]), place[1])


def _no_options(options: Mapping[str, Any], what: str) -> None:
    if options:
        raise ConfigurationError(f"{what} takes no options; got {', '.join(sorted(options))}")


def _module(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "auth_adapters":
            raise
        raise MissingDriverError(
            f"{error.name} is not installed; pip install 'auth_adapters[{extra}]' brings it"
        ) from None
