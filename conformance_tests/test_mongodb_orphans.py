"""Children and parents that come and go at the same time, on a real replica set and on a server that stands alone."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import OperationFailure

from auth_adapters import (
    ALL,
    SESSION,
    USER,
    Adapter,
    AdapterStateError,
    BackendAdapter,
    BackendError,
    Field,
    ForeignKeyViolationError,
    Model,
    Reference,
    Schema,
    TransientError,
    UnsupportedOperationError,
    field,
)
from conformance_tests.mongodb_outside import TOKENS, LossyProxy, OutsideMongoDB, nothing_leaked, orphans, teams
from conformance_tests.resilience.outside import patience

LATER = datetime.now(UTC) + timedelta(days=1)
ROUNDS = 4
CHILDREN = 5
PARENTS = 4


@pytest.fixture
def outside(either_mongodb: OutsideMongoDB) -> Iterator[OutsideMongoDB]:
    yield either_mongodb
    either_mongodb.sync.drop_database(either_mongodb.name)


def strays(outside: OutsideMongoDB) -> list[int]:
    """The numbers of members of teams that are not there."""
    codes = {one["code"] for one in outside.stored("team")}
    return [one["number"] for one in outside.stored("member") if one.get("team_code") and one["team_code"] not in codes]


async def make_session(db: Adapter, user: str, token: str) -> None:
    await db.create(SESSION, {"user_id": user, "token": token, "expires_at": LATER})


async def soon(random: Random) -> None:
    """Wait a little, so that everybody meets everybody."""
    await asyncio.sleep(random.uniform(0, 0.02))


def conflict() -> OperationFailure:
    """What makes PyMongo's `with_transaction` try again."""
    return OperationFailure("conflict", 112, {"errorLabels": ["TransientTransactionError"]})


async def lacks_transactions(db: BackendAdapter) -> bool:
    """Whether a server stands alone; then it refuses them, and that is the test."""
    if db.capabilities.transactions:
        return False
    with pytest.raises(UnsupportedOperationError, match="transactions"):
        async with db.transaction():
            pass
    return True


async def race(outside: OutsideMongoDB, create: Any, delete: Any) -> tuple[int, int]:
    """Sessions are created while their users are deleted, through two adapters: how many were created, and not."""
    random = Random(7)
    done = {True: 0, False: 0}

    async def creating(db: BackendAdapter, user: str, token: str) -> None:
        await soon(random)
        try:
            await create(db, user, token)
        except (ForeignKeyViolationError, TransientError):
            done[False] += 1
        else:
            done[True] += 1

    async def deleting(db: BackendAdapter, user: str) -> None:
        await soon(random)
        await delete(db, user)

    async with asyncio.timeout(60), outside.connect() as one, outside.connect() as two:
        await one.create_tables()
        for turn in range(ROUNDS):
            users = [(await one.create(USER, {"email": f"{turn}.{n}"}))["id"] for n in range(PARENTS)]
            await asyncio.gather(*(creating(one, user, f"{user}.early") for user in users))
            await asyncio.gather(
                *(creating(random.choice((one, two)), user, f"{user}.{n}") for user in users for n in range(CHILDREN)),
                *(deleting(db, user) for user in users for db in (one, two)),
            )
            await asyncio.gather(*(creating(two, user, f"{user}.late") for user in users))
        assert await one.count(USER) == 0
        assert orphans(outside) == []
        assert await one.count(SESSION) == 0
        await nothing_leaked(one, outside)
    return done[True], done[False]


async def delete_user(db: Adapter, user: str) -> None:
    await db.delete(USER, {"id": user})


