"""A server of MariaDB, with a database for each contender."""

from itertools import islice
from pathlib import Path
from typing import Final

import asyncmy

import servers
from auth_adapters import connect
from benchmarks.contenders.mariadb import sql
from benchmarks.contenders.shared.statements import COLUMNS, columns
from benchmarks.dataset import Dataset

SETTINGS: Final = {
    "innodb-buffer-pool-size": "2G",
    "innodb-log-file-size": "1G",
    "max-connections": "500",
    "skip-ssl": "",
}
"""All that is measured fits into memory, nothing is encrypted: the client is measured."""
FILLING: Final = "SET SESSION unique_checks = 0, foreign_key_checks = 0, sql_mode = ''"
BATCH: Final = 2_000


class MariadbPlace:
    """Filled by long INSERT statements; a copy is made on the server."""

    def __init__(self, folder: Path) -> None:
        self.server: servers.MariaDB | None = None

    @property
    def running(self) -> servers.MariaDB:
        """The server."""
        assert self.server is not None
        return self.server

    def start(self) -> str:
        self.server = servers.mariadb(SETTINGS)
        ((version,),) = self.server.run_sql("SELECT version()")
        return version.partition("-")[0]

    def stop(self) -> None:
        if self.server is not None:
            self.server.close()

    async def write(self, name: str, data: Dataset) -> str:
        target = await self._created()
        connection = await asyncmy.connect(**sql.arguments(target))
        cursor = connection.cursor()
        await cursor.execute(FILLING)
        for table, rows in data.tables():
            await cursor.execute("START TRANSACTION")
            while batch := list(islice(rows, BATCH)):
                await cursor.executemany(sql.STATEMENTS.insert(table), batch)
            await cursor.execute("COMMIT")
        await connection.ensure_closed()
        self._analyze(target)
        return target

    async def copy(self, target: str, name: str) -> str:
        made = await self._created()
        copied = [
            f"INSERT INTO `{_name(made)}`.`{table}` ({columns(names)}) "
            f"SELECT {columns(names)} FROM `{_name(target)}`.`{table}`"
            for table, names in COLUMNS.items()
        ]
        self.running.run_sql(";\n".join([FILLING, *copied]))
        self._analyze(made)
        return made

    async def remove(self, target: str) -> None:
        self.running.drop_database(_name(target))

    async def _created(self) -> str:
        target = self.running.create_database()
        async with connect(target) as adapter:
            await adapter.create_tables()
        return target

    def _analyze(self, target: str) -> None:
        self.running.run_sql(f"ANALYZE TABLE {', '.join(f'`{table}`' for table in COLUMNS)}", _name(target))


def _name(target: str) -> str:
    return target.rpartition("/")[2]
