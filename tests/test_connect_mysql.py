"""What URLs and options lead to which connections to MySQL and MariaDB. Nothing here connects."""

import ssl
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from auth_adapters import BackendAdapter, ConfigurationError, connect
from auth_adapters.backends.mysql import MySQLBackend, MySQLEngineBackend

URL = "mysql://ada:secret@db.example/auth"


def backend(target: Any = None, **options: Any) -> MySQLBackend:
    """The backend that `connect` chose."""
    made = connect(target, **options)
    assert isinstance(made, BackendAdapter)
    assert isinstance(made.backend, MySQLBackend)
    return made.backend


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+asyncmy", "mariadb+asyncmy", "MariaDB"])
def test_every_spelling_of_the_scheme_means_asyncmy(scheme: str) -> None:
    options = backend(f"{scheme}://ada:secret@db.example:3307/auth").options
    assert options.hosts == (("db.example", 3307),)
    assert (options.user, options.password, options.database) == ("ada", "secret", "auth")


def test_parts_by_name_make_a_connection() -> None:
    options = backend("mariadb", host="h", port=3307, user="u", password="p", database="d").options
    assert (options.hosts, options.user, options.password, options.database) == ((("h", 3307),), "u", "p", "d")


def test_a_unix_socket_is_a_place_too() -> None:
    assert backend(f"{URL}?unix_socket=/run/mysqld.sock").options.hosts == (("/run/mysqld.sock", 0),)


@pytest.mark.parametrize(
    ("written", "mode"),
    [
        ("ssl-mode=DISABLED", "disabled"),
        ("ssl-mode=PREFERRED", "preferred"),
        ("ssl-mode=REQUIRED", "required"),
        ("ssl_mode=VERIFY_CA", "verify_ca"),
        ("ssl-mode=VERIFY_IDENTITY", "verify_identity"),
        ("ssl=true", "required"),
        ("ssl=false", "disabled"),
        ("charset=utf8mb4", "preferred"),
    ],
)
def test_tls_modes(written: str, mode: str) -> None:
    assert backend(f"{URL}?{written}").options.ssl == mode


def test_a_context_of_the_applications_is_used_as_it_is() -> None:
    context = ssl.create_default_context()
    assert backend(URL, ssl=context).options.ssl is context


def test_times_and_bounds() -> None:
    made = backend(f"{URL}?pool_size=3&connect_timeout=4&statement_timeout=0&lock_timeout=2")
    assert (made.pool_options.size, made.options.connect_timeout) == (3, 4)
    assert (made.options.statement_timeout, made.options.lock_timeout) == (None, 2)
    assert backend(URL).options.statement_timeout == 30


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("mysql://ada:secret@db.example", "the name of a database is needed"),
        (f"{URL}?charset=latin1secret", "charset takes utf8mb4"),
        (f"{URL}?ssl-mode=secret", "ssl-mode takes one of DISABLED"),
        (f"{URL}?ssl-mode=PREFERRED&ssl-ca=/secret", "ssl-mode=PREFERRED uses no certificate"),
        (f"{URL}?ssl-ca=/secret", "a file that ssl-ca"),
        (f"{URL}?colour=secret", "MySQL or MariaDB has no option 'colour'"),
        (f"{URL}?lock_timeout=secret", "lock_timeout takes a whole number"),
        (f"{URL}?read_url=postgresql%3A%2F%2Fsecret", "read_url takes the URL of a MySQL or MariaDB server"),
    ],
)
def test_what_cannot_be_honoured_is_refused_and_shows_no_secret(target: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        connect(target)
    assert "secret" not in str(caught.value)


def test_a_replica_takes_from_the_primary_what_its_url_does_not_say() -> None:
    options = backend(f"{URL}?ssl-mode=REQUIRED", read_url="mysql://replica.example").replica_options
    assert options is not None
    assert (options.hosts, options.user, options.password) == ((("replica.example", 3306),), "ada", "secret")
    assert (options.database, options.ssl) == ("auth", "required")


def test_no_repr_shows_the_user_or_the_password() -> None:
    made = backend(URL)
    assert not [word for word in ("ada", "secret") if word in f"{made!r} {made.options!r}"]


@pytest.mark.parametrize("scheme", ["mysql+asyncmy", "mariadb+asyncmy"])
def test_engines_of_the_application_are_accepted(scheme: str) -> None:
    made = connect(create_async_engine(f"{scheme}://ada@db.example/auth"))
    assert isinstance(made, BackendAdapter)
    assert isinstance(made.backend, MySQLEngineBackend)
