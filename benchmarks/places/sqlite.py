"""Files of SQLite in a folder."""

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from auth_adapters import connect
from benchmarks.contenders.sqlite import sql
from benchmarks.dataset import Dataset

ENDINGS: Final = ("", "-wal", "-shm")


class SqlitePlace:
    """Each database is a file, on the disk before it is used, or its writing would slow down what is measured."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> str:
        return sqlite3.sqlite_version

    def stop(self) -> None:
        pass

    async def write(self, name: str, data: Dataset) -> str:
        path = self.folder / f"{name}.db"
        async with connect(f"sqlite:///{path}") as adapter:
            await adapter.create_tables()
        await asyncio.to_thread(_fill, path, data)
        _settle(path)
        return f"sqlite:///{path}"

    async def copy(self, target: str, name: str) -> str:
        path = self.folder / f"{name}.db"
        shutil.copyfile(_path(target), path)
        _settle(path)
        return f"sqlite:///{path}"

    async def remove(self, target: str) -> None:
        for ending in ENDINGS:
            Path(f"{_path(target)}{ending}").unlink(missing_ok=True)  # noqa: ASYNC240  (nothing else runs)


def _path(target: str) -> str:
    return target.removeprefix("sqlite:///")


def _settle(file: Path) -> None:
    with file.open("rb+") as opened:
        os.fsync(opened.fileno())


def _fill(path: Path, data: Dataset) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = DELETE", "synchronous = OFF", "cache_size = -400000"):
        connection.execute(f"PRAGMA {pragma}")
    indexes = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
    kept = indexes.fetchall()
    for name, _ in kept:
        connection.execute(f'DROP INDEX "{name}"')
    connection.execute("BEGIN")
    for table, rows in data.tables():
        connection.executemany(sql.STATEMENTS.insert(table), map(sql.parameters, rows))
    connection.execute("COMMIT")
    for _, statement in kept:
        connection.execute(statement)
    connection.execute("ANALYZE")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
