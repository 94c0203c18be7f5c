"""What URLs and options lead to which connections to PostgreSQL. Nothing here connects."""

import ssl
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from auth_adapters import BackendAdapter, ConfigurationError, auth_schema, connect
from auth_adapters.backends.postgresql import (
    PostgreSQLBackend,
    PostgreSQLEngineBackend,
    PostgreSQLOptions,
    PostgreSQLPoolBackend,
)
from auth_adapters.backends.sql.connections import PoolOptions
from auth_adapters.schema import Naming

URL = "postgresql://ada:secret@db.example/auth"


def adapter(target: Any = None, **options: Any) -> BackendAdapter:
    """The adapter that `connect` made."""
    made = connect(target, **options)
    assert isinstance(made, BackendAdapter)
    return made


def asked(target: Any, **options: Any) -> dict[str, Any]:
    """What asyncpg would be given."""
    backend = adapter(target, **options).backend
    assert isinstance(backend, PostgreSQLBackend)
    return given(backend.options)


def given(options: PostgreSQLOptions) -> dict[str, Any]:
    """What asyncpg would be given for them, with all hosts."""
    hosts, ports = [list(part) for part in zip(*options.hosts, strict=True)]
    attributes = options.target_session_attrs
    return {**options.arguments, "host": hosts, "port": ports, "target_session_attrs": attributes}


def bounds(target: Any, **options: Any) -> PoolOptions:
    """The bounds of the pool."""
    backend = adapter(target, **options).backend
    assert isinstance(backend, PostgreSQLBackend)
    return backend.pool_options


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "PostgreSQL"])
def test_every_spelling_of_the_scheme_means_asyncpg(scheme: str) -> None:
    found = asked(f"{scheme}://ada:secret@db.example:5433/auth")
    assert (found["host"], found["port"]) == (["db.example"], [5433])
    assert (found["user"], found["password"], found["database"]) == ("ada", "secret", "auth")


@pytest.mark.parametrize(
    ("url", "hosts", "ports"),
    [
        ("postgresql://h/db", ["h"], [5432]),
        ("postgresql:///db", ["localhost"], [5432]),
        ("postgresql://u@:5433/db", ["localhost"], [5433]),
        ("postgresql://h1:5433,h2/db", ["h1", "h2"], [5433, 5432]),
        ("postgresql://[::1]:5433/db", ["::1"], [5433]),
        ("postgresql://[::1]/db", ["::1"], [5432]),
        ("postgresql:///db?host=/run/postgresql", ["/run/postgresql"], [5432]),
        ("postgresql:///db?host=a,b&port=5433", ["a", "b"], [5433, 5433]),
        ("postgresql://u:p@%2Frun%2Fpostgresql/db", ["/run/postgresql"], [5432]),
    ],
)
def test_hosts_and_ports(url: str, hosts: list[str], ports: list[int]) -> None:
    found = asked(url)
    assert (found["host"], found["port"]) == (hosts, ports)


@pytest.mark.parametrize("written", ["p%40ss%2Fw%23rd", "p@ss/w#rd"])
def test_a_password_may_hold_what_urls_reserve(written: str) -> None:
    found = asked(f"postgresql://ada:{written}@db.example/auth")
    assert (found["password"], found["host"], found["database"]) == ("p@ss/w#rd", ["db.example"], "auth")


def test_parts_by_name_make_a_connection_and_beat_the_url() -> None:
    parts = {"host": "h", "port": 5433, "user": "u", "password": "p", "database": "d"}
    for found in (asked("postgresql", **parts), asked("postgresql://", **parts), asked(URL, **parts)):
        assert (found["host"], found["port"], found["user"], found["password"]) == (["h"], [5433], "u", "p")
        assert found["database"] == "d"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require"])
def test_tls_modes_without_certificates_go_to_asyncpg(mode: str) -> None:
    assert asked(f"{URL}?sslmode={mode}")["ssl"] == mode
    assert asked(URL, sslmode=mode)["ssl"] == mode


def test_tls_is_preferred_unless_said_otherwise() -> None:
    assert asked(URL)["ssl"] == "prefer"
    assert asked(f"{URL}?ssl=true")["ssl"] == "require"
    assert asked(URL, ssl=False)["ssl"] == "disable"


