"""A replica set of MongoDB with one member, with a database for each contender."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.write_concern import WriteConcern

import servers
from auth_adapters import connect
from benchmarks.contenders.shared.statements import COLUMNS
from benchmarks.dataset import Dataset

CACHE: Final = {"setParameter": 1, "wiredTigerEngineRuntimeConfig": "cache_size=2G"}
"""All that is measured fits into memory, nothing is encrypted: the client is measured."""
BATCH: Final = 10_000
WRITTEN: Final = WriteConcern(w=1)


class MongodbPlace:
    """Filled by long inserts; a copy is made on the server."""

    def __init__(self, folder: Path) -> None:
        self.server: servers.MongoDB | None = None

    @property
    def running(self) -> servers.MongoDB:
        """The server."""
        assert self.server is not None
        return self.server

    def start(self) -> str:
        self.server = servers.mongodb()
        self.server.run_command(CACHE)
        version: str = self.server.run_command({"buildInfo": 1})["version"]
        return version

    def stop(self) -> None:
        if self.server is not None:
            self.server.close()

    async def write(self, name: str, data: Dataset) -> str:
        target = await self._created()
        async with AsyncMongoClient[dict[str, Any]](target) as client:
            database = client.get_default_database(write_concern=WRITTEN)
            for table, rows in data.tables():
                documents = _documents(table, rows)
                while batch := list(islice(documents, BATCH)):
                    await database[table].insert_many(batch, ordered=False)
            await _settle(database)
        return target

    async def copy(self, target: str, name: str) -> str:
        """`$out` keeps the indexes of a collection that is there."""
        made = await self._created()
        async with AsyncMongoClient[dict[str, Any]](target) as client:
            database = client.get_default_database()
            for table in COLUMNS:
                await (await database[table].aggregate([{"$out": {"db": _name(made), "coll": table}}])).to_list()
            await _settle(database)
        return made

    async def remove(self, target: str) -> None:
        self.running.drop_database(_name(target))

    async def _created(self) -> str:
        target = self.running.create_database()
        async with connect(target) as adapter:
            await adapter.create_tables()
        return target


def _documents(table: str, rows: Iterator[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    names = ["_id", *COLUMNS[table][1:]]
    return (dict(zip(names, row, strict=True)) for row in rows)


async def _settle(database: AsyncDatabase[dict[str, Any]]) -> None:
    """All on the disk, or its writing would slow down what is measured."""
    await database.client.admin.command("fsync")


def _name(target: str) -> str:
    return target.rpartition("/")[2].partition("?")[0]
