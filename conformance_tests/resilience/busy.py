"""Pools that are full, tasks that are cancelled, plans and clocks that change."""

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth_adapters import (
    SESSION,
    USER,
    Adapter,
    BackendError,
    OperationTimeoutError,
    PoolTimeoutError,
    TransientError,
    field,
)
from conformance_tests.resilience.lost import nothing_leaked
from conformance_tests.resilience.outside import Outside, figures, patience, until

__all__ = ["TestCancellation", "TestChanges", "TestContention", "TestPools"]


async def sign_up(db: Adapter, email: str) -> None:
    """A user and a session, in one transaction."""
    async with db.transaction() as tx:
        user = await tx.create(USER, {"email": email})
        await tx.update(USER, {"email": "everybody@example.com"}, {"name": email})
        expires = datetime.now(UTC) + timedelta(days=1)
        await tx.create(SESSION, {"user_id": user["id"], "token": email, "expires_at": expires})


@pytest.mark.asyncio
class TestPools:
    """More tasks than connections."""

    async def test_two_hundred_tasks_share_five_connections(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=5) as db:
            await db.create_tables()
            await asyncio.gather(*(db.create(USER, {"email": f"{number}@example.com"}) for number in range(200)))
            assert await db.count(USER) == 200
            assert figures(db).waited > 0
            await nothing_leaked(db, outside, 5)

    async def test_a_pool_of_one_serves_transactions_savepoints_and_everybody(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=1) as db:
            await db.create_tables()
            await sign_up(db, "everybody@example.com")
            work = [sign_up(db, f"{number}@example.com") for number in range(20)]
            await asyncio.gather(*work, *(db.count(USER) for _ in range(20)))
            async with db.transaction() as tx, tx.transaction() as inner:
                await inner.create(USER, {"email": "inner@example.com"})
            assert (await db.count(USER), await db.count(SESSION)) == (22, 21)
            await nothing_leaked(db, outside, 1)

    async def test_a_leak_that_exhausts_the_pool_is_a_typed_error_and_heals(self, outside: Outside) -> None:
        release = asyncio.Event()

        async def leak(db: Adapter) -> None:
            async with db.transaction() as tx:
                await tx.count(USER)
                await release.wait()

        async with patience(), outside.connect(pool_size=3, acquire_timeout=0.3, max_waiting=5) as db:
            await db.create_tables()
            leaks = [asyncio.create_task(leak(db)) for _ in range(3)]
            await until(lambda: figures(db).in_use == 3)
            errors = await asyncio.gather(*(db.count(USER) for _ in range(10)), return_exceptions=True)
            assert [type(error) for error in errors] == [PoolTimeoutError] * 10
            assert len([error for error in errors if "max_waiting" in str(error)]) == 5
            release.set()
            await asyncio.gather(*leaks)
            assert await db.count(USER) == 0
            assert figures(db).timeouts == 10
            await nothing_leaked(db, outside, 3)


