"""Servers that die, stall or cut connections."""

import asyncio
import time
from typing import Any

import pytest

from auth_adapters import USER, Adapter, BackendError, ConnectionFailedError, OperationTimeoutError, PoolTimeoutError
from conformance_tests.resilience.outside import Outside, figures, patience, until

__all__ = ["TestCutConnections", "TestKilledServers", "TestStalledServers"]


async def works_again(adapter: Adapter) -> None:
    """The same adapter answers again, by itself, soon."""
    async with patience():
        while True:
            try:
                await adapter.count("user")
            except BackendError:
                await asyncio.sleep(0.05)
            else:
                return


async def nothing_leaked(adapter: Adapter, outside: Outside, most: int = 10) -> None:
    """Every connection is back, none is left inside a transaction, and the server knows of no more than there are."""
    await until(lambda: figures(adapter).in_use == 0)
    assert figures(adapter).waiting == 0
    await until(lambda: outside.open_transactions() == 0)
    assert outside.connections() <= most


@pytest.mark.asyncio
class TestKilledServers:
    """SIGKILL, and a start again."""

    async def test_a_transaction_that_the_server_did_not_survive_left_nothing(self, outside: Outside) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            kept = await db.create(USER, {"email": "kept@example.com"})
            with pytest.raises(ConnectionFailedError):
                async with db.transaction() as tx:
                    await tx.create(USER, {"email": "lost@example.com"})
                    outside.server.kill()
                    await tx.create(USER, {"email": "never@example.com"})
            outside.server.restart()
            await works_again(db)
            assert await db.find_many(USER) == [kept]
            await nothing_leaked(db, outside)

    async def test_a_commit_that_the_server_did_not_survive_is_a_typed_error(self, outside: Outside) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            with pytest.raises(ConnectionFailedError):
                async with db.transaction() as tx:
                    await tx.create(USER, {"email": "lost@example.com"})
                    outside.server.kill()
            outside.server.restart()
            await works_again(db)
            assert await db.count(USER) == 0
            await nothing_leaked(db, outside)

    async def test_what_was_acknowledged_under_load_is_there_once_and_nothing_hangs(self, outside: Outside) -> None:
        acknowledged: list[str] = []
        failures: list[BaseException] = []
        over = asyncio.Event()

        async def load(worker: int, db: Adapter) -> None:
            number = 0
            while not over.is_set():
                number += 1
                email = f"{worker}.{number}@example.com"
                try:
                    await db.create(USER, {"email": email})
                    acknowledged.append(email)
                except BackendError as error:
                    failures.append(error)
                    await asyncio.sleep(0.02)

        async with patience(), outside.connect(pool_size=5) as db:
            await db.create_tables()
            async with asyncio.TaskGroup() as group:
                for worker in range(20):
                    group.create_task(load(worker, db))
                await until(lambda: len(acknowledged) > 50)
                await asyncio.to_thread(outside.server.kill)
                before = len(acknowledged)
                await asyncio.to_thread(outside.server.restart)
                await until(lambda: len(acknowledged) > before + 50)
                over.set()
            stored = [user["email"] for user in await db.find_many(USER, select=["email"])]
            assert len(stored) == len(set(stored))
            assert set(acknowledged) <= set(stored)
            assert failures
            others = [repr(error) for error in failures if not isinstance(error, ConnectionFailedError)]
            assert others == [], others
            await nothing_leaked(db, outside, 5)

    async def test_a_server_that_is_down_is_a_typed_error_at_once(self, outside: Outside) -> None:
        async with patience(), outside.connect() as db:
            outside.server.kill()
            started = time.monotonic()
            for _ in range(3):
                with pytest.raises(ConnectionFailedError):
                    await db.count(USER)
            with pytest.raises(ConnectionFailedError):
                await outside.connect().open()
            assert time.monotonic() - started < 5
            outside.server.restart()


@pytest.mark.asyncio
class TestCutConnections:
    """An administrator, a proxy or a firewall ends connections."""

    async def test_idle_connections_that_were_cut_are_replaced_unnoticed(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=4) as db:
            await db.create_tables()
            await asyncio.gather(*(db.count(USER) for _ in range(40)))
            outside.terminate_connections()
            await asyncio.sleep(0.2)
            assert await asyncio.gather(*(db.count(USER) for _ in range(40))) == [0] * 40
            await nothing_leaked(db, outside, 4)

    async def test_a_transaction_that_was_cut_is_undone_and_says_so(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=2) as db:
            await db.create_tables()
            with pytest.raises(ConnectionFailedError):
                async with db.transaction() as tx:
                    await tx.create(USER, {"email": "ada@example.com"})
                    outside.terminate_connections()
                    await tx.create(USER, {"email": "bob@example.com"})
            assert await db.count(USER) == 0
            await nothing_leaked(db, outside, 2)


@pytest.mark.asyncio
class TestStalledServers:
    """SIGSTOP: the connections are there, and nobody answers."""

    async def test_every_wait_has_an_end(self, outside: Outside) -> None:
        limits: dict[str, Any] = {"statement_timeout": 0.5, "connect_timeout": 0.5, "acquire_timeout": 1.0}
        async with patience(), outside.connect(pool_size=2, close_timeout=1, **limits) as db:
            await db.create_tables()
            outside.server.pause()
            try:
                started = time.monotonic()
                work = [db.count(USER) for _ in range(8)]
                errors = await asyncio.gather(*work, return_exceptions=True)
                assert time.monotonic() - started < 10
                expected = OperationTimeoutError | ConnectionFailedError | PoolTimeoutError
                assert [type(error).__name__ for error in errors if not isinstance(error, expected)] == []
                assert any(isinstance(error, OperationTimeoutError) for error in errors)
            finally:
                outside.server.resume()
            await works_again(db)
            await nothing_leaked(db, outside, 4)

    async def test_a_transaction_on_a_stalled_server_ends_and_leaves_nothing(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=2, statement_timeout=0.5, connect_timeout=0.5) as db:
            await db.create_tables()
            started = time.monotonic()
            try:
                with pytest.raises(OperationTimeoutError):
                    async with db.transaction() as tx:
                        await tx.create(USER, {"email": "ada@example.com"})
                        outside.server.pause()
                        await tx.create(USER, {"email": "bob@example.com"})
                assert time.monotonic() - started < 15
            finally:
                outside.server.resume()
            await works_again(db)
            await until(lambda: outside.open_transactions() == 0)
            assert await db.count(USER) == 0
