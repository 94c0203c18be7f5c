"""The suite on MySQL, on a real server."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

import servers
from auth_adapters.backends.mysql import prepared
from auth_adapters.conformance.suite import *
from conformance_tests.mysql_family import FamilyHarness


@pytest_asyncio.fixture
async def harness(mysql_server: servers.MySQL, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FamilyHarness]:
    """Databases of its own for each test. Every statement is prepared at once; those on the application's are not."""
    monkeypatch.setattr(prepared, "USES", 1)
    harness = FamilyHarness(mysql_server.url)
    yield harness
    await harness.aclose()
