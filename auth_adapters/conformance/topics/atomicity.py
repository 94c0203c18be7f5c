"""Races: many tasks at once, over one adapter and over two on one database."""

import asyncio
from typing import Any

import pytest

from auth_adapters.conformance.expect import needs, patiently, together
from auth_adapters.conformance.topic import LATER, Connect, Topic, make_session, make_user, new_database
from auth_adapters.conformance.topics.atomic_verbs import COUNTERS
from auth_adapters.errors import (
    ForeignKeyViolationError,
    TransientError,
    UniqueViolationError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.query import ALL, field
from auth_adapters.schema.composition import Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Model

__all__ = ["TestAtomicity", "TestAtomicityInTransactions"]

RACERS = 50
ROUNDS = 15
TWO_KEYS = Schema(
    {
        "pair": Model(
            fields={
                "x": Field("string", unique=True),
                "y": Field("string", unique=True),
                "note": Field("string", default="new"),
            }
        )
    }
)


def kinds(results: list[Any]) -> dict[str, int]:
    """How many results there are of each class."""
    names = [type(result).__name__ for result in results]
    return {name: names.count(name) for name in sorted(set(names))}


class Race(Topic):
    """A topic whose tests run over one adapter and over two."""

    @pytest.fixture(params=[1, 2], ids=["one-adapter", "two-adapters"])
    def width(self, request: pytest.FixtureRequest) -> int:
        """How many adapters share the database."""
        number: int = request.param
        return number

    async def racing(self, connect: Connect, width: int, schema: Schema | None = None) -> list[Adapter]:
        """An adapter for each racer."""
        database = new_database()
        adapters = [await connect(schema or auth_schema(), database=database) for _ in range(width)]
        return [adapters[number % width] for number in range(RACERS)]


@pytest.mark.asyncio
class TestAtomicity(Race):
    """Single verbs that race."""

    async def code(self, adapter: Adapter, value: str = "1234") -> dict[str, Any]:
        """A stored verification."""
        return await adapter.create("verification", {"identifier": "ada", "value": value, "expires_at": LATER})

    async def test_one_token_is_consumed_once(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        code = await self.code(racers[0])
        got = await together(*(one.consume_one("verification", {"value": "1234"}) for one in racers))
        assert kinds(got) == {"NoneType": RACERS - 1, "dict": 1}
        assert [one for one in got if one] == [code]

    async def test_racers_over_fewer_records_get_one_each(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        for number in range(30):
            await self.code(racers[0], f"{number:02}")
        got = await together(*(one.consume_one("verification", {"identifier": "ada"}) for one in racers))
        assert kinds(got) == {"NoneType": RACERS - 30, "dict": 30}
        assert sorted(one["value"] for one in got if one) == [f"{number:02}" for number in range(30)]
        assert await racers[0].count("verification") == 0

    async def test_racers_over_more_records_get_one_each(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        for number in range(60):
            await self.code(racers[0], f"{number:02}")
        got = await together(*(one.consume_one("verification", {"identifier": "ada"}) for one in racers))
        assert kinds(got) == {"dict": RACERS}
        assert len({one["value"] for one in got}) == RACERS
        assert await racers[0].count("verification") == 60 - RACERS

    async def test_one_record_is_deleted_once(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        await self.code(racers[0])
        got = await together(*(one.delete("verification", {"value": "1234"}) for one in racers))
        assert (got.count(True), got.count(False)) == (1, RACERS - 1)

    async def test_deletes_of_many_count_every_record_once(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        for number in range(20):
            await self.code(racers[0], f"{number}")
        got = await together(*(one.delete_many("verification", {"identifier": "ada"}) for one in racers))
        assert kinds(got) == {"int": RACERS}
        assert sum(got) == 20

    async def test_increments_add_up(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        await racers[0].create("counter", {"name": "a"})
        got = await together(*(one.increment_one("counter", {"name": "a"}, {"value": 1}) for one in racers))
        assert sorted(one["value"] for one in got) == list(range(1, RACERS + 1))
        assert await racers[0].count("counter", {"value": RACERS}) == 1

    async def test_increments_from_none_add_up(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        await racers[0].create("counter", {"name": "a"})
        increment = {"spare": 2, "ratio": 0.5}
        await together(*(one.increment_one("counter", {"name": "a"}, increment) for one in racers))
        assert await racers[0].count("counter", {"spare": 2 * RACERS, "ratio": 0.5 * RACERS}) == 1

    async def test_a_guarded_counter_never_falls_below_zero(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        await racers[0].create("counter", {"name": "a", "value": 20})
        guard = field("name").eq("a") & field("value").gt(0)
        got = await together(*(one.increment_one("counter", guard, {"value": -1}) for one in racers))
        assert kinds(got) == {"NoneType": RACERS - 20, "dict": 20}
        assert sorted(one["value"] for one in got if one) == list(range(20))

    async def test_an_update_as_compare_and_swap_has_one_winner(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        await make_user(racers[0], name="free")
        free = field("email").eq("ada@example.com") & field("name").eq("free")
        got = await together(
            *(one.update("user", free, {"name": f"taken by {number}"}) for number, one in enumerate(racers))
        )
        assert kinds(got) == {"NoneType": RACERS - 1, "dict": 1}
        assert await racers[0].find_many("user") == [one for one in got if one]

    async def test_updates_of_many_as_compare_and_swap_have_one_winner(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        for number in range(5):
            await make_user(racers[0], f"user{number}@example.com", name="free")
        got = await together(*(one.update_many("user", {"name": "free"}, {"name": "taken"}) for one in racers))
        assert sum(got) == 5

    async def test_of_identical_sign_ups_one_succeeds(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        got = await together(*(make_user(one, "ada@example.com") for one in racers))
        assert kinds(got) == {"UniqueViolationError": RACERS - 1, "dict": 1}
        errors = [one for one in got if isinstance(one, UniqueViolationError)]
        assert {(error.model, error.fields) for error in errors} == {("user", ("email",))}
        assert await racers[0].find_many("user") == [one for one in got if isinstance(one, dict)]

    async def test_of_racing_upserts_one_creates(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        got = await together(
            *(
                one.upsert("user", {"email": "ada@example.com", "name": f"{number}"}, on=["email"])
                for number, one in enumerate(racers)
            )
        )
        assert kinds(got) == {"tuple": RACERS}
        assert [created for _, created in got].count(True) == 1
        assert len({record["id"] for record, _ in got}) == 1
        assert await racers[0].count("user") == 1

    async def test_of_racing_inserts_if_absent_all_get_the_same_record(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        got = await together(
            *(
                one.upsert("user", {"email": "ada@example.com", "name": f"{number}"}, on=["email"], changes={})
                for number, one in enumerate(racers)
            )
        )
        assert [created for _, created in got].count(True) == 1
        (stored,) = await racers[0].find_many("user")
        assert all(record == stored for record, _ in got)

    async def test_upserts_that_race_deletes_always_return_a_record(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        work = [
            one.delete("user", {"email": "ada@example.com"})
            if number % 2
            else one.upsert("user", {"email": "ada@example.com"}, on=["email"], changes={})
            for number, one in enumerate(racers)
        ]
        got = await together(*work)
        assert kinds(got) == {"bool": RACERS // 2, "tuple": RACERS // 2}
        created = [one for one in got[::2] if one[1]]
        assert len(created) - got[1::2].count(True) == await racers[0].count("user")

    @pytest.mark.parametrize("changes", [{}, None], ids=["nothing", "data"])
    async def test_upserts_with_two_keys_that_race_deletes_always_return_a_record(
        self, connect: Connect, width: int, changes: dict[str, str] | None
    ) -> None:
        racers = await self.racing(connect, width, TWO_KEYS)
        data = {"x": "x", "y": "y"}
        for on in (["x"], ["y"]) * 3:
            got = await together(
                *(
                    one.delete("pair", {"x": "x"}) if number % 2 else one.upsert("pair", data, on=on, changes=changes)
                    for number, one in enumerate(racers)
                )
            )
            assert kinds(got) == {"bool": RACERS // 2, "tuple": RACERS // 2}
            assert {record["y"] for record, _ in got[::2]} == {"y"}

    @pytest.mark.parametrize("on", [["x"], ["y"]], ids="".join)
    @pytest.mark.parametrize("changes", [{}, None, {"note": "seen"}], ids=["nothing", "data", "changes"])
    async def test_of_identical_racing_upserts_with_two_keys_one_creates(
        self, connect: Connect, width: int, on: list[str], changes: dict[str, Any] | None
    ) -> None:
        racers = (await self.racing(connect, width, TWO_KEYS))[:10]
        for attempt in range(ROUNDS):
            data = {"x": f"x{attempt}", "y": f"y{attempt}"}
            got = await together(*(one.upsert("pair", data, on=on, changes=changes) for one in racers))
            assert kinds(got) == {"tuple": len(racers)}
            assert [created for _, created in got].count(True) == 1
            assert len({record["id"] for record, _ in got}) == 1
        assert await racers[0].count("pair") == ROUNDS

    @needs("atomic_batches")
    async def test_racing_batches_are_whole_or_absent(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        got = await together(
            *(
                one.create_many("user", [{"email": f"{number}-{part}"} for part in range(3)] + [{"email": "shared"}])
                for number, one in enumerate(racers)
            )
        )
        assert kinds(got) == {"UniqueViolationError": RACERS - 1, "list": 1}
        (batch,) = [one for one in got if isinstance(one, list)]
        found = await racers[0].find_many("user")
        assert {user["email"] for user in found} == {user["email"] for user in batch}

    async def test_a_child_never_outlives_its_parent(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        user = await make_user(racers[0])
        work = [make_session(one, user, f"token{number}") for number, one in enumerate(racers)]
        work.insert(RACERS // 2, racers[1].delete("user", {"id": user["id"]}))  # type: ignore[arg-type]
        got = await together(*work)
        assert all(isinstance(one, dict | bool | ForeignKeyViolationError) for one in got)
        assert await racers[0].count("session") == 0

    async def test_a_cancelled_racer_loses_nothing(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        await racers[0].create("counter", {"name": "a"})

        async def add(adapter: Adapter) -> None:
            await adapter.increment_one("counter", {"name": "a"}, {"value": 1})

        async with patiently():
            tasks = [asyncio.create_task(add(one)) for one in racers]
            await asyncio.sleep(0)
            for task in tasks[::5]:
                task.cancel()
            await asyncio.wait(tasks)
        done = sum(not task.cancelled() for task in tasks)
        (counter,) = await racers[0].find_many("counter")
        assert done <= counter["value"] <= RACERS
        assert all(task.cancelled() or task.exception() is None for task in tasks)
        await add(racers[0])
        assert await racers[1].count("counter", {"value": counter["value"] + 1}) == 1

    @needs("atomic_batches")
    async def test_readers_see_whole_batches(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)
        rows = [[{"email": f"{batch}-{part}"} for part in range(7)] for batch in range(10)]
        writes = [racers[batch].create_many("user", rows[batch]) for batch in range(10)]
        got = await together(*writes, *(one.count("user") for one in racers))
        assert all(count % 7 == 0 for count in got[10:])
        assert await racers[0].count("user") == 70


@pytest.mark.asyncio
class TestAtomicityInTransactions(Race):
    """Transactions that race, and single verbs that race transactions."""

    @needs("transactions")
    @pytest.mark.parametrize("commits", [True, False], ids=["commit", "rollback"])
    async def test_consume_waits_for_a_transaction_that_holds_the_record(
        self, connect: Connect, width: int, commits: bool
    ) -> None:
        racers = await self.racing(connect, width)
        code = {"identifier": "ada", "value": "1234", "expires_at": LATER}
        await racers[0].create("verification", code)
        held, free = asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with racers[0].transaction() as tx:
                assert await tx.consume_one("verification", {"value": "1234"}) is not None
                held.set()
                await free.wait()
                if not commits:
                    raise LookupError

        async with patiently():
            holder = asyncio.create_task(hold())
            await held.wait()
            waiting = asyncio.create_task(racers[1].consume_one("verification", {"value": "1234"}))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            free.set()
            await asyncio.wait([holder])
            assert (await waiting is None) == commits
        assert await racers[0].count("verification") == 0

    async def add(self, adapter: Adapter) -> Any:
        """The counter, one more than it was."""
        return await adapter.increment_one("counter", {"name": "a"}, {"value": 1})

    @needs("transactions")
    async def test_increments_wait_for_a_transaction(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        await racers[0].create("counter", {"name": "a"})
        async with patiently():
            async with racers[0].transaction() as tx:
                await tx.increment_one("counter", {"name": "a"}, {"value": 1})
                waiting = [asyncio.create_task(self.add(one)) for one in racers[:10]]
                await asyncio.sleep(0.02)
                await tx.increment_one("counter", {"name": "a"}, {"value": 1})
            got = await asyncio.gather(*waiting)
        assert sorted(one["value"] for one in got if one) == list(range(3, 13))

    @needs("transactions")
    async def test_transfers_keep_the_sum(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        names = ["a", "b", "c", "d"]
        for name in names:
            await racers[0].create("counter", {"name": name, "value": 10})

        async def transfer(number: int, adapter: Adapter) -> None:
            giver, taker = sorted([names[number % 4], names[(number * 3 + 1) % 4]])

            async def work(tx: Adapter) -> None:
                rich = field("name").eq(giver) & field("value").gte(3)
                if await tx.increment_one("counter", rich, {"value": -3}):
                    await tx.increment_one("counter", {"name": taker}, {"value": 3})
                if number % 7 == 0:
                    raise LookupError

            await adapter.run_transaction(work, attempts=20)

        got = await together(*(transfer(number, one) for number, one in enumerate(racers)))
        assert set(kinds(got)) <= {"NoneType", "LookupError"}
        values = [counter["value"] for counter in await racers[0].find_many("counter")]
        assert sum(values) == 40
        assert min(values) >= 0

    @needs("transactions")
    async def test_of_racing_sign_ups_with_their_accounts_one_is_whole(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)

        async def sign_up(number: int, adapter: Adapter) -> None:
            async def work(tx: Adapter) -> None:
                account = {"provider_id": "p", "account_id": f"{number}"}
                user = await make_user(tx)
                await tx.create("account", {"user_id": user["id"], **account})
                await make_session(tx, user, f"token{number}")

            await adapter.run_transaction(work, attempts=20)

        got = await together(*(sign_up(number, one) for number, one in enumerate(racers)))
        assert kinds(got) == {"NoneType": 1, "UniqueViolationError": RACERS - 1}
        for model in ("user", "account", "session"):
            assert await racers[0].count(model) == 1

    @needs("transactions")
    async def test_cancelled_transactions_leave_nothing_behind(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width)

        async def work(number: int, adapter: Adapter) -> None:
            async with adapter.transaction() as tx:
                user = await make_user(tx, f"user{number}@example.com")
                await asyncio.sleep(0)
                await make_session(tx, user, f"token{number}")

        async with patiently():
            tasks = [asyncio.create_task(work(number, one)) for number, one in enumerate(racers)]
            for step in range(10):
                await asyncio.sleep(0.001)
                tasks[step * 3].cancel()
            await asyncio.wait(tasks)
        assert not [task for task in tasks if not task.cancelled() and task.exception()]
        done = sum(not task.cancelled() for task in tasks)
        users = {user["id"] for user in await racers[0].find_many("user")}
        assert users == {session["user_id"] for session in await racers[0].find_many("session")}
        assert len(users) >= done
        assert await racers[0].delete_many("user", ALL) == len(users)

    @needs("serializable")
    async def test_reading_and_then_writing_loses_no_update(self, connect: Connect, width: int) -> None:
        racers = await self.racing(connect, width, COUNTERS)
        await racers[0].create("counter", {"name": "a"})

        async def add(adapter: Adapter) -> None:
            async def work(tx: Adapter) -> None:
                counter = await tx.find_one("counter", {"name": "a"})
                assert counter is not None
                await tx.update("counter", {"name": "a"}, {"value": counter["value"] + 1})

            await adapter.run_transaction(work, isolation="serializable", attempts=50)

        got = await together(*(add(one) for one in racers[:15]))
        assert all(one is None or isinstance(one, TransientError) for one in got)
        assert await racers[0].count("counter", {"value": got.count(None)}) == 1
        assert got.count(None) > 0
