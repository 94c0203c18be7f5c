"""Ids: what each mode promises by itself."""

import functools
import itertools
import re
import string
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from auth_adapters.conformance.expect import refused
from auth_adapters.conformance.harness import Harness
from auth_adapters.conformance.samples import create_all
from auth_adapters.conformance.topic import Connect, Topic, make_session, make_user, new_database
from auth_adapters.errors import (
    InvalidQueryError,
    InvalidValueError,
    UniqueViolationError,
    UnsupportedOperationError,
)
from auth_adapters.protocols import Adapter
from auth_adapters.schema.composition import IdMode, Schema
from auth_adapters.schema.core import auth_schema
from auth_adapters.schema.fields import Field
from auth_adapters.schema.models import Extension, Model

__all__ = ["TestIds", "TestSerialIds"]

made: Iterator[int] = itertools.count(1)


def custom_id() -> str:
    """Make an id of the application's own kind."""
    return f"usr_{next(made):08d}-é"


MODES: dict[str, IdMode] = {
    "random": "random",
    "uuid4": "uuid4",
    "uuid7": "uuid7",
    "objectid": "objectid",
    "serial": "serial",
    "database": "database",
    "callable": custom_id,
}
CAPABILITIES = {"serial": "serial_ids", "database": "database_ids"}


class ModeMissingError(Exception):
    """The adapter does not have the id mode, and has refused it properly."""


async def check_refused(connect: Connect, mode: str) -> None:
    """Where the capability for ids of this mode is missing, opening must have been refused."""
    name = CAPABILITIES.get(mode)
    if name and not getattr((await connect()).capabilities, name):
        with pytest.raises(UnsupportedOperationError):
            await connect(schema=auth_schema(ids=MODES[mode]))
        raise ModeMissingError


async def open_in(connect: Connect, mode: str, *extensions: Extension, database: str | None = None) -> Adapter:
    """Open an adapter with ids of this mode. Where the capability is missing, opening must have been refused."""
    await check_refused(connect, mode)
    return await connect(schema=auth_schema(*extensions, ids=MODES[mode]), database=database)


def passing_where_refused(test: Callable[..., Any]) -> Callable[..., Any]:
    """Let a test end early where opening was refused as it must be."""

    @functools.wraps(test)
    async def run(*args: Any, **fixtures: Any) -> None:
        try:
            await test(*args, **fixtures)
        except ModeMissingError:
            return

    return run


@pytest.mark.asyncio
class TestIds(Topic):
    """What single modes promise."""

    async def test_object_ids_are_24_hexadecimal_digits_that_begin_with_the_time(self, connect: Connect) -> None:
        adapter = await open_in(connect, "objectid")
        before = int(time.time())
        users = [await make_user(adapter, f"{number}@example.com") for number in range(5)]
        assert all(re.fullmatch(r"[0-9a-f]{24}", user["id"]) for user in users)
        assert all(before <= int(user["id"][:8], 16) <= time.time() for user in users)
        assert [user["id"] for user in users] == sorted({user["id"] for user in users})

    async def test_random_ids_are_32_letters_and_digits(self, adapter: Adapter) -> None:
        user = await make_user(adapter)
        assert len(user["id"]) == 32
        assert set(user["id"]) <= set(string.ascii_letters + string.digits)

    @pytest.mark.parametrize("version", [4, 7])
    async def test_uuids_are_of_their_version_in_canonical_form(self, connect: Connect, version: int) -> None:
        adapter = await connect(schema=auth_schema(ids="uuid4" if version == 4 else "uuid7"))
        user = await make_user(adapter)
        pattern = rf"[0-9a-f]{{8}}-[0-9a-f]{{4}}-{version}[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}}"
        assert re.fullmatch(pattern, user["id"])

    async def test_uuids_of_version_7_begin_with_the_time_in_milliseconds(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(ids="uuid7"))
        before = time.time_ns() // 1_000_000
        user = await make_user(adapter)
        assert before <= int(user["id"].replace("-", "")[:12], 16) <= time.time_ns() // 1_000_000

    async def test_object_ids_that_are_made_at_once_differ(self, connect: Connect) -> None:
        adapter = await open_in(connect, "objectid")
        users = await create_all(adapter, "user", [{"email": f"{number}@example.com"} for number in range(600)])
        assert len({user["id"] for user in users}) == 600

    async def test_a_callable_makes_the_ids(self, connect: Connect) -> None:
        adapter = await connect(schema=auth_schema(ids=custom_id))
        user = await make_user(adapter)
        assert re.fullmatch(r"usr_\d{8}-é", user["id"])

    @pytest.mark.parametrize("wrong", [1, None, "", "x" * 256, "a\0b"])
    async def test_a_callable_that_makes_no_id_is_refused(self, connect: Connect, wrong: Any) -> None:
        adapter = await connect(schema=auth_schema(ids=lambda: wrong))
        with pytest.raises(InvalidValueError, match=r"user\.id"):
            await make_user(adapter)
        assert await adapter.count("user") == 0

    @pytest.mark.parametrize("mode", ["random", "callable"])
    async def test_any_text_may_be_an_id_and_case_and_spaces_count(self, connect: Connect, mode: str) -> None:
        adapter = await connect(schema=auth_schema(ids=MODES[mode]))
        ids = ["a", "A", "a ", " a", "é", "e\u0301", "😀", "0", "00", "1", "01", "null", "x" * 255, "$ne", "5" * 24]
        for number, one in enumerate(ids):
            await adapter.create("user", {"id": one, "email": f"{number}@example.com"}, force_id=True)
        for number, one in enumerate(ids):
            found = await adapter.find_many("user", {"id": one})
            assert [user["email"] for user in found] == [f"{number}@example.com"]
            await make_session(adapter, {"id": one}, f"token{number}")
        assert await adapter.count("session", {"user_id": "a"}) == 1

    async def test_a_key_of_the_models_own_needs_no_force_id(self, connect: Connect) -> None:
        model = Model(fields={"code": Field("string"), "name": Field("string")}, primary_key=("code",))
        adapter = await connect(schema=Schema({"country": model}))
        country = await adapter.create("country", {"code": "is", "name": "Iceland"})
        assert country == {"code": "is", "name": "Iceland"}
        with refused(UniqueViolationError, "country", "code"):
            await adapter.create("country", {"code": "is", "name": "Ísland"})