@pytest.mark.asyncio
class TestCascade:
    """No session without its user, whoever comes first."""

    async def test_create_against_delete(self, outside: OutsideMongoDB) -> None:
        made, refused = await race(outside, make_session, delete_user)
        assert made >= ROUNDS * PARENTS
        assert refused >= ROUNDS * PARENTS

    async def test_create_against_consume_one(self, outside: OutsideMongoDB) -> None:
        consumed: list[str] = []

        async def consume(db: Adapter, user: str) -> None:
            if await db.consume_one(USER, {"id": user}):
                consumed.append(user)

        await race(outside, make_session, consume)
        assert len(consumed) == len(set(consumed)) == ROUNDS * PARENTS

    async def test_create_against_delete_many(self, outside: OutsideMongoDB) -> None:
        async def delete(db: Adapter, user: str) -> None:
            await db.delete_many(USER, {"id": user})

        await race(outside, make_session, delete)

    async def test_upsert_against_delete(self, outside: OutsideMongoDB) -> None:
        async def upsert(db: Adapter, user: str, token: str) -> None:
            data = {"user_id": user, "token": token, "expires_at": LATER}
            await db.upsert(SESSION, data, on=["token"], changes={"user_id": user})

        await race(outside, upsert, delete_user)

    async def test_create_many_against_delete(self, outside: OutsideMongoDB) -> None:
        async def create(db: BackendAdapter, user: str, token: str) -> None:
            rows = [{"user_id": user, "token": f"{token}.{n}", "expires_at": LATER} for n in range(3)]
            await db.create_many(SESSION, rows)

        async with outside.connect() as db:
            if await lacks_transactions(db):
                return
        await race(outside, create, delete_user)

    @pytest.mark.parametrize("verb", ["delete", "delete_many", "consume_one"])
    async def test_a_delete_gets_through_though_sessions_are_created_all_the_time(
        self, outside: OutsideMongoDB, verb: str
    ) -> None:
        async def creating(db: BackendAdapter, user: str, name: int) -> None:
            number = 0
            with suppress(ForeignKeyViolationError):
                while True:
                    number += 1
                    await make_session(db, user, f"{name}.{number}")

        async with patience(), outside.connect() as one, outside.connect() as two:
            await one.create_tables()
            user = (await one.create(USER, {"email": "ada"}))["id"]
            jobs = [asyncio.create_task(creating(one, user, name)) for name in range(5)]
            await asyncio.sleep(0.1)
            started = time.monotonic()
            assert await getattr(two, verb)(USER, {"id": user})
            assert time.monotonic() - started < 5
            await asyncio.gather(*jobs)
            assert (outside.stored("user"), outside.stored("session")) == ([], [])
            await nothing_leaked(one, outside)

    async def test_in_transactions(self, outside: OutsideMongoDB) -> None:
        async def create(db: BackendAdapter, user: str, token: str) -> None:
            async def work(tx: Adapter) -> None:
                await tx.find_one(USER, {"id": user})
                await asyncio.sleep(0.002)
                await make_session(tx, user, token)

            await db.run_transaction(work, attempts=20)

        async def delete(db: BackendAdapter, user: str) -> None:
            async def work(tx: Adapter) -> None:
                await tx.delete(USER, {"id": user})
                await asyncio.sleep(0.002)

            await db.run_transaction(work, attempts=50)

        async with outside.connect() as db:
            if await lacks_transactions(db):
                return
        await race(outside, create, delete)
        await race(outside, make_session, delete)
        await race(outside, create, delete_user)

    async def test_on_a_session_of_the_applications(self, outside: OutsideMongoDB) -> None:
        async with outside.connect() as db:
            if await lacks_transactions(db):
                return
        async with AsyncMongoClient[dict[str, Any]](outside.server.url) as client:

            async def create(db: BackendAdapter, user: str, token: str) -> None:
                async with client.start_session() as session:
                    try:
                        async with await session.start_transaction():
                            await make_session(db.bind(session), user, token)
                    except TransientError:
                        pass

            await race(outside, create, delete_user)

    async def test_a_bound_delete_against_create(self, outside: OutsideMongoDB) -> None:
        async with outside.connect() as db:
            if await lacks_transactions(db):
                return
        async with AsyncMongoClient[dict[str, Any]](outside.server.url) as client:

            async def delete(db: BackendAdapter, user: str) -> None:
                async def work(session: AsyncClientSession) -> None:
                    try:
                        await db.bind(session).delete(USER, {"id": user})
                    except TransientError as error:
                        raise conflict() from error
                    await asyncio.sleep(0.005)

                async with client.start_session() as session:
                    await session.with_transaction(work)

            await race(outside, make_session, delete)

    async def test_a_child_without_its_parent_goes_again_though_the_connection_is_lost(
        self, outside: OutsideMongoDB
    ) -> None:
        async with patience(), outside.connect() as db:
            await db.create_tables()
            for commands in (["delete"], ["update", "delete"]):
                with outside.failing(*commands, closeConnection=True):
                    with suppress(BackendError):
                        await make_session(db, "nobody", "orphan")
                assert outside.stored("session") == []
            await nothing_leaked(db, outside)


