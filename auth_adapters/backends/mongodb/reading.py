"""Options of MongoDB, from a URL or by name: those that every backend has, ours, and PyMongo's own."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.common import validate
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import make_read_preference, read_pref_mode_from_name
from pymongo.write_concern import WriteConcern

from auth_adapters.backends.mongodb.backend import MongoDBBackend, MongoDBClientBackend
from auth_adapters.backends.mongodb.names import is_database
from auth_adapters.backends.mongodb.options import MongoDBOptions
from auth_adapters.errors import ConfigurationError
from auth_adapters.options import DatabaseUrl, GivenOptions, place_of

__all__ = ["read_backend", "read_client"]

PORT: Final = 27017
SRV: Final = "mongodb+srv"
OF_PYMONGO: Final = frozenset({
    "appname", "authmechanism", "authmechanismproperties", "authsource", "compressors", "directconnection",
    "event_listeners", "heartbeatfrequencyms", "loadbalanced", "localthresholdms", "maxconnecting", "minpoolsize",
    "replicaset", "retryreads", "retrywrites", "server_api", "servermonitoringmode", "srvmaxhosts", "srvservicename",
    "ssl", "tls", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames", "tlscafile", "tlscertificatekeyfile",
    "tlscertificatekeyfilepassword", "tlscrlfile", "tlsdisableocspendpointcheck", "tlsinsecure",
    "zlibcompressionlevel",
})  # fmt: skip
"""PyMongo's options that are handed on as they are, in lower case as PyMongo compares them."""
IN_PYMONGOS_WORDS: Final = {
    name.lower(): name
    for name in (
        "maxPoolSize", "connectTimeoutMS", "waitQueueTimeoutMS", "serverSelectionTimeoutMS", "maxIdleTimeMS",
        "timeoutMS", "w", "journal", "wtimeoutMS", "readConcernLevel", "readPreference", "maxStalenessSeconds",
    )
}  # fmt: skip
"""PyMongo's options that are read here. URLs of MongoDB write names in any case."""
READ_PREFERENCES: Final = ("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest")
READ_CONCERNS: Final = ("local", "available", "majority", "linearizable")


def read_backend(url: DatabaseUrl, named: Mapping[str, Any]) -> tuple[MongoDBBackend, str | None]:
    """The backend, and no database schema: here that is the database itself.

    Raises `ConfigurationError` for an option that is unknown, or that cannot be honoured.
    """
    said: dict[str, tuple[str, Any]] = {}
    rest: dict[str, Any] = {}
    for name, value in (*url.query.items(), *named.items()):  # the later one wins, however it is written
        lower = name.lower()
        if lower in OF_PYMONGO:
            said[lower] = (name, value)
        else:
            rest[IN_PYMONGOS_WORDS.get(lower, name)] = value
    handed: dict[str, Any] = dict(said.values())
    given = GivenOptions("MongoDB", {}, rest)
    address, database = _address(url, given)
    handed.update(_bounds(given))
    used = _use(given)
    connect_timeout = given.seconds("connect_timeout", default=10.0, least=0.001)
    given.finish()
    for name, value in handed.items():
        _check(name, value)
    options = MongoDBOptions(
        url=address, database=_named(database), client=handed, connect_timeout=connect_timeout, **used
    )
    return MongoDBBackend(options), None


def read_client(target: Any, named: Mapping[str, Any]) -> MongoDBClientBackend:
    """The backend on the application's own client or database. Raises `ConfigurationError`."""
    given = GivenOptions("MongoDB on a client of yours", {}, named)
    database = given.text("database", "dbname")
    used = _use(given)
    connect_timeout = given.seconds("connect_timeout", default=10.0, least=0.001)
    given.finish()
    if isinstance(target, AsyncDatabase):
        if database not in (None, target.name):
            raise ConfigurationError("a database of yours was given, and the name of another one")
        database, target = target.name, target.client
    if not isinstance(target, AsyncMongoClient):
        raise ConfigurationError(
            f"a {type(target).__name__} cannot be used; give an AsyncMongoClient of PyMongo, or a database of one"
        )
    return MongoDBClientBackend(
        target, MongoDBOptions(database=_named(database), connect_timeout=connect_timeout, **used)
    )


