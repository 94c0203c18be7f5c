from collections.abc import Iterator

import pytest

VARIABLES = [f"AUTH_ADAPTERS_TEST_{name}_URL" for name in ("POSTGRESQL", "MARIADB", "MYSQL", "MONGODB")]


@pytest.fixture(scope="session", autouse=True)
def started_here() -> Iterator[None]:
    """These tests are of servers that are started, whatever the environment names."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in VARIABLES:
            patch.delenv(variable, raising=False)
        yield
