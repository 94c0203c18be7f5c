"""Creating what is absent, one creator at a time."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

from auth_adapters.backends.mysql.compiler import MySQLCompiler
from auth_adapters.errors import BackendError, SchemaError, TransientError
from auth_adapters.physical import Layout, Table

__all__ = ["create_absent"]

Run: TypeAlias = Callable[[str], Awaitable[list[Any]]]

PATIENCE: Final = 25
"""Seconds to wait for another creator."""
TOO_LARGE: Final = {
    1069: "it has too many indexes",
    1074: "a column is too long",
    1117: "it has too many fields",
    1118: "its fields are too large or too many for one row; text fields are kept beside the row",
    1170: "a key holds a column of any length",
    1071: "a key is too long",
}
NAME: Final = "'auth_adapters create_tables'"


async def create_absent(run: Run, compiler: MySQLCompiler, layout: Layout) -> None:
    """Create databases, tables, indexes and references that are absent. `run` takes SQL, on one connection.

    References are added to the tables made here alone: a table that was there is left as it is, new indexes apart.
    """
    if (await run(f"SELECT GET_LOCK({NAME}, {PATIENCE})"))[0][0] != 1:
        raise TransientError("another creator of tables held its lock for too long; safe to retry")
    try:
        await _create(run, compiler, list(layout.tables.values()))
    finally:
        await run(f"DO RELEASE_LOCK({NAME})")


async def _create(run: Run, compiler: MySQLCompiler, tables: list[Table]) -> None:
    for schema in dict.fromkeys(table.schema for table in tables if table.schema is not None):
        found = f"SELECT 1 FROM information_schema.schemata WHERE schema_name = {_text(schema)}"  # noqa: S608  (a literal in hexadecimal)
        if not await run(found):
            await run(f"CREATE DATABASE IF NOT EXISTS {compiler.quote(schema)} CHARACTER SET utf8mb4")
    there = await _tables_there(run, tables)
    absent = [table for table in tables if _place(table) not in there]
    made = {table.name for table in tables if _place(table) in there}
    later: list[tuple[Table, set[str]]] = []
    for table in _parents_first(absent):
        made.add(table.name)
        now = {key.name for key in table.foreign_keys if key.target in made}
        await _made(run, compiler.create_table(table, now), table)
        if rest := {key.name for key in table.foreign_keys} - now:
            later.append((table, rest))
    for table, rest in later:
        await run(compiler.add_references(table, rest))
    for table in tables:
        if _place(table) in there:
            indexes, columns = await _parts_there(run, table)
            if (statement := compiler.add_indexes(table, indexes, columns)) is not None:
                await run(statement)


async def _made(run: Run, statement: str, table: Table) -> None:
    """Raises `SchemaError` for a table that the server cannot hold."""
    try:
        await run(statement)
    except BackendError as error:
        problem = TOO_LARGE.get(error.code) if isinstance(error.code, int) else None
        if problem is None:
            raise
        code = error.code
    else:
        return
    raise SchemaError(f"the server cannot hold the model {table.model!r}: {problem} (errno {code})") from None


def _text(value: str) -> str:
    return f"_utf8mb4 X'{value.encode().hex()}'"


def _place(table: Table) -> tuple[str | None, str]:
    return table.schema, table.name


async def _tables_there(run: Run, tables: list[Table]) -> set[tuple[str | None, str]]:
    there: set[tuple[str | None, str]] = set()
    for schema in dict.fromkeys(table.schema for table in tables):
        where = "database()" if schema is None else _text(schema)
        rows = await run(f"SELECT table_name FROM information_schema.tables WHERE table_schema = {where}")  # noqa: S608
        there |= {(schema, _as_text(row[0])) for row in rows}
    folded = {(schema, name.lower()) for schema, name in there}
    folds = (await run("SELECT @@lower_case_table_names"))[0][0] != 0
    return {_place(table) for table in tables if _place(table) in there or (folds and _lower(table) in folded)}


def _lower(table: Table) -> tuple[str | None, str]:
    return table.schema, table.name.lower()


async def _parts_there(run: Run, table: Table) -> tuple[set[str], set[str]]:
    where = "database()" if table.schema is None else _text(table.schema)
    place = f"table_schema = {where} AND table_name = {_text(table.name)}"
    indexes = await run(f"SELECT DISTINCT index_name FROM information_schema.statistics WHERE {place}")  # noqa: S608
    columns = await run(f"SELECT column_name FROM information_schema.columns WHERE {place}")  # noqa: S608
    return {_as_text(row[0]).lower() for row in indexes}, {_as_text(row[0]).lower() for row in columns}


def _as_text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _parents_first(tables: list[Table]) -> list[Table]:
    """Every table after those that it refers to, cycles apart."""
    waiting = list(tables)
    ordered: list[Table] = []
    while waiting:
        names = {table.name for table in waiting}
        free = [t for t in waiting if not any(key.target in names - {t.name} for key in t.foreign_keys)]
        chosen = free or waiting[:1]
        ordered += chosen
        waiting = [table for table in waiting if table not in chosen]
    return ordered
