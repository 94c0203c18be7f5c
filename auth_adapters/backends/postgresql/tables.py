"""Creating what is absent, one creator at a time."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from auth_adapters.backends.postgresql.compiler import DEFAULT_SCHEMA, PostgreSQLCompiler
from auth_adapters.backends.sql.defaults import quoted
from auth_adapters.physical import Layout

__all__ = ["create_absent"]

Run: TypeAlias = Callable[[str], Awaitable[list[Any]]]

LOCK = int.from_bytes(hashlib.sha256(b"auth_adapters create_tables").digest()[:7])
SCHEMA_THERE = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname ="
THERE = "SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"


async def create_absent(run: Run, compiler: PostgreSQLCompiler, layout: Layout) -> None:
    """Create schemas, tables, indexes and references that are absent. `run` takes SQL, inside one transaction.

    References are added to the tables made here alone: a table that was there is left as it is, new indexes apart.
    """
    await run(f"SELECT pg_catalog.pg_advisory_xact_lock({LOCK})")
    tables = list(layout.tables.values())
    for schema in dict.fromkeys(table.schema or DEFAULT_SCHEMA for table in tables):
        if not await run(f"{SCHEMA_THERE} {quoted(schema)}"):
            name = schema.replace('"', '""')
            await run(f'CREATE SCHEMA "{name}"')
    made = []
    for table in tables:
        schema = table.schema or DEFAULT_SCHEMA
        if not await run(f"{THERE} WHERE n.nspname = {quoted(schema)} AND c.relname = {quoted(table.name)}"):
            made.append(table)
            for statement in compiler.create_table(table):
                await run(statement)
        for statement in compiler.create_indexes(table):
            await run(statement)
    for table in made:
        for statement in compiler.create_references(table):
            await run(statement)