@pytest.mark.asyncio
class TestSerialIds(Topic):
    """Integers made by the database, in ascending order, never used twice."""

    @passing_where_refused
    async def test_they_ascend(self, connect: Connect) -> None:
        adapter = await open_in(connect, "serial")
        ids = [int((await make_user(adapter, f"{number}@example.com"))["id"]) for number in range(12)]
        assert ids == sorted(set(ids))
        assert ids[0] >= 1

    @passing_where_refused
    async def test_they_are_stored_as_integers(self, harness: Harness, connect: Connect) -> None:
        database = new_database()
        adapter = await open_in(connect, "serial", database=database)
        user = await make_user(adapter)
        (row,) = await harness.stored(database, "user")
        key = "id" if "id" in row else "_id"
        assert row[key] == int(user["id"])

    @passing_where_refused
    async def test_one_that_was_deleted_is_never_given_again(self, connect: Connect) -> None:
        adapter = await open_in(connect, "serial")
        seen = set()
        for number in range(4):
            user = await make_user(adapter, f"{number}@example.com")
            assert user["id"] not in seen
            seen.add(user["id"])
            assert await adapter.delete("user", {"id": user["id"]})

    @passing_where_refused
    async def test_one_that_was_forced_is_not_given_again(self, connect: Connect) -> None:
        adapter = await open_in(connect, "serial")
        await adapter.create("user", {"id": "1000", "email": "forced@example.com"}, force_id=True)
        user = await make_user(adapter)
        assert int(user["id"]) != 1000
        assert await adapter.count("user") == 2

    @passing_where_refused
    async def test_the_largest_number_may_be_forced(self, connect: Connect) -> None:
        adapter = await open_in(connect, "serial")
        user = await adapter.create("user", {"id": str(2**63 - 1), "email": "ada@example.com"}, force_id=True)
        assert await adapter.find_one("user", {"id": str(2**63 - 1)}) == user

    @passing_where_refused
    async def test_a_batch_gives_every_id_or_none(self, connect: Connect) -> None:
        adapter = await open_in(connect, "serial")
        if not adapter.capabilities.atomic_batches:
            with pytest.raises(UnsupportedOperationError):
                await adapter.create_many("user", [{"email": "a@example.com"}, {"email": "b@example.com"}])
            return
        rows: list[dict[str, Any]] = [{"id": "7", "email": "a@example.com"}, {"email": "b@example.com"}]
        with pytest.raises(InvalidQueryError):
            await adapter.create_many("user", rows, force_id=True)
        assert await adapter.count("user") == 0
