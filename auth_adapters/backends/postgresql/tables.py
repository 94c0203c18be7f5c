"""Creating what is absent, one creator at a time."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from auth_adapters.backends.postgresql.compiler import DEFAULT_SCHEMA, PostgreSQLCompiler
from auth_adapters.backends.sql.defaults import quoted
from auth_adapters.physical import Layout

__all__ = ["create_absent"]

Ask: TypeAlias = Callable[[str], Awaitable[list[Any]]]
Tell: TypeAlias = Callable[[list[str]], Awaitable[None]]

LOCK = int.from_bytes(hashlib.sha256(b"auth_adapters create_tables").digest()[:7])
SCHEMA_THERE = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname ="
TABLES_THERE = """SELECT n.nspname, c.relname
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname NOT LIKE 'pg\\_%'"""


async def create_absent(ask: Ask, tell: Tell, compiler: PostgreSQLCompiler, layout: Layout) -> None:
    """Create schemas, tables, indexes and references that are absent. `ask` takes a question and `tell` statements,
    inside one transaction.

    References are added to the tables made here alone: a table that was there is left as it is, new indexes apart.
    """
    await ask(f"SELECT pg_catalog.pg_advisory_xact_lock({LOCK})")
    tables = list(layout.tables.values())
    statements = []
    for schema in dict.fromkeys(table.schema or DEFAULT_SCHEMA for table in tables):
        if not await ask(f"{SCHEMA_THERE} {quoted(schema)}"):
            name = schema.replace('"', '""')
            statements.append(f'CREATE SCHEMA "{name}"')
    there = {(schema, name) for schema, name in await ask(TABLES_THERE)}
    absent = [table for table in tables if (table.schema or DEFAULT_SCHEMA, table.name) not in there]
    for table in tables:
        if table in absent:
            statements.append(compiler.create_table(table))
        statements += compiler.create_indexes(table)
    for table in absent:
        statements += compiler.create_references(table)
    if statements:
        await tell(statements)