@pytest.mark.asyncio
class TestLostAnswers:
    """A connection is lost in the middle of a delete or an update; the server lives on."""

    @pytest.mark.parametrize("command", ["find", "findAndModify", "delete", "update"])
    @pytest.mark.parametrize("on_delete", ["cascade", "set_null", "restrict"])
    async def test_nobody_is_left_behind(self, outside: OutsideMongoDB, on_delete: str, command: str) -> None:
        async with patience(), LossyProxy(outside.server.port) as proxy:
            url = f"mongodb://127.0.0.1:{proxy.port}/{outside.name}?directConnection=true&serverMonitoringMode=poll"
            async with outside.connect(url, schema=teams(on_delete)) as db:
                await db.create_tables()
                for code in ("a", "b"):
                    await db.create("team", {"code": code})
                    for number in range(3):
                        await db.create("member", {"number": number, "team_code": code})
                proxy.lose.append(command)
                with suppress(BackendError):
                    await db.delete("team", {"code": "a"})
                assert strays(outside) == []
                proxy.lose[:] = [command]
                with suppress(BackendError):
                    await db.update_many("member", {"number": 1}, {"team_code": "b"})
                with suppress(BackendError):
                    await db.update("member", {"number": 2}, {"team_code": "b"})
                with suppress(BackendError):
                    await db.consume_one("team", {"code": "b"})
                assert strays(outside) == []
                await nothing_leaked(db, outside)


@pytest.mark.asyncio
class TestMovedAway:
    """A child that is given another parent while its old one is being deleted."""

    @pytest.mark.parametrize(
        ("on_delete", "command"), [("cascade", "delete"), ("set_null", "update")], ids=["cascade", "set_null"]
    )
    async def test_it_is_left_alone(self, outside: OutsideMongoDB, on_delete: str, command: str) -> None:
        schema = teams(on_delete)
        async with patience(), outside.connect(schema=schema) as one, outside.connect(schema=schema) as two:
            await one.create_tables()
            await two.create("team", {"code": "old"})
            await two.create("team", {"code": "new"})
            await two.create("member", {"number": 1, "team_code": "old"})
            await two.create("member", {"number": 2, "team_code": "old"})
            with outside.failing(command, blockConnection=True, blockTimeMS=400) as failing:
                deleting = asyncio.create_task(one.delete("team", {"code": "old"}))
                await asyncio.sleep(0.2)
                await asyncio.to_thread(
                    outside.sync[outside.name]["member"].update_one, {"number": 1}, {"$set": {"team_code": "new"}}
                )
                assert await deleting is True
            assert failing.hits == 1
            left = {record["number"]: record["team_code"] for record in await two.find_many("member")}
            assert left == ({1: "new"} if on_delete == "cascade" else {1: "new", 2: None})
            assert await two.count("team") == 1

    @pytest.mark.parametrize("on_delete", ["cascade", "set_null", "restrict"])
    async def test_a_new_parent_that_is_deleted_before_update_many_is_done(
        self, outside: OutsideMongoDB, on_delete: str
    ) -> None:
        schema = teams(on_delete)
        async with patience(), outside.connect(schema=schema) as one, outside.connect(schema=schema) as two:
            await one.create_tables()
            await two.create("team", {"code": "old"})
            await two.create("team", {"code": "new"})
            await two.create("member", {"number": 1, "team_code": "old"})
            with outside.failing("update", skip=1, blockConnection=True, blockTimeMS=300) as failing:
                moving = asyncio.create_task(one.update_many("member", {"number": 1}, {"team_code": "new"}))
                await asyncio.sleep(0.15)
                with suppress(ForeignKeyViolationError):
                    await two.delete("team", {"code": "new"})
                with suppress(ForeignKeyViolationError):
                    await moving
            assert failing.hits > 0
            assert strays(outside) == []

    async def test_a_new_parent_is_asked_for_once_for_all_its_children(self, outside: OutsideMongoDB) -> None:
        async with patience(), outside.connect(schema=teams("cascade")) as db:
            await db.create_tables()
            await db.create("team", {"code": "old"})
            await db.create("team", {"code": "new"})
            for number in range(20):
                await db.create("member", {"number": number, "team_code": "old"})
            before = outside.sync.admin.command("serverStatus")["opcounters"]["update"]
            assert await db.update_many("member", ALL, {"team_code": "new"}) == 20
            assert outside.sync.admin.command("serverStatus")["opcounters"]["update"] - before <= 3

    async def test_a_new_parent_that_is_gone_is_not_made_up_again(self, outside: OutsideMongoDB) -> None:
        held = Field("string", required=False, references=Reference(model="team", on_delete="restrict"))
        cascading = Field("string", required=False, references=Reference(model="team"))
        schema = Schema(
            {"team": Model(fields={"name": Field("string")}), "member": Model(fields={"held": held, "own": cascading})}
        )
        async with patience(), outside.connect(schema=schema) as db:
            await db.create_tables()
            team = await db.create("team", {"name": "a"})
            members = outside.sync[outside.name]["member"]
            members.insert_many([{"_id": "1"}, {"_id": "2", "held": team["id"]}])
            with outside.failing("update", skip=1, blockConnection=True, blockTimeMS=300):
                moving = asyncio.create_task(db.update("member", {"id": "1"}, {"own": team["id"]}))
                await asyncio.sleep(0.15)
                await asyncio.to_thread(outside.sync[outside.name]["team"].delete_one, {"_id": team["id"]})
                with suppress(ForeignKeyViolationError, TransientError):
                    await moving
            assert outside.stored("team") == []


