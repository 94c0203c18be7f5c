"""The suite on MongoDB, on a real replica set."""

from collections.abc import AsyncIterator

import pytest_asyncio

import servers
from auth_adapters.conformance.suite import *
from conformance_tests.mongodb_harness import LEFT_TO_THE_COLLECTOR, MongoDBHarness

pytestmark = LEFT_TO_THE_COLLECTOR


@pytest_asyncio.fixture
async def harness(mongodb_server: servers.MongoDB) -> AsyncIterator[MongoDBHarness]:
    """Databases of its own for each test."""
    harness = MongoDBHarness(mongodb_server)
    yield harness
    await harness.aclose()