@pytest.mark.asyncio
class TestCancellation:
    """A client that goes away."""

    async def test_a_transaction_cancelled_at_any_await_is_all_or_nothing_and_frees_its_locks(
        self, outside: Outside
    ) -> None:
        async with patience(), outside.connect(pool_size=3) as db:
            await db.create_tables()
            await db.create(USER, {"email": "everybody@example.com"})
            whole = 0
            for step in range(40):
                email = f"{step}@example.com"
                task = asyncio.create_task(sign_up(db, email))
                for _ in range(step // 2):
                    await asyncio.sleep(0 if step % 2 else 0.0005)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                async with asyncio.timeout(2):
                    assert await db.update(USER, {"email": "everybody@example.com"}, {"name": "free"})
                both = (await db.count(USER, {"email": email}), await db.count(SESSION, {"token": email}))
                assert both in ((0, 0), (1, 1))
                whole += both[0]
            assert await db.count(SESSION) == whole < 40
            await nothing_leaked(db, outside, 3)

    async def test_a_cancelled_wait_for_a_lock_waits_no_longer(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=4) as db:
            await db.create_tables()
            user = await db.create(USER, {"email": "ada@example.com"})
            async with db.transaction() as tx:
                await tx.update(USER, {"id": user["id"]}, {"name": "held"})
                waiting = [asyncio.create_task(db.update(USER, {"id": user["id"]}, {"name": "late"})) for _ in range(3)]
                await asyncio.sleep(0.2)
                for task in waiting:
                    task.cancel()
                await asyncio.wait(waiting)
                await until(lambda: figures(db).in_use == 1)
            assert await db.count(USER, {"name": "held"}) == 1
            await nothing_leaked(db, outside, 4)


@pytest.mark.asyncio
class TestContention:
    """Transactions in each other's way."""

    async def test_a_real_deadlock_is_transient_and_run_transaction_gets_through(self, outside: Outside) -> None:
        met: list[int] = []

        async with patience(), outside.connect() as db:
            await db.create_tables()
            for name in "ab":
                await db.create(USER, {"email": name, "name": ""})

            async def write(first: str, second: str) -> int:
                tries = 0

                async def work(tx: Adapter) -> None:
                    nonlocal tries
                    tries += 1
                    await tx.update(USER, {"email": first}, {"name": first})
                    met.append(1)
                    if tries == 1:
                        await until(lambda: len(met) >= 2)
                    await tx.update(USER, {"email": second}, {"name": first})

                await db.run_transaction(work, attempts=5)
                return tries

            tries = await asyncio.gather(write("a", "b"), write("b", "a"))
            assert sum(tries) > 2
            names = {user["name"] for user in await db.find_many(USER)}
            assert len(names) == 1
            await nothing_leaked(db, outside)

    async def test_a_deadlock_that_is_caught_around_a_savepoint_does_not_end_run_transaction(
        self, outside: Outside
    ) -> None:
        met: list[int] = []

        async with patience(), outside.connect() as db:
            await db.create_tables()
            for name in "ab":
                await db.create(USER, {"email": name, "name": ""})

            async def write(first: str, second: str) -> bool:
                caught: list[TransientError] = []

                async def work(tx: Adapter) -> None:
                    try:
                        async with tx.transaction() as part:
                            await part.update(USER, {"email": first}, {"name": first})
                            met.append(1)
                            if len(met) <= 2:
                                await until(lambda: len(met) >= 2)
                            await part.update(USER, {"email": second}, {"name": first})
                    except TransientError as error:
                        caught.append(error)
                    await tx.create(USER, {"email": f"{first}{second}"})

                await db.run_transaction(work, attempts=5)
                return bool(caught)

            assert any(await asyncio.gather(write("a", "b"), write("b", "a")))
            assert {user["email"] for user in await db.find_many(USER)} == {"a", "b", "ab", "ba"}
            await nothing_leaked(db, outside)

    async def test_a_real_serialization_failure_is_transient_and_run_transaction_gets_through(
        self, outside: Outside
    ) -> None:
        counted: list[int] = []

        async with patience(), outside.connect() as db:
            await db.create_tables()

            async def add(number: int) -> None:
                async def work(tx: Adapter) -> None:
                    there = await tx.count(USER)
                    counted.append(there)
                    if len(counted) <= 2:
                        await until(lambda: len(counted) >= 2)
                    if there == 0:
                        await tx.create(USER, {"email": f"{number}@example.com"})

                await db.run_transaction(work, isolation="serializable", attempts=5)

            await asyncio.gather(add(1), add(2))
            assert len(counted) > 2
            assert await db.count(USER) == 1
            await nothing_leaked(db, outside)

    async def test_a_lock_that_is_held_too_long_is_a_time_out(self, outside: Outside) -> None:
        async with patience(), outside.connect(statement_timeout=0.4) as db:
            await db.create_tables()
            await db.create(USER, {"email": "a"})
            async with outside.connect() as other, other.transaction() as tx:
                await tx.update(USER, {"email": "a"}, {"name": "held"})
                with pytest.raises(OperationTimeoutError):
                    await db.update(USER, {"email": "a"}, {"name": "late"})
            assert await db.update(USER, {"email": "a"}, {"name": "free"})
            await nothing_leaked(db, outside)


@pytest.mark.asyncio
class TestChanges:
    """The world changes under an open adapter."""

    async def test_a_table_changed_under_a_cached_plan_is_used_as_it_is_now(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=2) as db:
            await db.create_tables()
            user = await db.create(USER, {"email": "ada@example.com"})
            for change in outside.harmless_changes:
                assert await db.find_one(USER, {"email": "ada@example.com"}) == user
                outside.run(change)
                assert await db.find_one(USER, {"email": "ada@example.com"}) == user
                assert await db.update(USER, {"id": user["id"]}, {"updated_at": user["updated_at"]}) == user
            await nothing_leaked(db, outside, 2)

    async def test_a_table_that_lacks_a_column_is_said_to(self, outside: Outside) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            outside.run(outside.harmful_change)
            for verb in (db.find_one(USER, {"email": "a"}), db.create(USER, {"email": "a"})):
                with pytest.raises(BackendError, match="lacks a column of the schema"):
                    await verb

    async def test_a_table_changed_inside_a_transaction_is_transient_at_most(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=1) as db:
            await db.create_tables()
            user = await db.create(USER, {"email": "ada@example.com"})
            assert await db.find_one(USER, {"email": "ada@example.com"}) == user
            outside.run(outside.harmless_changes[0])

            async def work(tx: Adapter) -> Any:
                return await tx.find_one(USER, {"email": "ada@example.com"})

            assert await db.run_transaction(work) == user

    async def test_times_are_the_same_in_every_zone(self, outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
        moments = [datetime(2026, 3, 29, 1, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)]
        async with patience(), outside.connect() as db:
            await db.create_tables()
            user = await db.create(USER, {"email": "a"})
            for number, moment in enumerate(moments):
                await db.create(SESSION, {"user_id": user["id"], "token": str(number), "expires_at": moment})
        for zone in ("Pacific/Chatham", "America/St_Johns", "UTC"):
            outside.set_time_zone(zone)
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            try:
                async with patience(), outside.connect() as db:
                    for number, moment in enumerate(moments):
                        found = await db.find_one(SESSION, field("expires_at").eq(moment))
                        assert found is not None
                        assert (found["token"], found["expires_at"]) == (str(number), moment)
                        assert found["expires_at"].utcoffset() == timedelta(0)
                    assert await db.count(SESSION, field("expires_at").lt(moments[1])) == 1
            finally:
                os.environ.pop("TZ", None)
                monkeypatch.undo()
                time.tzset()
