"""The suite on PostgreSQL, on connections of our own."""

from collections.abc import AsyncIterator

import pytest_asyncio

from auth_adapters.conformance.suite import *
from conformance_tests.postgresql_harness import PostgreSQLHarness
from servers import PostgreSQL


@pytest_asyncio.fixture
async def harness(postgresql_server: PostgreSQL) -> AsyncIterator[PostgreSQLHarness]:
    """Databases of its own for each test."""
    harness = PostgreSQLHarness(postgresql_server)
    yield harness
    await harness.aclose()
