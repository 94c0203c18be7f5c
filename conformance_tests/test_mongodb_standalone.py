"""The suite on a MongoDB in no replica set, which has no transactions and says so."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

import servers
from auth_adapters.conformance.suite import *
from conformance_tests.mongodb_harness import LEFT_TO_THE_COLLECTOR, MongoDBHarness

pytestmark = LEFT_TO_THE_COLLECTOR


@pytest.fixture(scope="session")
def standalone_server() -> Iterator[servers.MongoDB]:
    """One that is never that of the environment: it has to stand alone."""
    with servers.mongodb(standalone=True) as server:
        yield server


class StandaloneHarness(MongoDBHarness):
    """Its databases have names of their own."""

    prefix = "s"


@pytest_asyncio.fixture
async def harness(standalone_server: servers.MongoDB) -> AsyncIterator[StandaloneHarness]:
    """Databases of its own for each test."""
    harness = StandaloneHarness(standalone_server)
    yield harness
    await harness.aclose()
