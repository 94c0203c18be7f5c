"""The file of a SQLite database is read through memory, whatever others do to it meanwhile."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from auth_adapters import ALL, USER, Adapter, ConfigurationError, connect
from auth_adapters.backends.sqlite.lane import Lane

ROWS = 1_500


async def mapped(lane: Lane) -> int:
    (row,) = await lane.run(lambda connection: connection.execute("PRAGMA mmap_size").fetchall())
    return int(row[0])


def backend(db: Any) -> Any:
    return db._backend


async def fill(db: Adapter, start: int) -> None:
    await db.create_many(
        USER, [{"email": f"{number}@example.com", "image": "x" * 500} for number in range(start, start + ROWS)]
    )


def checkpoint(path: Path, *statements: str) -> int:
    """Run statements elsewhere, put all that is in the log into the file; the size of the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in (*statements, "PRAGMA wal_checkpoint(TRUNCATE)"):
            ((busy, *_),) = connection.execute(statement).fetchall() or ((0,),)
            assert not busy
    return path.stat().st_size


@pytest.mark.asyncio
async def test_the_connection_that_reads_maps_the_file_and_the_one_that_writes_does_not(tmp_path: Path) -> None:
    async with connect(tmp_path / "auth.db") as db:
        assert await mapped(backend(db)._reader) == (2**31 - 2**16 if sys.maxsize > 2**32 else 2**28)
        assert await mapped(backend(db)._writer) == 0


@pytest.mark.asyncio
async def test_it_can_be_turned_off(tmp_path: Path) -> None:
    async with connect(f"sqlite:///{tmp_path}/auth.db?mmap_size=0") as db:
        assert await mapped(backend(db)._reader) == 0


@pytest.mark.asyncio
@pytest.mark.parametrize("mmap_size", [2**31, 2**28, 100_000])
async def test_a_file_that_grows_beyond_what_was_mapped_is_read_whole(tmp_path: Path, mmap_size: int) -> None:
    path = tmp_path / "auth.db"
    async with connect(path, mmap_size=mmap_size) as db:
        await db.create_tables()
        for start in (0, ROWS):
            await fill(db, start)
            assert checkpoint(path) > 100_000
            found = await db.find_many(USER)
            assert sorted(int(user["email"].partition("@")[0]) for user in found) == list(range(start + ROWS))


@pytest.mark.asyncio
async def test_a_file_that_another_process_makes_smaller_is_read_on(tmp_path: Path) -> None:
    path = tmp_path / "auth.db"
    async with connect(path) as db:
        await db.create_tables()
        await fill(db, 0)
        before = checkpoint(path)
        assert len(await db.find_many(USER)) == ROWS
        assert checkpoint(path, "DELETE FROM user WHERE email <> '7@example.com'", "VACUUM") < before / 5
        assert [user["email"] for user in await db.find_many(USER)] == ["7@example.com"]
        assert await db.delete_many(USER, ALL) == 1
        assert await db.count(USER) == 0


@pytest.mark.parametrize("size", ["many", -1, 2**41, True, 1.5])
def test_another_size_is_refused(size: Any) -> None:
    with pytest.raises(ConfigurationError, match="mmap_size takes a whole number from 0 to 1099511627776"):
        connect("auth.db", mmap_size=size)
