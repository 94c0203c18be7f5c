"""Adapters and event loops. Plain functions, which run loops of their own."""

import asyncio

import pytest

from auth_adapters.capabilities import Capabilities
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.topic import Topic, left_open, make_user, new_database
from auth_adapters.errors import AdapterStateError
from auth_adapters.schema.core import auth_schema

__all__ = ["TestEventLoops"]


class TestEventLoops(Topic):
    """An open adapter belongs to one event loop."""

    def test_it_is_refused_in_another_loop(self, harness: Harness) -> None:
        adapter = harness.connect(new_database(), auth_schema())
        with asyncio.Runner() as first, asyncio.Runner() as second:
            first.run(adapter.open())
            first.run(adapter.create_tables())
            for verb in (adapter.count("user"), make_user(adapter), adapter.open(), adapter.close()):
                with pytest.raises(AdapterStateError):
                    second.run(verb)
            assert first.run(adapter.count("user")) == 0
            first.run(adapter.close())
            first.run(harness.aclose())

    def test_plain_code_may_ask_what_it_can_do(self, harness: Harness) -> None:
        adapter = harness.connect(new_database(), auth_schema())
        with pytest.raises(AdapterStateError):
            assert adapter.capabilities
        with asyncio.Runner() as runner:
            runner.run(adapter.open())
            assert isinstance(adapter.capabilities, Capabilities)
            runner.run(adapter.close())
            runner.run(harness.aclose())
        with pytest.raises(AdapterStateError):
            assert adapter.capabilities

    def test_once_closed_it_can_be_opened_in_another_loop(self, harness: Harness) -> None:
        database = new_database()
        adapter = harness.connect(database, auth_schema())

        async def add(number: int) -> None:
            if not adapter.capabilities.transactions:
                await make_user(adapter, f"user{number}")
                return
            async with adapter.transaction() as tx:
                await make_user(tx, f"user{number}")
                await asyncio.sleep(0)

        async def use(number: int) -> int:
            async with adapter:
                await adapter.create_tables()
                await asyncio.gather(*(add(10 * number + part) for part in range(10)))
                return await adapter.count("user")

        counts = []
        for number in range(3):
            with asyncio.Runner() as runner:
                counts.append(runner.run(use(number)))
                assert runner.run(left_open(harness, [database])) == {}
        with asyncio.Runner() as runner:
            runner.run(harness.aclose())
        assert counts == [10, 20, 30]
