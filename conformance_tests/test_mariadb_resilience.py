"""What production does to connections, on a real MariaDB; and its errors."""

from collections.abc import Iterator

import pytest

import servers
from conformance_tests.resilience.busy import *
from conformance_tests.resilience.lost import *
from conformance_tests.resilience.mysql import *
from conformance_tests.resilience.together import *


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MariaDB]:
    """A server of this module's own, since it is killed."""
    with servers.mariadb() as server:
        yield server


@pytest.fixture
def outside(server: servers.MariaDB) -> Iterator[OutsideMySQL]:
    """A database of its own for each test."""
    outside = OutsideMySQL(server)
    yield outside
    outside.close()
