"""transaction: commit, rollback, failure, isolation."""

import asyncio

import pytest

from auth_adapters.conformance.expect import UndoError, needs, patiently, refuses_serializable, together
from auth_adapters.conformance.topic import LATER, Connect, Topic, make_session, make_user, new_database
from auth_adapters.conformance.topics.atomic_verbs import COUNTERS, LARGEST
from auth_adapters.errors import (
    AdapterStateError,
    InvalidQueryError,
    InvalidValueError,
    UniqueViolationError,
    UnknownFieldError,
    UnsupportedOperationError,
)
from auth_adapters.protocols import Adapter, Isolation
from auth_adapters.query import ALL

__all__ = ["TestFailedTransactions", "TestTransactions"]


@pytest.mark.asyncio
class TestTransactions(Topic):
    """What a transaction keeps and undoes, and who sees it when."""

    @needs("transactions")
    async def test_a_normal_exit_commits(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            user = await make_user(tx)
            session = await make_session(tx, user)
        assert await adapter.find_many("user") == [user]
        assert await adapter.find_many("session") == [session]

    @needs("transactions")
    async def test_an_exception_rolls_back_and_goes_on(self, adapter: Adapter) -> None:
        with pytest.raises(UndoError):
            async with adapter.transaction() as tx:
                await make_user(tx)
                raise UndoError
        assert await adapter.count("user") == 0

    @needs("transactions")
    async def test_a_rollback_undoes_every_verb(self, adapter: Adapter) -> None:
        users = [await make_user(adapter, f"{name}@example.com") for name in ("ada", "bob", "cyd")]
        session = await make_session(adapter, users[0])
        with pytest.raises(UndoError):
            async with adapter.transaction() as tx:
                await make_user(tx, "dan@example.com")
                await tx.update("user", {"email": "ada@example.com"}, {"name": "changed"})
                await tx.update_many("user", ALL, {"image": "changed"})
                await tx.delete("user", {"email": "ada@example.com"})
                await tx.consume_one("user", {"email": "bob@example.com"})
                await tx.upsert("user", {"email": "cyd@example.com", "name": "C"}, on=["email"])
                await tx.delete_many("user", ALL)
                raise UndoError
        assert await adapter.find_many("user", sort=["email"]) == users
        assert await adapter.find_many("session") == [session]

    @needs("transactions")
    async def test_a_cancellation_rolls_back(self, adapter: Adapter) -> None:
        entered = asyncio.Event()

        async def work() -> None:
            async with adapter.transaction() as tx:
                await make_user(tx)
                entered.set()
                await asyncio.sleep(3600)

        async with patiently():
            task = asyncio.create_task(work())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await adapter.count("user") == 0
            assert await make_user(adapter) is not None

    @needs("transactions")
    async def test_a_cancellation_at_any_moment_leaves_all_or_nothing(self, adapter: Adapter) -> None:
        async def work(number: int) -> None:
            async with adapter.transaction() as tx:
                user = await make_user(tx, f"user{number}@example.com")
                await make_session(tx, user, f"token{number}")

        async with patiently():
            for number in range(40):
                task = asyncio.create_task(work(number))
                for _ in range(number % 20):
                    await asyncio.sleep(0)
                await asyncio.sleep(number // 20 * number * 0.0001)
                task.cancel()
                await asyncio.wait([task])
        users = {user["id"] for user in await adapter.find_many("user")}
        sessions = {session["user_id"] for session in await adapter.find_many("session")}
        assert users == sessions

    @needs("transactions")
    async def test_who_is_cancelled_while_it_ends_is_told(self, adapter: Adapter) -> None:
        async def work(number: int, ending: asyncio.Event) -> str:
            async with adapter.transaction() as tx:
                await make_user(tx, f"user{number}@example.com")
                ending.set()
            await asyncio.sleep(0)
            return "went on"

        async with patiently():
            for number in range(20):
                ending = asyncio.Event()
                task = asyncio.create_task(work(number, ending))
                await ending.wait()
                for _ in range(number % 10):
                    await asyncio.sleep(0)
                cancelled = task.cancel()
                (got,) = await together(task)
                assert not cancelled or isinstance(got, asyncio.CancelledError)

    @needs("transactions")
    async def test_who_is_cancelled_while_it_begins_keeps_nobody_waiting(self, adapter: Adapter) -> None:
        async def hold(held: asyncio.Event, free: asyncio.Event) -> None:
            async with adapter.transaction():
                held.set()
                await free.wait()

        async def begin() -> None:
            async with adapter.transaction() as tx:
                await tx.count("user")

        async with patiently():
            for ticks in range(12):
                held, free = asyncio.Event(), asyncio.Event()
                holder = asyncio.create_task(hold(held, free))
                await held.wait()
                beginner = asyncio.create_task(begin())
                await asyncio.sleep(0.002)
                free.set()
                for _ in range(ticks):
                    await asyncio.sleep(0)
                beginner.cancel()
                await together(holder, beginner)
                await make_user(adapter, f"user{ticks}@example.com")

    @needs("transactions")
    async def test_it_sees_its_own_writes(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            user = await make_user(tx)
            session = await make_session(tx, user)
            assert await tx.find_one("user", {"id": user["id"]}) == user
            assert await tx.find_many("session", join=["user"]) == [{**session, "user": user}]
            assert await tx.count("user") == 1
            assert [one async for one in tx.iterate("user")] == [user]
            changed = await tx.update("user", {"id": user["id"]}, {"name": "Ada"})
            assert await tx.find_many("user", {"name": "Ada"}) == [changed]
            assert await tx.delete("user", {"id": user["id"]}) is True
            assert await tx.count("session") == 0

    @needs("transactions")
    async def test_others_see_nothing_until_it_commits(self, connect: Connect) -> None:
        database = new_database()
        inside, outside = await connect(database=database), await connect(database=database)
        ada = await make_user(inside)
        async with patiently():
            async with inside.transaction() as tx:
                await tx.update("user", {"id": ada["id"]}, {"name": "Ada"})
                bob = await make_user(tx, "bob@example.com")
                assert await outside.find_many("user") == [ada]
                assert await outside.find_one("user", {"id": bob["id"]}) is None
                assert await outside.count("user", {"name": "Ada"}) == 0
            assert await outside.count("user") == 2
            assert await outside.count("user", {"name": "Ada"}) == 1

    @needs("transactions")
    async def test_another_task_sees_nothing_until_it_commits(self, adapter: Adapter) -> None:
        async with patiently():
            async with adapter.transaction() as tx:
                await make_user(tx)
                assert await asyncio.create_task(adapter.count("user")) == 0
            assert await adapter.count("user") == 1

    @needs("transactions")
    async def test_others_never_see_what_was_rolled_back(self, connect: Connect) -> None:
        database = new_database()
        inside, outside = await connect(database=database), await connect(database=database)
        async with patiently():
            with pytest.raises(UndoError):
                async with inside.transaction() as tx:
                    await make_user(tx)
                    assert await outside.count("user") == 0
                    raise UndoError
            assert await outside.count("user") == 0

    @needs("transactions")
    async def test_every_verb_works_inside(self, adapter: Adapter) -> None:
        verification = {"identifier": "a", "value": "1", "expires_at": LATER}
        async with adapter.transaction() as tx:
            if adapter.capabilities.atomic_batches:
                await tx.create_many("verification", [verification, {**verification, "value": "2"}])
            else:
                await tx.create("verification", verification)
                await tx.create("verification", {**verification, "value": "2"})
            assert await tx.consume_one("verification", {"value": "1"}) is not None
            _, created = await tx.upsert("user", {"email": "ada@example.com"}, on=["email"])
            assert created is True
            assert await tx.update_many("user", ALL, {"name": "Ada"}) == 1
            assert await tx.delete_many("user", {"name": "nobody"}) == 0
            assert await tx.purge_expired(now=LATER) == {"session": 0, "verification": 1}
        assert (await adapter.count("verification"), await adapter.count("user", {"name": "Ada"})) == (0, 1)

    @needs("transactions")
    async def test_one_without_verbs_commits_nothing(self, adapter: Adapter) -> None:
        async with adapter.transaction():
            pass
        assert await adapter.count("user") == 0

    @needs("transactions")
    async def test_one_task_runs_many_after_another(self, adapter: Adapter) -> None:
        for number in range(20):
            async with adapter.transaction() as tx:
                await make_user(tx, f"user{number}@example.com")
        assert await adapter.count("user") == 20

    @needs("transactions")
    async def test_tasks_run_theirs_side_by_side(self, adapter: Adapter) -> None:
        async def work(number: int) -> None:
            async with adapter.transaction() as tx:
                user = await make_user(tx, f"user{number}@example.com")
                await make_session(tx, user, f"token{number}")

        async with patiently():
            await asyncio.gather(*(work(number) for number in range(20)))
        assert (await adapter.count("user"), await adapter.count("session")) == (20, 20)

    @needs("transactions")
    @pytest.mark.parametrize("isolation", [None, "read_committed", "repeatable_read", "serializable"])
    async def test_every_isolation_is_accepted(self, adapter: Adapter, isolation: Isolation | None) -> None:
        if isolation == "serializable" and not adapter.capabilities.serializable:
            await refuses_serializable(adapter)
            return
        async with adapter.transaction(isolation=isolation) as tx:
            user = await make_user(tx)
        assert await adapter.find_many("user") == [user]

    @needs("transactions")
    async def test_an_unknown_isolation_is_refused(self, adapter: Adapter) -> None:
        for wrong in ("SERIALIZABLE", "snapshot", "", 1):
            with pytest.raises(InvalidQueryError, match="isolation"):
                async with adapter.transaction(isolation=wrong):  # type: ignore[arg-type]
                    pass
        assert await adapter.count("user") == 0

    @needs("transactions")
    async def test_it_has_the_schema_and_the_capabilities_of_its_adapter(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            assert tx.schema is adapter.schema
            assert tx.capabilities == adapter.capabilities

    @needs("transactions")
    async def test_it_is_an_adapter_that_needs_no_opening(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            assert isinstance(tx, Adapter)
            await tx.open()
            async with tx as same:
                user = await make_user(same)
            await tx.close()
            assert await tx.find_many("user") == [user]
        assert await adapter.find_many("user") == [user]

    @needs("transactions")
    async def test_tables_are_not_created_inside(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            with pytest.raises(UnsupportedOperationError):
                await tx.create_tables()
            user = await make_user(tx)
        assert await adapter.find_many("user") == [user]


@pytest.mark.asyncio
class TestFailedTransactions(Topic):
    """After an error from the database a transaction has failed."""

    @needs("transactions")
    async def test_a_normal_exit_rolls_back_and_raises(self, adapter: Adapter) -> None:
        await make_user(adapter)
        with pytest.raises(AdapterStateError):
            async with adapter.transaction() as tx:
                await make_user(tx, "bob@example.com")
                with pytest.raises(UniqueViolationError):
                    await make_user(tx)
        assert [user["email"] for user in await adapter.find_many("user")] == ["ada@example.com"]

    @needs("transactions")
    async def test_further_verbs_raise(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        with pytest.raises(UndoError):
            async with adapter.transaction() as tx:
                with pytest.raises(UniqueViolationError):
                    await make_user(tx)
                for verb in (
                    tx.find_many("user"),
                    tx.count("user"),
                    make_user(tx, "bob@example.com"),
                    tx.update("user", {"id": user["id"]}, {"name": "x"}),
                    tx.delete("user", {"id": user["id"]}),
                ):
                    with pytest.raises(AdapterStateError):
                        await verb
                raise UndoError
        assert await adapter.find_many("user") == [user]

    @needs("transactions")
    async def test_the_error_itself_goes_on_unless_caught(self, adapter: Adapter) -> None:
        await make_user(adapter)
        with pytest.raises(UniqueViolationError):
            async with adapter.transaction() as tx:
                await make_user(tx, "bob@example.com")
                await make_user(tx)
        assert await adapter.count("user") == 1

    @needs("transactions")
    async def test_a_sum_that_does_not_fit_fails_it_too(self, connect: Connect) -> None:
        adapter = await connect(COUNTERS)
        counter = await adapter.create("counter", {"name": "a", "value": LARGEST})
        with pytest.raises(AdapterStateError):
            async with adapter.transaction() as tx:
                await tx.create("counter", {"name": "b"})
                with pytest.raises(InvalidValueError):
                    await tx.increment_one("counter", {"name": "a"}, {"value": 1})
        assert await adapter.find_many("counter") == [counter]

    @needs("transactions")
    async def test_an_error_before_any_io_does_not_fail_it(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            user = await make_user(tx)
            with pytest.raises(UnknownFieldError):
                await make_user(tx, "bob@example.com", nickname="x")
            with pytest.raises(InvalidValueError):
                await tx.create("user", {"email": None})
            with pytest.raises(InvalidQueryError):
                await tx.delete("user", {})
            with pytest.raises(InvalidQueryError):
                async with tx.transaction(isolation="serializable"):
                    pass
            bob = await make_user(tx, "bob@example.com")
        assert await adapter.find_many("user", sort=["email"]) == [user, bob]

    @needs("transactions")
    async def test_a_miss_does_not_fail_it(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            assert await tx.update("user", {"id": "x"}, {"name": "x"}) is None
            assert await tx.delete("user", {"id": "x"}) is False
            assert await tx.consume_one("user", {"id": "x"}) is None
            user = await make_user(tx)
        assert await adapter.find_many("user") == [user]

    @needs("transactions")
    async def test_the_next_transaction_is_sound(self, adapter: Adapter) -> None:
        await make_user(adapter)
        with pytest.raises(UniqueViolationError):
            async with adapter.transaction() as tx:
                await make_user(tx)
        async with adapter.transaction() as tx:
            await make_user(tx, "bob@example.com")
        assert await adapter.count("user") == 2