@pytest.mark.parametrize(("mode", "named"), [("verify-ca", False), ("verify-full", True)])
def test_tls_modes_that_verify(mode: str, named: bool) -> None:
    context = asked(f"{URL}?sslmode={mode}")["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (named, ssl.CERT_REQUIRED)


def test_a_context_of_the_applications_is_used_as_it_is() -> None:
    context = ssl.create_default_context()
    assert asked(URL, ssl=context)["ssl"] is context


def test_a_certificate_that_is_not_there_or_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        connect(f"{URL}?sslrootcert={tmp_path}/absent.crt")
    path = tmp_path / "root.crt"
    path.write_text("no certificate")
    with pytest.raises(ConfigurationError, match="no certificate or key"):
        connect(f"{URL}?sslrootcert={path}")


def test_options_that_asyncpg_does_not_know_are_honoured() -> None:
    found = asked(
        f"{URL}?channel_binding=prefer&target_session_attrs=read-write&application_name=shop&options=-c%20jit%3Doff"
        "&connect_timeout=3&gssencmode=disable"
    )
    assert found["target_session_attrs"] == "read-write"
    assert found["server_settings"] == {"application_name": "shop", "options": "-c jit=off"}
    assert bounds(f"{URL}?connect_timeout=3").connect_timeout == 3


def test_the_application_is_named() -> None:
    assert asked(URL)["server_settings"] == {"application_name": "auth_adapters"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (f"{URL}?channel_binding=require", "channel_binding=require cannot be honoured"),
        (f"{URL}?sslmode=secret", "sslmode takes one of disable"),
        (f"{URL}?target_session_attrs=secret", "target_session_attrs takes one of any"),
        (f"{URL}?pool_size=secret", "pool_size takes a whole number from 1"),
        (f"{URL}?pool_size=0", "pool_size takes a whole number from 1"),
        (f"{URL}?pool_timeout=secret", "acquire_timeout takes a number of seconds"),
        (f"{URL}?statement_timeout=-1", "statement_timeout takes a number of seconds"),
        (f"{URL}?statement_timeout=nan", "statement_timeout takes a number of seconds"),
        (f"{URL}?pgbouncer=secret", "pgbouncer takes true or false"),
        (f"{URL}?colour=secret", "PostgreSQL has no option 'colour'; there are: acquire_timeout"),
        (f"{URL}?read_url=mysql%3A%2F%2Fsecret", "read_url takes the URL of a PostgreSQL server"),
        (f"{URL}?read_url=postgresql%3A%2F%2Fh%3Fcolour%3Dsecret", "read_url has no option 'colour'"),
        ("postgresql://ada:sec?ret@db.example/auth", "a question mark begins the options of a URL"),
        ("postgresql://ada:12?secret@db.example/auth", "a question mark begins the options of a URL"),
        ("postgresql://ada:p@db.example/auth?password=a&s3cret!=1", "no option of such a name"),
        ("postgresql:/ada:secret@db.example/auth", "two slashes follow the scheme"),
        (f"{URL}?sslmode=prefer&sslrootcert=/secret", "sslmode=prefer uses no certificate"),
        (f"{URL}?sslcert=/secret&sslkey=/secret", "a file that sslrootcert, sslcert or sslkey names"),
        ("postgresql://ada:secret@db.example:port/auth", "the port of a URL is a number"),
    ],
)
def test_what_cannot_be_honoured_is_refused_and_shows_no_secret(target: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        connect(target)
    assert "secret" not in str(caught.value)


def test_no_repr_shows_the_user_or_the_password() -> None:
    made = adapter(f"{URL}?sslmode=disable&read_url=postgresql%3A%2F%2Feve%3Ahidden%40replica")
    assert isinstance(made.backend, PostgreSQLBackend)
    shown = f"{made!r} {made.backend!r} {made.backend.options!r} {made.backend.pool_options!r}"
    assert not [word for word in ("ada", "secret", "eve", "hidden") if word in shown]
    assert "db.example:5432" in shown


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (URL, 512),
        (f"{URL}?pgbouncer=true", 0),
        (f"{URL}?pgbouncer=false", 512),
        (f"{URL}?pooler=transaction", 0),
        (f"{URL}?statement_cache_size=0", 0),
        ("postgresql://u:p@aws-0-eu.pooler.supabase.com/db", 0),
        ("postgresql://u:p@aws-0-eu.pooler.supabase.com/db?pooler=session", 512),
        ("postgresql://u:p@h:6543/db", 0),
        ("postgresql://u:p@h:6543/db?pgbouncer=false", 512),
    ],
)
def test_behind_a_pooler_no_prepared_statement_is_kept(target: str, kept: int) -> None:
    assert asked(target)["statement_cache_size"] == kept


