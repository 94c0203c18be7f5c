"""Fixtures of pytest: one server of a kind per session, shared by its tests.

A conftest takes those it needs: `from servers.fixtures import postgresql_server`. Tests keep apart by databases of
their own, made with `create_database`. A server that cannot be had fails the tests that need it, and the message says
how to get it.
"""

from collections.abc import Iterator

import pytest

import servers


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[servers.PostgreSQL]:
    """PostgreSQL."""
    with servers.postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def pgbouncer_server(postgresql_server: servers.PostgreSQL) -> Iterator[servers.PgBouncer]:
    """Pgbouncer in front of the session's PostgreSQL, pooling by transaction."""
    with postgresql_server.pgbouncer() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[servers.MariaDB]:
    """MariaDB."""
    with servers.mariadb() as server:
        yield server


@pytest.fixture(scope="session")
def mysql_server() -> Iterator[servers.MySQL]:
    """MySQL proper."""
    with servers.mysql() as server:
        yield server


@pytest.fixture(scope="session")
def mongodb_server() -> Iterator[servers.MongoDB]:
    """MongoDB, a replica set of one."""
    with servers.mongodb() as server:
        yield server
