"""What production does to connections, on a real MySQL; and its errors."""

from collections.abc import Iterator

import pytest

import servers
from conformance_tests.resilience.busy import *
from conformance_tests.resilience.lost import *
from conformance_tests.resilience.mysql import *
from conformance_tests.resilience.together import *


@pytest.fixture(scope="module")
def server() -> Iterator[servers.MySQL]:
    """A server of this module's own, since it is killed."""
    with servers.mysql() as server:
        yield server


@pytest.fixture
def outside(server: servers.MySQL) -> Iterator[OutsideMySQL]:
    """A database of its own for each test."""
    outside = OutsideMySQL(server)
    yield outside
    outside.close()
