"""Types as users see them: records of typed references are typed, those of plain names are dicts."""

import subprocess
import sys
from pathlib import Path

SAMPLE = """
from collections.abc import AsyncIterator
from typing import Any, TypedDict, assert_type

from auth_adapters import SESSION, USER, Adapter, ModelRef, Session, User, connect


class Employee(User):
    badge: int


EMPLOYEE = ModelRef[Employee]("user")


async def typed(db: Adapter, name: str) -> None:
    assert_type(await db.create(USER, {}), User)
    assert_type(await db.create_many(USER, []), list[User])
    assert_type(await db.find_one(USER, {}), User | None)
    assert_type(await db.find_many(SESSION), list[Session])
    assert_type(db.iterate(SESSION), AsyncIterator[Session])
    assert_type(await db.update(USER, {}, {}), User | None)
    assert_type(await db.consume_one(SESSION, {}), Session | None)
    assert_type(await db.increment_one(USER, {}, {}), User | None)
    assert_type(await db.upsert(USER, {}, on=["email"]), tuple[User, bool])
    assert_type(await db.find_one(EMPLOYEE, {}), Employee | None)
    assert_type(await db.find_one("user", {}), dict[str, Any] | None)
    assert_type(await db.find_one(name, {}), dict[str, Any] | None)
    found: User | None = await db.find_one(USER, {})
    async with db.transaction() as tx:
        assert_type(tx, Adapter)
    assert_type(await db.run_transaction(whole), User)
    assert_type(connect(), Adapter)
    print(found)


async def whole(tx: Adapter) -> User:
    return await tx.create(USER, {"email": "a"})
"""


def check(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """What mypy says of a user's module."""
    module = folder / "sample.py"
    module.write_text(source)
    command = [sys.executable, "-m", "mypy", "--strict", f"--cache-dir={folder / 'cache'}", str(module)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_records_have_the_types_of_their_references(tmp_path: Path) -> None:
    shown = check(tmp_path, SAMPLE)
    assert shown.returncode == 0, shown.stdout


def test_a_wrong_type_is_found(tmp_path: Path) -> None:
    wrong = SAMPLE.replace("found: User | None", "found: Session | None")
    assert "incompatible type" in check(tmp_path, wrong).stdout