def _named(database: str | None) -> str:
    if database is None:
        raise ConfigurationError(
            "the name of a database is needed: mongodb://user:password@host/database, or database="
        )
    if not is_database(database):
        raise ConfigurationError("this is not the name of a database that MongoDB takes")
    return database


def _address(url: DatabaseUrl, given: GivenOptions) -> tuple[str, str | None]:
    """A URL for PyMongo, without options; and the database. The one that the URL names is where its user is known."""
    hosts, user, password, database = place_of(url, given, PORT)
    if url.scheme == SRV:
        if len(hosts) != 1 or hosts[0][1] != PORT:
            raise ConfigurationError("mongodb+srv:// takes one host, and no port: DNS knows the servers")
        place = hosts[0][0]
    else:
        place = ",".join(_host(name, port) for name, port in hosts)
    credentials = ""
    if user is not None:
        credentials = f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else f"{quote(user, safe='')}@"
    elif password is not None:
        raise ConfigurationError("a password was given, and no user")
    return f"{url.scheme}://{credentials}{place}/{quote(url.database or '', safe='')}", database


def _host(name: str, port: int) -> str:
    if name.startswith("/"):
        return quote(name, safe="")
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _bounds(given: GivenOptions) -> dict[str, Any]:
    """Limits that every backend has, under PyMongo's names."""
    limits = {
        "maxPoolSize": given.count("pool_size", "connection_limit", "maxPoolSize", default=10),
        "connectTimeoutMS": _milliseconds(given, "connect_timeout", "connectTimeoutMS", default=10.0),
        "waitQueueTimeoutMS": _milliseconds(given, "acquire_timeout", "waitQueueTimeoutMS", default=30.0),
        "serverSelectionTimeoutMS": _milliseconds(
            given, "server_selection_timeout", "serverSelectionTimeoutMS", default=30.0
        ),
        "maxIdleTimeMS": _milliseconds(given, "max_idle", "maxIdleTimeMS", default=300.0),
    }
    timeout = _milliseconds(given, "statement_timeout", "timeoutMS", default=30.0)
    return {**limits, "timeoutMS": timeout} if timeout else limits


def _milliseconds(given: GivenOptions, ours: str, theirs: str, *, default: float) -> int:
    """Of our option in seconds, or of PyMongo's in milliseconds."""
    in_theirs = given.count(theirs, default=0, least=0) if given.value(theirs) is not None else None
    seconds = given.seconds(ours, default=default)
    if in_theirs is not None and given.value(ours) is None:
        return in_theirs
    return max(1, round(seconds * 1000)) if seconds else 0


def _use(given: GivenOptions) -> dict[str, Any]:
    """How the database is used."""
    return {
        "write_concern": _write_concern(given),
        "read_concern": ReadConcern(given.text("read_concern", "readConcernLevel", choices=READ_CONCERNS)),
        "read_preference": _read_preference(given),
        "ttl": bool(given.flag("ttl")),
        "validators": bool(given.flag("validators")),
    }


def _write_concern(given: GivenOptions) -> WriteConcern:
    asked = given.value("w", "write_concern")
    members: int | str = "majority" if asked is None else str(asked)
    if isinstance(asked, bool) or not isinstance(asked, int | str | None):
        raise ConfigurationError("w takes a number of members, or majority")
    if str(members).removeprefix("-").isdigit():
        members = int(members)
    if isinstance(members, int) and members < 1:
        raise ConfigurationError("w=0 acknowledges nothing: no verb could keep its promise; w takes 1 or more")
    wait = _milliseconds(given, "wtimeout", "wtimeoutMS", default=0.0)
    return WriteConcern(w=members, j=given.flag("journal"), wtimeout=wait or None)


def _read_preference(given: GivenOptions) -> Any:
    name = given.text("read_preference", "readPreference", choices=READ_PREFERENCES) or "primary"
    staleness = given.count("maxStalenessSeconds", default=0, least=0)
    if staleness and name == "primary":
        raise ConfigurationError("maxStalenessSeconds is for a read_preference other than primary")
    return make_read_preference(read_pref_mode_from_name(name), None, staleness or -1)


def _check(name: str, value: Any) -> None:
    try:
        validate(name.lower(), value)
    except OSError:
        raise ConfigurationError(f"the file that {name} names does not exist or cannot be read") from None
    except (PyMongoError, TypeError, ValueError):
        raise ConfigurationError(f"{name} takes another kind of value: see PyMongo's manual") from None
