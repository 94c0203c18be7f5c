"""A server of PostgreSQL, with a database for each contender."""

from pathlib import Path
from typing import Final

import asyncpg

import servers
from auth_adapters import connect
from benchmarks.contenders.shared.statements import COLUMNS
from benchmarks.dataset import Dataset

SETTINGS: Final = {
    "shared_buffers": "1GB",
    "max_connections": "500",
    "max_wal_size": "4GB",
    "autovacuum": "off",
    "ssl": "off",
}
"""All that is measured fits into memory, nothing is encrypted, nothing else goes on: the client is measured."""
INDEXES: Final = """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN (
    SELECT conname FROM pg_constraint)"""


class PostgresqlPlace:
    """Filled by COPY, without indexes; a copy is made from the first as a template."""

    def __init__(self, folder: Path) -> None:
        self.server: servers.PostgreSQL | None = None

    @property
    def running(self) -> servers.PostgreSQL:
        """The server."""
        assert self.server is not None
        return self.server

    def start(self) -> str:
        self.server = servers.postgresql(SETTINGS)
        ((version,),) = self.server.run_sql("SHOW server_version")
        return version.partition(" ")[0]

    def stop(self) -> None:
        if self.server is not None:
            self.server.close()

    async def write(self, name: str, data: Dataset) -> str:
        target = self.running.create_database()
        async with connect(target) as adapter:
            await adapter.create_tables()
        connection = await asyncpg.connect(target, command_timeout=None)
        await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(INDEXES)
        for index, _ in indexes:
            await connection.execute(f'DROP INDEX "{index}"')
        for table, rows in data.tables():
            await connection.copy_records_to_table(table, records=rows, columns=COLUMNS[table])
        for _, definition in indexes:
            await connection.execute(definition)
        for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
            await connection.execute(statement)
        await connection.close()
        return target

    async def copy(self, target: str, name: str) -> str:
        made = self.running.create_database()
        await self.remove(made)
        self.running.run_sql(f'CREATE DATABASE "{_name(made)}" TEMPLATE "{_name(target)}"')
        return made

    async def remove(self, target: str) -> None:
        self.running.drop_database(_name(target))


def _name(target: str) -> str:
    return target.rpartition("/")[2]
