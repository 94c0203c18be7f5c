"""Column types and keys of MySQL and MariaDB, where a dialect called "mysql" may lead to either.

An index key has 3,072 bytes at most there: 768 characters. A longer unique key is kept by the SHA-256 of its longest
columns, in generated columns that `SELECT *` does not show; an index that is not unique takes the first characters.
A row has 65,535 bytes at most: where its strings are longer together, the longest are kept as LONGTEXT, beside the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Dialect, Table, Text
from sqlalchemy.dialects.mysql import LONGTEXT, VARCHAR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import Constraint
from sqlalchemy.sql.base import SchemaEventTarget
from sqlalchemy.sql.compiler import DDLCompiler, GenericTypeCompiler

from auth_adapters import physical
from auth_adapters.errors import SchemaError
from auth_adapters.layout import Names

__all__ = [
    "FAMILY",
    "HASH_TYPE",
    "MAX_SORTED",
    "ExactString",
    "ExactText",
    "FamilyKeys",
    "Keys",
    "StoredJson",
    "check_references",
    "collation",
    "keys_of",
    "primary_index",
    "sort_size",
]

FAMILY: Final = ("mysql", "mariadb")
HASH_TYPE: Final = "CHAR(64) CHARACTER SET ascii COLLATE ascii_bin"
MAX_KEY: Final = 3_072
MAX_ROW: Final = 65_535
MAX_VARCHAR: Final = 16_383
BYTES: Final = {"integer": 8, "float": 8, "boolean": 1, "datetime": 8, "uuid": 4 * 36}
BESIDE: Final = 12
"""Bytes that a row has of a value which is kept beside it."""
HASH_BYTES: Final = 64
MAX_SORTED: Final = 1_048_576
"""Bytes of a binary value by which rows are sorted."""
NEVER: Final = 2**31
"""The size in a key of what cannot be in one as a whole."""
ROW_NUMBER: Final = "auth_adapters_row"


def collation(dialect: Dialect) -> str:
    """The collation that compares by code point and counts trailing spaces."""
    return "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"


class ExactString(VARCHAR):
    """VARCHAR whose every character counts."""

    def __init__(self, length: int | None = None) -> None:
        super().__init__(length, charset="utf8mb4")


class ExactText(LONGTEXT):
    """LONGTEXT whose every character counts."""

    def __init__(self) -> None:
        super().__init__(charset="utf8mb4")


class StoredJson(Text):
    """A column of type JSON, which is sent and read as text."""


@compiles(ExactString, *FAMILY)
def _exact_string(element: ExactString, compiler: GenericTypeCompiler, **_: Any) -> str:
    return f"VARCHAR({element.length}) CHARACTER SET utf8mb4 COLLATE {collation(compiler.dialect)}"


@compiles(ExactText, *FAMILY)
def _exact_text(element: ExactText, compiler: GenericTypeCompiler, **_: Any) -> str:
    return f"LONGTEXT CHARACTER SET utf8mb4 COLLATE {collation(compiler.dialect)}"


@compiles(StoredJson, *FAMILY)
def _stored_json(element: StoredJson, compiler: GenericTypeCompiler, **_: Any) -> str:
    return "JSON"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """How a table's keys are kept.

    hashes: by column, the generated column with its hash. primary: the parts of the primary key, or None where a row
    number is the primary key and a unique index has the declared one. indexes: the parts of each by name; a part is a
    column and how many of its characters, None for all. texts: the strings that a row has no room for. long: the names
    of those indexes that are not as they were declared.
    """

    hashes: Mapping[str, str]
    primary: tuple[str, ...] | None
    indexes: Mapping[str, tuple[tuple[tuple[str, int | None], ...], bool]]
    texts: frozenset[str]
    long: frozenset[str]


def keys_of(table: physical.Table) -> Keys:
    """The keys of a table, each within what an index holds."""
    hashes = Hashes(table)
    texts = _texts(table)
    sizes = {name: NEVER if name in texts else _size(column) for name, column in table.columns.items()}
    indexes: dict[str, tuple[tuple[tuple[str, int | None], ...], bool]] = {}
    long = set()
    primary = _hashed(sizes, table.primary_key, hashes)
    if primary != table.primary_key:
        name = primary_index(table)
        indexes[name] = (tuple((part, None) for part in primary), True)
        long.add(name)
    for index in table.indexes:
        columns = _references_last(table, index.columns)
        parts = tuple((part, None) for part in _hashed(sizes, columns, hashes)) if index.unique else ()
        indexes[index.name] = (parts or _prefixed(table, sizes, columns), index.unique)
        if indexes[index.name][0] != tuple((name, None) for name in index.columns):
            long.add(index.name)
    names = Names(indexes)
    for name in _unindexed(table, indexes):
        added = names.make("ix", table.name, name)
        indexes[added] = (((name, None),), False)
        long.add(added)
    whole = primary if primary == table.primary_key else None
    return Keys(hashes=hashes, primary=whole, indexes=indexes, texts=texts, long=frozenset(long))


def primary_index(table: physical.Table) -> str:
    """The name of the unique index of a primary key that is too long to be one."""
    return Names().make("pk", table.name)


class Hashes(dict[str, str]):
    """By column, the generated column with its hash: made when it is asked for, and called as no other is."""

    def __init__(self, table: physical.Table) -> None:
        super().__init__()
        self._names = Names(table.columns)

    def __missing__(self, column: str) -> str:
        self[column] = name = self._names.make(column, "sha256")
        return name


def _references_last(table: physical.Table, columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns of an index. One that MySQL would check a reference by must not hold other columns that may be NULL:
    since 9.6 it then checks nothing where they are (tried: 9.7).
    """
    referring = {key.column for key in table.foreign_keys}
    if columns[0] not in referring or not any(table.columns[name].nullable for name in columns[1:]):
        return columns
    others = tuple(name for name in columns if name not in referring)
    return (*others, *(name for name in columns if name in referring)) if others else columns


