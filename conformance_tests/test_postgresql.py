"""The suite on PostgreSQL, on connections of our own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from auth_adapters import auth_schema
from auth_adapters.backends.postgresql.capabilities import CAPABILITIES
from auth_adapters.conformance.suite import *
from conformance_tests.postgresql_harness import PostgreSQLHarness
from servers import PostgreSQL


@pytest_asyncio.fixture
async def harness(postgresql_server: PostgreSQL) -> AsyncIterator[PostgreSQLHarness]:
    """Databases of its own for each test."""
    harness = PostgreSQLHarness(postgresql_server)
    yield harness
    await harness.aclose()


@pytest.mark.asyncio
async def test_opening_changes_no_capability(harness: PostgreSQLHarness) -> None:
    adapter = harness.connect("one", auth_schema())
    async with adapter:
        assert adapter.capabilities == CAPABILITIES
