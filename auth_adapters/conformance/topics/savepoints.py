"""A transaction inside a transaction, and the misuse that raises instead of deadlocking."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from auth_adapters.conformance.expect import UndoError, needs, patiently, together
from auth_adapters.conformance.topic import Topic, make_session, make_user
from auth_adapters.errors import (
    AdapterStateError,
    AuthAdapterError,
    InvalidQueryError,
    TransientError,
    UniqueViolationError,
)
from auth_adapters.protocols import Adapter

__all__ = ["TestOutlivingSavepoints", "TestSavepoints", "TestTransactionMisuse"]


async def emails(adapter: Adapter) -> list[str]:
    """The users there are, by the first part of the address."""
    return [user["email"].partition("@")[0] for user in await adapter.find_many("user", sort=["email"])]


async def named(adapter: Adapter, name: str) -> dict[str, Any]:
    """A stored user of this name."""
    return await make_user(adapter, f"{name}@example.com")


@pytest.mark.asyncio
class TestSavepoints(Topic):
    """transaction() inside a transaction."""

    @needs("savepoints")
    async def test_it_is_kept_with_the_outer_one(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            await named(tx, "ada")
            async with tx.transaction() as inner:
                await named(inner, "bob")
            await named(tx, "cyd")
        assert await emails(adapter) == ["ada", "bob", "cyd"]

    @needs("savepoints")
    async def test_it_is_undone_with_the_outer_one(self, adapter: Adapter) -> None:
        with pytest.raises(UndoError):
            async with adapter.transaction() as tx:
                async with tx.transaction() as inner:
                    await named(inner, "ada")
                raise UndoError
        assert await emails(adapter) == []

    @needs("savepoints")
    async def test_it_is_undone_alone(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            await named(tx, "ada")
            with pytest.raises(UndoError):
                async with tx.transaction() as inner:
                    await named(inner, "bob")
                    await inner.delete("user", {"email": "ada@example.com"})
                    raise UndoError
            assert await emails(tx) == ["ada"]
            await named(tx, "cyd")
        assert await emails(adapter) == ["ada", "cyd"]

    @needs("savepoints")
    async def test_it_catches_an_error_so_that_the_outer_one_goes_on(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            await named(tx, "ada")
            with pytest.raises(UniqueViolationError):
                async with tx.transaction() as inner:
                    await named(inner, "bob")
                    await named(inner, "ada")
            await named(tx, "cyd")
        assert await emails(adapter) == ["ada", "cyd"]

    @needs("savepoints")
    async def test_an_error_caught_inside_it_fails_it_and_not_the_outer_one(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            await named(tx, "ada")
            with pytest.raises(AdapterStateError):
                async with tx.transaction() as inner:
                    await named(inner, "bob")
                    with pytest.raises(UniqueViolationError):
                        await named(inner, "ada")
                    with pytest.raises(AdapterStateError):
                        await named(inner, "dan")
            assert await emails(tx) == ["ada"]
        assert await emails(adapter) == ["ada"]

    @needs("savepoints")
    async def test_they_nest(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            async with tx.transaction() as one:
                await named(one, "ada")
                with pytest.raises(UndoError):
                    async with one.transaction() as two:
                        await named(two, "bob")
                        async with two.transaction() as three:
                            await named(three, "cyd")
                        assert await emails(two) == ["ada", "bob", "cyd"]
                        raise UndoError
                assert await emails(one) == ["ada"]
                async with one.transaction() as two:
                    await named(two, "dan")
        assert await emails(adapter) == ["ada", "dan"]

    @needs("savepoints")
    async def test_several_follow_one_another(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            for number in range(6):
                try:
                    async with tx.transaction() as inner:
                        await named(inner, f"user{number}")
                        if number % 2:
                            raise UndoError
                except UndoError:
                    continue
        assert await emails(adapter) == ["user0", "user2", "user4"]

    @needs("savepoints")
    async def test_an_undone_unique_value_is_free_again(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            with pytest.raises(UndoError):
                async with tx.transaction() as inner:
                    user = await named(inner, "ada")
                    await make_session(inner, user)
                    raise UndoError
            user = await named(tx, "ada")
            await make_session(tx, user)
        assert (await emails(adapter), await adapter.count("session")) == (["ada"], 1)

    @needs("savepoints")
    async def test_a_cancellation_inside_undoes_everything(self, adapter: Adapter) -> None:
        entered = asyncio.Event()

        async def work() -> None:
            async with adapter.transaction() as tx:
                await named(tx, "ada")
                async with tx.transaction() as inner:
                    await named(inner, "bob")
                    entered.set()
                    await asyncio.sleep(3600)

        async with patiently():
            task = asyncio.create_task(work())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await emails(adapter) == []

    @needs("savepoints")
    async def test_the_outer_one_waits_while_it_is_open(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            async with tx.transaction() as inner:
                with pytest.raises(AdapterStateError):
                    await named(tx, "ada")
                with pytest.raises(AdapterStateError):
                    async with tx.transaction():
                        pass
                await named(inner, "bob")
            await named(tx, "cyd")
        assert await emails(adapter) == ["bob", "cyd"]

    @needs("savepoints")
    async def test_it_cannot_be_used_after_its_end(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            async with tx.transaction() as inner:
                pass
            with pytest.raises(AdapterStateError):
                await named(inner, "ada")
            await named(tx, "bob")
        assert await emails(adapter) == ["bob"]

    @needs("savepoints")
    async def test_its_isolation_is_that_of_the_outer_one(self, adapter: Adapter) -> None:
        async with adapter.transaction() as tx:
            with pytest.raises(InvalidQueryError, match="isolation"):
                async with tx.transaction(isolation="serializable"):
                    pass
            await named(tx, "ada")
        assert await emails(adapter) == ["ada"]

    @needs("savepoints")
    async def test_run_transaction_inside_runs_once_in_a_savepoint(self, adapter: Adapter) -> None:
        runs: list[Adapter] = []

        async def work(inner: Adapter) -> None:
            runs.append(inner)
            await named(inner, "bob")
            raise TransientError("made up")

        async with adapter.transaction() as tx:
            await named(tx, "ada")
            with pytest.raises(TransientError):
                await tx.run_transaction(work)
            cyd = await tx.run_transaction(lambda inner: named(inner, "cyd"))
        assert len(runs) == 1
        assert cyd["email"] == "cyd@example.com"
        assert await emails(adapter) == ["ada", "cyd"]


@pytest.mark.asyncio
class TestOutlivingSavepoints(Topic):
    """A savepoint that another task still holds when the transaction around it ends goes with it."""

    @needs("savepoints")
    @pytest.mark.parametrize("fails", [False, True])
    async def test_it_writes_nothing_any_more(self, adapter: Adapter, fails: bool) -> None:
        inside, go = asyncio.Event(), asyncio.Event()
        holder = await _outlived(adapter, inside, go, fails=fails)
        go.set()
        with pytest.raises(AdapterStateError):
            await holder
        assert await emails(adapter) == []
        await named(adapter, "cyd")
        assert await emails(adapter) == ["cyd"]

    @needs("savepoints")
    @pytest.mark.parametrize("fails", [False, True])
    async def test_it_does_nothing_to_a_transaction_that_came_after(self, adapter: Adapter, fails: bool) -> None:
        inside, go = asyncio.Event(), asyncio.Event()
        holder = await _outlived(adapter, inside, go, fails=fails)
        async with adapter.transaction() as tx:
            await named(tx, "ada")
            async with tx.transaction() as inner:
                await named(inner, "bob")
                go.set()
                with pytest.raises(AdapterStateError):
                    await holder
                await named(inner, "cyd")
            assert await emails(tx) == ["ada", "bob", "cyd"]
        assert await emails(adapter) == ["ada", "bob", "cyd"]

    @needs("savepoints")
    async def test_its_end_is_no_success(self, adapter: Adapter) -> None:
        inside, go = asyncio.Event(), asyncio.Event()

        async def hold(tx: Adapter) -> None:
            async with tx.transaction() as inner:
                await named(inner, "eve")
                inside.set()
                await go.wait()

        with pytest.raises(AdapterStateError):
            async with adapter.transaction() as tx:
                holder = asyncio.create_task(hold(tx))
                await inside.wait()
        go.set()
        with pytest.raises(AdapterStateError):
            await holder
        assert await emails(adapter) == []


async def _outlived(adapter: Adapter, inside: asyncio.Event, go: asyncio.Event, *, fails: bool) -> asyncio.Task[None]:
    """A task that holds a savepoint of a transaction that has ended, and uses it when it may `go`."""

    async def hold(tx: Adapter) -> None:
        async with tx.transaction() as inner:
            inside.set()
            await go.wait()
            await named(inner, "eve")

    with pytest.raises(UndoError if fails else AdapterStateError):
        async with adapter.transaction() as tx:
            holder = asyncio.create_task(hold(tx))
            await inside.wait()
            if fails:
                raise UndoError
    return holder


@pytest.mark.asyncio
class TestTransactionMisuse(Topic):
    """What would deadlock or corrupt raises AdapterStateError."""

    @needs("transactions")
    async def test_the_outer_adapter_is_refused_inside_its_own_tasks_transaction(self, adapter: Adapter) -> None:
        async with patiently(), adapter.transaction() as tx:
            await named(tx, "ada")
            for verb in (
                adapter.find_many("user"),
                adapter.count("user"),
                named(adapter, "bob"),
                adapter.purge_expired(),
                adapter.create_tables(),
                adapter.run_transaction(make_user),
                adapter.close(),
            ):
                with pytest.raises(AdapterStateError):
                    await verb
            with pytest.raises(AdapterStateError):
                async with adapter.transaction():
                    pass
            await named(tx, "cyd")
        assert await emails(adapter) == ["ada", "cyd"]

    @needs("savepoints")
    async def test_one_that_ends_with_a_savepoint_open_is_undone(self, adapter: Adapter) -> None:
        async with patiently():
            with pytest.raises(AdapterStateError):
                async with adapter.transaction() as tx:
                    await named(tx, "ada")
                    savepoint = tx.transaction()
                    await named(await savepoint.__aenter__(), "bob")
            with suppress(AuthAdapterError):
                await savepoint.__aexit__(None, None, None)
            await named(adapter, "cyd")
        assert await emails(adapter) == ["cyd"]

    @needs("transactions")
    async def test_the_outer_adapter_is_free_again_afterwards(self, adapter: Adapter) -> None:
        with pytest.raises(UndoError):
            async with adapter.transaction():
                raise UndoError
        await named(adapter, "ada")
        assert await emails(adapter) == ["ada"]

    @needs("transactions")
    async def test_the_outer_adapter_is_free_for_other_tasks(self, adapter: Adapter) -> None:
        async with patiently():
            async with adapter.transaction() as tx:
                await named(tx, "ada")
                assert await asyncio.create_task(adapter.count("user")) == 0
                writer = asyncio.create_task(named(adapter, "bob"))
            await writer
        assert await emails(adapter) == ["ada", "bob"]

    @needs("transactions")
    async def test_it_cannot_be_used_after_its_end(self, adapter: Adapter) -> None:
        async with adapter.transaction() as committed:
            pass
        with pytest.raises(UndoError):
            async with adapter.transaction() as undone:
                raise UndoError
        for tx in (committed, undone):
            with pytest.raises(AdapterStateError):
                await named(tx, "ada")
            with pytest.raises(AdapterStateError):
                await tx.find_many("user")
            with pytest.raises(AdapterStateError):
                await tx.open()
        assert await emails(adapter) == []

    @needs("transactions")
    async def test_two_tasks_at_once_are_refused_or_served_but_never_hang(self, adapter: Adapter) -> None:
        async with patiently():
            async with adapter.transaction() as tx:
                got = await together(*(named(tx, f"user{number}") for number in range(10)))
            served = [one for one in got if isinstance(one, dict)]
            assert served
            assert all(isinstance(one, dict | AdapterStateError) for one in got)
        assert await emails(adapter) == sorted(one["email"].partition("@")[0] for one in served)

    @needs("transactions")
    async def test_a_refused_task_does_not_fail_the_transaction(self, adapter: Adapter) -> None:
        async with patiently():
            async with adapter.transaction() as tx:
                await together(*(tx.count("user") for _ in range(5)))
                await named(tx, "ada")
        assert await emails(adapter) == ["ada"]

    @needs("transactions")
    async def test_what_is_still_running_at_its_end_never_slips_out(self, adapter: Adapter) -> None:
        async with patiently():
            late: asyncio.Task[Any] | None = None
            try:
                async with adapter.transaction() as tx:
                    await named(tx, "ada")
                    late = asyncio.create_task(named(tx, "late"))
                    await asyncio.sleep(0)
                committed = True
            except AdapterStateError:
                committed = False
            assert late is not None
            (served,) = await together(late)
            found = await emails(adapter)
        if not committed:
            assert found == []
        elif isinstance(served, dict):
            assert found == ["ada", "late"]
        else:
            assert isinstance(served, AdapterStateError)
            assert found == ["ada"]
