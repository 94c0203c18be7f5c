"""What every topic of the suite builds on."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from auth_adapters.conformance.harness import Harness
from auth_adapters.observation import Observer
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema

__all__ = ["EARLIER", "LATER", "NOW", "Connect", "Topic", "left_open", "make_session", "make_user", "new_database"]

Connect: TypeAlias = Callable[..., Awaitable[Adapter]]

NOW = datetime(2026, 3, 4, 5, 6, 7, 89_000, tzinfo=UTC)
EARLIER = NOW - timedelta(days=1)
LATER = NOW + timedelta(days=1)

MEMBERS = [*(name for name in vars(Adapter) if not name.startswith("_")), "__aenter__", "__aexit__"]
"""What an adapter has."""

numbers: Iterator[int] = itertools.count(1)


def new_database() -> str:
    """A name that no test has used before."""
    return f"conformance{next(numbers)}"


async def make_user(adapter: Adapter, email: str = "ada@example.com", **data: Any) -> dict[str, Any]:
    """A stored user."""
    return await adapter.create("user", {"email": email, **data})


async def make_session(adapter: Adapter, user: dict[str, Any], token: str = "token", **data: Any) -> dict[str, Any]:
    """A stored session of `user`."""
    return await adapter.create("session", {"user_id": user["id"], "token": token, "expires_at": LATER, **data})


def check_complete(adapter: Adapter) -> None:
    """Fail with a list of what an adapter lacks, so that nobody has to read it out of a thousand errors."""
    missing = [name for name in MEMBERS if not _has(adapter, name)]
    if missing:
        pytest.fail(f"{type(adapter).__name__} is no Adapter yet; it lacks: {', '.join(missing)}", pytrace=False)


def _has(adapter: Adapter, name: str) -> bool:
    try:
        getattr(adapter, name)
    except AttributeError:
        return False
    except Exception:  # noqa: BLE001  (it is there, but not before the adapter is open)
        return True
    return True


async def left_open(harness: Harness, databases: Iterable[str]) -> dict[str, int]:
    """How many connections are open, by database. One that is just closing is given a moment."""
    left: dict[str, int] = {}
    for _ in range(100):
        left = {name: count for name in databases if (count := await harness.open_connections(name))}
        if not left:
            break
        await asyncio.sleep(0.01)
    return left


class Topic:
    """One topic: a class of tests. `harness` is the binding's fixture."""

    @pytest.fixture(autouse=True)
    def declared_deviation(self, request: pytest.FixtureRequest, harness: Harness) -> None:
        """Turn a declared deviation into a strict xfail."""
        name = getattr(request.node, "originalname", None) or request.node.name
        full = f"{type(self).__name__}::{request.node.name}"
        names = {full, request.node.name, name, f"{type(self).__name__}::{name}"}
        for pattern, reason in harness.deviations.items():
            if any(fnmatchcase(one, pattern) for one in names):
                request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    @pytest_asyncio.fixture
    async def connect(self, harness: Harness) -> AsyncIterator[Connect]:
        """Open an adapter with its tables made; closed after the test, when no connection may be left.

        `await connect(schema=..., database=..., observe=...)`: the core four, a new database and no observer unless
        given.
        """
        opened: list[Adapter] = []
        databases: dict[str, None] = {}

        async def open_one(
            schema: Schema | None = None, *, database: str | None = None, observe: Observer | None = None
        ) -> Adapter:
            name = database or new_database()
            databases[name] = None
            adapter = harness.connect(name, schema or auth_schema(), observe=observe)
            check_complete(adapter)
            opened.append(adapter)
            await adapter.open()
            await adapter.create_tables()
            return adapter

        yield open_one
        for adapter in opened:
            await adapter.close()
        left = await left_open(harness, databases)
        await harness.aclose()
        assert not left, f"connections are left open: {left}"

    @pytest_asyncio.fixture
    async def adapter(self, connect: Connect) -> Adapter:
        """An open adapter over the core four, on an empty database."""
        return await connect()