def test_bounds_of_the_pool_have_defaults_and_other_names() -> None:
    assert bounds(URL) == PoolOptions()
    found = bounds(f"{URL}?connection_limit=3&pool_timeout=7")
    assert (found.size, found.acquire_timeout) == (3, 7)
    assert not bounds(f"{URL}?coalesce=false").coalesce
    assert bounds(URL, coalesce=True).coalesce
    assert bounds(URL, pool_size=4, max_idle=1, max_lifetime=2, ping_after=0, max_waiting=0, close_timeout=0) == (
        PoolOptions(size=4, max_idle=1, max_lifetime=2, ping_after=0, max_waiting=0, close_timeout=0)
    )


def test_serverless_means_one_connection() -> None:
    found = bounds(f"{URL}?serverless=true")
    assert (found.size, found.ping_after) == (1, 1)
    assert bounds(URL, serverless=True, pool_size=2).size == 2


def test_a_statement_may_take_for_ever_if_that_is_said() -> None:
    assert asked(URL)["command_timeout"] == 30
    assert asked(f"{URL}?statement_timeout=0")["command_timeout"] is None


def test_a_replica_takes_from_the_primary_what_its_url_does_not_say() -> None:
    made = adapter(f"{URL}?sslmode=require", read_url="postgresql://replica.example").backend
    assert isinstance(made, PostgreSQLBackend)
    assert made.replica_options is not None
    taken = given(made.replica_options)
    assert (taken["host"], taken["user"], taken["password"]) == (["replica.example"], "ada", "secret")
    assert (taken["database"], taken["ssl"]) == ("auth", "require")


def test_what_the_url_of_a_replica_says_holds_for_it() -> None:
    made = adapter(
        URL, read_url="postgresql://rh/db?user=ro&password=rp&statement_timeout=5&sslmode=verify-full"
    ).backend
    assert isinstance(made, PostgreSQLBackend)
    assert made.replica_options is not None
    taken = given(made.replica_options)
    assert (taken["user"], taken["password"], taken["database"], taken["command_timeout"]) == ("ro", "rp", "db", 5)
    assert isinstance(taken["ssl"], ssl.SSLContext)


def test_the_time_to_connect_is_that_of_each_host() -> None:
    assert bounds("postgresql://a,b,c/db?connect_timeout=2").connect_timeout == 6


@pytest.mark.parametrize("options", [{}, {"database_schema": "auth"}])
def test_a_database_schema_is_taken_from_the_url_or_by_name(options: dict[str, str]) -> None:
    made = adapter(URL if options else f"{URL}?schema=auth", **options)
    assert made.schema.naming.database_schema == "auth"


def test_two_different_database_schemas_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="another"):
        connect(f"{URL}?schema=auth", schema=auth_schema(naming=Naming(database_schema="other")))


def test_engines_of_the_application_are_accepted() -> None:
    engine = create_async_engine("postgresql+asyncpg://ada@db.example/auth")
    assert isinstance(adapter(engine).backend, PostgreSQLEngineBackend)


@pytest.mark.asyncio
async def test_a_pool_of_the_application_is_accepted() -> None:
    pool = asyncpg.create_pool(URL)
    assert isinstance(adapter(pool, acquire_timeout=3).backend, PostgreSQLPoolBackend)
    with pytest.raises(ConfigurationError, match="'pool_size'"):
        connect(pool, pool_size=3)


def test_the_environment_may_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    assert isinstance(adapter().backend, PostgreSQLBackend)