@pytest.mark.asyncio
class TestOtherReferences:
    """Members of teams: they go, lose their team, or hold it back."""

    @pytest.mark.parametrize("on_delete", ["cascade", "set_null", "restrict"])
    async def test_create_and_update_against_delete(self, outside: OutsideMongoDB, on_delete: str) -> None:
        random = Random(11)
        made: set[int] = set()
        schema = teams(on_delete)

        async def creating(db: Adapter, code: str, number: int) -> None:
            await soon(random)
            with suppress(ForeignKeyViolationError):
                await db.create("member", {"number": number, "team_code": code})
                made.add(number)

        async def moving(db: Adapter, code: str, number: int) -> None:
            await soon(random)
            with suppress(ForeignKeyViolationError, TransientError):
                await db.update("member", {"number": number}, {"team_code": code})

        async def moving_many(db: Adapter, code: str, turn: int) -> None:
            await soon(random)
            numbers = [-n - turn * CHILDREN - 1 for n in range(CHILDREN)]
            with suppress(ForeignKeyViolationError, TransientError):
                await db.update_many("member", field("number").in_(numbers), {"team_code": code})

        async def deleting(db: Adapter, code: str) -> None:
            await soon(random)
            with suppress(ForeignKeyViolationError):
                await db.delete("team", {"code": code})

        async with asyncio.timeout(60), outside.connect(schema=schema) as one, outside.connect(schema=schema) as two:
            await one.create_tables()
            for turn in range(ROUNDS):
                codes = [f"{turn}.{n}" for n in range(PARENTS)]
                for code in codes:
                    await one.create("team", {"code": code})
                for number in range(CHILDREN):
                    await one.create("member", {"number": -number - turn * CHILDREN - 1})
                jobs = [
                    creating(random.choice((one, two)), code, int(f"{turn}{at}{n}"))
                    for at, code in enumerate(codes)
                    for n in range(CHILDREN)
                ]
                jobs += [
                    moving(random.choice((one, two)), random.choice(codes), -n - turn * CHILDREN - 1)
                    for n in range(CHILDREN)
                ]
                jobs += [moving_many(db, random.choice(codes), turn) for db in (one, two, one)]
                await asyncio.gather(*jobs, *(deleting(db, code) for code in codes for db in (one, two)))
                assert strays(outside) == []
            left = {one["number"] for one in outside.stored("member")}
            if on_delete != "cascade":
                assert made <= left
            if on_delete == "restrict":
                assert outside.stored("team") != []
            await two.delete_many("member", ALL)
            await two.delete_many("team", ALL)
            assert outside.stored("team") == []

    async def test_a_bound_session_that_is_over_is_refused(self, outside: OutsideMongoDB) -> None:
        async with outside.connect(schema=TOKENS) as db:
            if await lacks_transactions(db):
                return
            await db.create_tables()
            async with AsyncMongoClient[dict[str, Any]](outside.server.url) as client:
                async with client.start_session() as session:
                    await session.start_transaction()
                    bound = db.bind(session)
                    await bound.create(USER, {"email": "a"})
                    await session.abort_transaction()
                    with pytest.raises(AdapterStateError):
                        await bound.create(USER, {"email": "b"})
            assert await db.count(USER) == 0