def _unindexed(table: physical.Table, indexes: Mapping[str, Any]) -> list[str]:
    """The columns of references that no index begins with."""
    leading = {table.primary_key[0], *(parts[0][0] for parts, _ in indexes.values())}
    return list(dict.fromkeys(key.column for key in table.foreign_keys if key.column not in leading))


def check_references(layout: physical.Layout) -> None:
    """Raise `SchemaError` for a reference to a column that no index holds whole."""
    for table in layout.tables.values():
        for key in table.foreign_keys:
            target = layout.tables[key.target]
            if _size(target.columns[key.target_column]) > MAX_KEY:
                field, other = table.fields((key.column,))[0], target.fields((key.target_column,))[0]
                raise SchemaError(
                    f"{table.model}.{field} refers to {target.model}.{other}: on MySQL and MariaDB a reference is to "
                    f"an id, a number, or a string of at most {MAX_KEY // 4} characters"
                )


def _size(column: physical.Column) -> int:
    if column.kind == "bytes":
        return NEVER
    return 4 * column.length if column.length is not None else BYTES.get(column.kind, 4 * 255)


def _texts(table: physical.Table) -> frozenset[str]:
    """The strings that are kept beside the row: the longest, those without a key first, until there is room for the
    rest. Those that refer stay.
    """
    strings = {name: column.length for name, column in table.columns.items() if column.length is not None}
    taken = {*table.primary_key, *(name for index in table.indexes for name in index.columns)}
    referring = {key.column for key in table.foreign_keys}
    texts = {name for name, length in strings.items() if length > MAX_VARCHAR}
    free = sorted(strings.keys() - texts - referring, key=lambda name: (name in taken, -strings[name], name))
    used = 8 + sum(BESIDE if name in texts else _row_size(column) for name, column in table.columns.items())
    used += len(table.columns) // 8 + 1 + (HASH_BYTES + 1) * len(taken)
    for name in free:
        if used <= MAX_ROW:
            break
        used -= _row_size(table.columns[name]) - BESIDE
        texts.add(name)
    return frozenset(texts)


def _row_size(column: physical.Column) -> int:
    """The bytes that a row has of a column, at most."""
    if column.length is not None:
        return 4 * column.length + 2
    return BYTES.get(column.kind, BESIDE) + 2


def sort_size(column: physical.Column) -> int:
    """The bytes by which values of a column are told apart in sorting; of bytes their length is one part."""
    return MAX_SORTED + 8 if column.kind == "bytes" else _size(column)


def _hashed(sizes: Mapping[str, int], columns: tuple[str, ...], hashes: Hashes) -> tuple[str, ...]:
    """The columns of a unique key, as many of the longest ones as need be replaced by their hashes."""
    hashed: set[str] = set()
    while sum(HASH_BYTES if name in hashed else sizes[name] for name in columns) > MAX_KEY:
        longest = max((name for name in columns if name not in hashed), key=lambda name: sizes[name])
        hashed.add(longest)
    return tuple(hashes[name] if name in hashed else name for name in columns)


def _prefixed(
    table: physical.Table, sizes: Mapping[str, int], columns: tuple[str, ...]
) -> tuple[tuple[str, int | None], ...]:
    """The columns of an index that is not unique; where they are too long, the first characters of the long ones."""
    if sum(sizes[name] for name in columns) <= MAX_KEY:
        return tuple((name, None) for name in columns)
    share = MAX_KEY // len(columns)
    units = {name: 1 if table.columns[name].kind == "bytes" else 4 for name in columns}
    return tuple((name, share // units[name] if sizes[name] > share else None) for name in columns)


def _in_family(
    ddl: Any, target: Any, bind: Any, tables: Any = None, state: Any = None, *, dialect: Dialect, **_: Any
) -> bool:
    return dialect.name in FAMILY


class FamilyKeys(Constraint):
    """Inside CREATE TABLE on MySQL and MariaDB alone: what an `Index` or a primary key cannot say.

    every: all indexes of the table, not only those that are too long to be written as they are.
    """

    __visit_name__ = "auth_adapters_family_keys"

    def __init__(self, keys: Keys, *, every: bool) -> None:
        super().__init__()
        self.keys = keys
        self.every = every
        self.ddl_if(callable_=_in_family)

    def _set_parent(self, parent: SchemaEventTarget, **_: Any) -> None:
        assert isinstance(parent, Table)
        self.parent = parent
        parent.constraints.add(self)


@compiles(FamilyKeys)
def _family_keys(element: FamilyKeys, compiler: DDLCompiler, **_: Any) -> str:
    quote = compiler.preparer.quote_identifier
    keys = element.keys
    lines = [hash_column(quote, column, name) for column, name in keys.hashes.items()]
    if keys.primary is None:
        lines.append(f"{quote(ROW_NUMBER)} BIGINT UNSIGNED NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY")
    for name, (parts, unique) in keys.indexes.items():
        if element.every or name in keys.long:
            lines.append(f"{'UNIQUE ' if unique else ''}INDEX {quote(name)} ({index_parts(quote, parts)})")
    return ", \n\t".join(lines)


def hash_column(quote: Any, column: str, name: str) -> str:
    """The definition of the column that holds the hash of another."""
    return f"{quote(name)} {HASH_TYPE} GENERATED ALWAYS AS (SHA2({quote(column)}, 256)) VIRTUAL INVISIBLE"


def index_parts(quote: Any, parts: tuple[tuple[str, int | None], ...]) -> str:
    """The columns of an index as SQL writes them."""
    return ", ".join(quote(name) + (f"({length})" if length else "") for name, length in parts)
