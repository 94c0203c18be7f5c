"""run_transaction: a whole transaction, and again after a transient error."""

from typing import Any

import pytest

from auth_adapters.conformance.expect import UndoError, needs
from auth_adapters.conformance.topic import Topic, make_user
from auth_adapters.errors import InvalidQueryError, TransientError, UniqueViolationError
from auth_adapters.protocols import Adapter

__all__ = ["TestRunTransaction"]


@pytest.mark.asyncio
class TestRunTransaction(Topic):
    """run_transaction."""

    @needs("transactions")
    async def test_it_commits_and_returns_what_the_work_returned(self, adapter: Adapter) -> None:
        user = await adapter.run_transaction(make_user)
        assert await adapter.find_many("user") == [user]

    @needs("transactions")
    async def test_an_error_rolls_back_and_is_raised_at_once(self, adapter: Adapter) -> None:
        runs = []

        async def work(tx: Adapter) -> None:
            runs.append(tx)
            await make_user(tx)
            raise UndoError

        with pytest.raises(UndoError):
            await adapter.run_transaction(work)
        assert (len(runs), await adapter.count("user")) == (1, 0)

    @needs("transactions")
    async def test_a_constraint_error_is_not_tried_again(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        runs = []

        async def work(tx: Adapter) -> Any:
            runs.append(tx)
            return await make_user(tx)

        with pytest.raises(UniqueViolationError):
            await adapter.run_transaction(work)
        assert (len(runs), await adapter.find_many("user")) == (1, [user])

    @needs("transactions")
    @pytest.mark.parametrize("failures", [0, 1, 2])
    async def test_a_transient_error_is_tried_again_in_a_new_transaction(self, adapter: Adapter, failures: int) -> None:
        runs: list[Adapter] = []

        async def work(tx: Adapter) -> int:
            runs.append(tx)
            await make_user(tx)
            if len(runs) <= failures:
                raise TransientError("made up")
            return len(runs)

        assert await adapter.run_transaction(work) == failures + 1
        assert len({id(tx) for tx in runs}) == failures + 1
        assert await adapter.count("user") == 1

    @needs("transactions")
    @pytest.mark.parametrize("attempts", [1, 2, 5])
    async def test_the_last_error_is_raised_after_so_many_attempts(self, adapter: Adapter, attempts: int) -> None:
        runs: list[Adapter] = []

        async def work(tx: Adapter) -> None:
            runs.append(tx)
            await make_user(tx)
            raise TransientError(f"attempt {len(runs)}")

        with pytest.raises(TransientError, match=f"attempt {attempts}"):
            await adapter.run_transaction(work, attempts=attempts)
        assert (len(runs), await adapter.count("user")) == (attempts, 0)

    @needs("transactions")
    @pytest.mark.parametrize("attempts", [0, -1, 1.5, None])
    async def test_attempts_must_be_a_positive_whole_number(self, adapter: Adapter, attempts: Any) -> None:
        with pytest.raises(InvalidQueryError, match="attempts"):
            await adapter.run_transaction(make_user, attempts=attempts)
        assert await adapter.count("user") == 0

    @needs("transactions")
    async def test_isolation_is_passed_on(self, adapter: Adapter) -> None:
        strict = adapter.capabilities.serializable
        user = await adapter.run_transaction(make_user, isolation="serializable" if strict else "repeatable_read")
        assert await adapter.find_many("user") == [user]
        with pytest.raises(InvalidQueryError, match="isolation"):
            await adapter.run_transaction(make_user, isolation="wrong")  # type: ignore[arg-type]
