"""Look-ups that wait for a connection, on real servers: each finds its own, whatever happens to the others."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth_adapters import (
    SESSION,
    USER,
    Adapter,
    BackendAdapter,
    BackendError,
    ConnectionFailedError,
    Field,
    Model,
    Schema,
)
from conformance_tests.resilience.lost import nothing_leaked, works_again
from conformance_tests.resilience.outside import Outside, figures, patience, until

__all__ = ["TestLookUpsTogether"]

ALIKE = (
    "token", "Token", "TOKEN", "token ", " token", "tokén", "toke\u0301n", "tok%n", "tok_n", "tok'n", 'tok"n', "tok\\n",
    "tok\nn", "{token}", "[token]", "token,token", "NULL", "null", "", "0", "\U0001f511", "\U0001f511\ufe0f",
)  # fmt: skip
"""Values that a database or a list of values may take for one another."""


def statements(db: Adapter) -> int:
    """How many the adapter has sent."""
    assert isinstance(db, BackendAdapter)
    backend: Any = db.backend
    sent: int = backend.statements
    return sent


PEOPLE = Schema(
    {
        "person": Model(
            fields={
                "email": Field("string", unique=True),
                "roles": Field("string[]", default=list),
                "seats": Field("integer[]", default=list),
                "data": Field("json", required=False),
            }
        )
    }
)


async def sign_in(db: Adapter, tokens: list[str]) -> None:
    """A user with a session for each token."""
    await db.create_tables()
    expires = datetime.now(UTC) + timedelta(days=1)
    for number, token in enumerate(tokens):
        user = await db.create(USER, {"email": f"{number}@example.com", "name": token})
        await db.create(SESSION, {"user_id": user["id"], "token": token, "expires_at": expires})


async def check(db: Adapter, token: str, known: list[str]) -> None:
    """A session and its user are found, or nothing if there is no such session."""
    found: Any = await db.find_one("session", {"token": token}, join=["user"])
    if token not in known:
        assert found is None
        return
    assert found is not None
    assert (found["token"], found["user"]["name"]) == (token, token)
    user = await db.find_one(USER, {"id": found["user_id"]}, select=["id", "name"])
    assert user is not None
    assert dict(user) == {"id": found["user_id"], "name": token}


@pytest.mark.asyncio
class TestLookUpsTogether:
    """More look-ups than connections."""

    async def test_each_finds_its_own_with_fewer_statements(self, outside: Outside) -> None:
        tokens = [f"token {number}" for number in range(100)]
        async with patience(), outside.connect(pool_size=3) as db:
            await sign_in(db, tokens)
            before = statements(db)
            await asyncio.gather(*(check(db, f"token {number % 120}", tokens) for number in range(360)))
            assert statements(db) - before < 360 / 2
            await nothing_leaked(db, outside, 3)

    async def test_without_the_option_each_sends_its_own_statement(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=3, coalesce=False) as db:
            await sign_in(db, ["a", "b"])
            before = statements(db)
            await asyncio.gather(*(check(db, token, ["a", "b"]) for token in "abc" * 20))
            assert statements(db) - before == 40 * 2 + 20
            await nothing_leaked(db, outside, 3)

    async def test_values_that_look_alike_are_not_taken_for_one_another(self, outside: Outside) -> None:
        known = list(ALIKE[::2])
        async with patience(), outside.connect(pool_size=1) as db:
            await sign_in(db, known)
            await asyncio.gather(*(check(db, token, known) for token in ALIKE * 4))

    async def test_a_task_finds_what_it_has_just_written(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=2) as db:
            await db.create_tables()

            async def sign_up(number: int) -> None:
                email = f"{number}@example.com"
                assert await db.find_one(USER, {"email": email}) is None
                user = await db.create(USER, {"email": email, "name": "first"})
                assert await db.find_one(USER, {"email": email}) == user
                await db.update(USER, {"id": user["id"]}, {"name": "second"})
                found = await db.find_one(USER, {"id": user["id"]})
                assert found is not None
                assert found["name"] == "second"
                assert await db.delete(USER, {"id": user["id"]})
                assert await db.find_one(USER, {"email": email}) is None

            await asyncio.gather(*(sign_up(number) for number in range(60)))
            await nothing_leaked(db, outside, 2)

    async def test_very_long_values_disturb_nobody(self, outside: Outside) -> None:
        known = [f"{number}" for number in range(10)]
        long = [f"{number}" * 2**21 for number in range(10)]  # together more than a server takes
        async with patience(), outside.connect(pool_size=1) as db:
            await sign_in(db, known)
            await asyncio.gather(*(check(db, token, known) for token in [*known, *long] * 2))
            await nothing_leaked(db, outside, 1)

    async def test_callers_that_leave_disturb_nobody(self, outside: Outside) -> None:
        tokens = [f"token {number}" for number in range(20)]
        chance = random.Random(5)
        async with patience(), outside.connect(pool_size=2) as db:
            await sign_in(db, tokens)

            async def visit(number: int) -> None:
                for _ in range(10):
                    task = asyncio.create_task(check(db, f"token {chance.randrange(25)}", tokens))
                    if number % 3 == 0:
                        await asyncio.sleep(chance.random() * 0.004)
                        task.cancel()
                        await asyncio.wait([task])
                    else:
                        await task

            await asyncio.gather(*(visit(number) for number in range(60)))
            await nothing_leaked(db, outside, 2)

    async def test_a_connection_that_is_cut_is_the_error_of_one(self, outside: Outside) -> None:
        tokens = [f"token {number}" for number in range(30)]
        async with patience(), outside.connect(pool_size=1) as db:
            await sign_in(db, tokens)
            with pytest.raises(ConnectionFailedError):
                async with db.transaction() as tx:
                    looking = [asyncio.create_task(check(db, token, tokens)) for token in tokens]
                    await until(lambda: figures(db).waiting == len(tokens))
                    await asyncio.to_thread(outside.terminate_connections)
                    await tx.count(USER)
            outcomes = await asyncio.gather(*looking, return_exceptions=True)
            failed = [one for one in outcomes if one is not None]
            assert len(failed) <= 1
            assert all(isinstance(one, BackendError) for one in failed)
            await nothing_leaked(db, outside, 1)

    async def test_connections_that_are_cut_again_and_again(self, outside: Outside) -> None:
        tokens = [f"token {number}" for number in range(20)]
        async with patience(), outside.connect(pool_size=2) as db:
            await sign_in(db, tokens)
            found = 0

            async def visit(number: int) -> None:
                nonlocal found
                for turn in range(40):
                    try:
                        await check(db, tokens[(number + turn) % 20], tokens)
                    except BackendError:
                        await asyncio.sleep(0.01)
                    else:
                        found += 1

            visits = [asyncio.create_task(visit(number)) for number in range(40)]
            await until(lambda: figures(db).waited > 0)
            for _ in range(3):
                await asyncio.to_thread(outside.terminate_connections)
            await asyncio.gather(*visits)
            assert found > 0
            await works_again(db)
            await asyncio.gather(*(check(db, token, tokens) for token in tokens))
            await nothing_leaked(db, outside, 2)

    async def test_a_table_that_compares_otherwise_answers_as_it_does_to_each_alone(self, outside: Outside) -> None:
        asked = ["Ada@x", "ada@x", "ADA@x", "ada@x ", "ada@x  ", "bob"]
        for change in outside.loose_changes:
            async with patience(), outside.connect(pool_size=1, schema=PEOPLE) as db:
                await db.create_tables()
                for statement in change.split(";"):
                    outside.run(statement)
                await db.create("person", {"email": "ada@x"})
                alone = [await db.find_one("person", {"email": email}) for email in asked]
                assert sum(one is not None for one in alone) > 1, change
                async with db.transaction():
                    looking = [asyncio.create_task(db.find_one("person", {"email": email})) for email in asked]
                    await until(lambda db=db: figures(db).waiting == len(asked))  # type: ignore[misc]
                assert await asyncio.gather(*looking) == alone, change
                outside.run("DROP TABLE person")

    async def test_lists_belong_to_who_asked_for_them(self, outside: Outside) -> None:
        async with patience(), outside.connect(pool_size=1, schema=PEOPLE) as db:
            await db.create_tables()
            ada = await db.create("person", {"email": "ada", "roles": ["member"], "seats": [1], "data": {"a": [1]}})
            async with db.transaction():
                looking = [asyncio.create_task(db.find_one("person", {"email": "ada"})) for _ in range(3)]
                await until(lambda: figures(db).waiting == len(looking))
                before = statements(db)
            first, *others = await asyncio.gather(*looking)
            assert statements(db) == before + 1
            assert first == ada
            assert first is not None
            first["roles"].append("admin")
            first["seats"].append(2)
            first["data"]["a"].append(2)
            assert others == [ada, ada]

    async def test_a_replica_answers_them_together_too(self, outside: Outside) -> None:
        tokens = [f"token {number}" for number in range(30)]
        async with patience(), outside.connect(pool_size=2, read_url=outside.url) as db:
            await sign_in(db, tokens)
            before, taken = statements(db), figures(db).acquired
            await asyncio.gather(*(check(db, token, tokens) for token in tokens))
            assert figures(db).acquired == taken
            assert statements(db) - before < len(tokens) / 2

    async def test_a_table_that_is_changed_meanwhile_is_used_as_it_is_now(self, outside: Outside) -> None:
        tokens = [f"token {number}" for number in range(20)]
        async with patience(), outside.connect(pool_size=2) as db:
            await sign_in(db, tokens)
            for change in outside.harmless_changes:
                await asyncio.gather(*(check(db, token, tokens) for token in tokens * 3))
                outside.run(change)
                await asyncio.gather(*(check(db, token, tokens) for token in tokens * 3))
            await nothing_leaked(db, outside, 2)
