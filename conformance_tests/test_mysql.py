"""The suite on MySQL, on a real server."""

from collections.abc import AsyncIterator

import pytest_asyncio

import servers
from auth_adapters.conformance.suite import *
from conformance_tests.mysql_family import FamilyHarness


@pytest_asyncio.fixture
async def harness(mysql_server: servers.MySQL) -> AsyncIterator[FamilyHarness]:
    """Databases of its own for each test."""
    harness = FamilyHarness(mysql_server.url)
    yield harness
    await harness.aclose()
