"""Faults of storing values: what comes back is not what was given."""

import json
import struct
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from auth_adapters.backends.memory import MemoryBackend
from auth_adapters.physical import Column, Increment, Row, Table, Update, Upsert

__all__ = [
    "CutsLongText",
    "CutsTokens",
    "DropsEmoji",
    "EmptyTextIsNull",
    "IntegersThroughFloats",
    "JsonLosesNulls",
    "KeepsLocalTime",
    "LosesMilliseconds",
    "LowersSpelling",
    "NormalizesText",
    "RoundsFloats",
    "SwapsNullAndFalse",
    "TrimsTrailingSpaces",
]


class Miswriting(MemoryBackend):
    """Stores other values than it is given."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        raise NotImplementedError

    def miswritten(self, table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they are stored."""
        return {
            name: None if value is None else self.miswrite(table, table.columns[name], value)
            for name, value in values.items()
        }

    def _store_new(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        return super()._store_new(table, self.miswritten(table, row))

    def _change(self, statement: Update | Increment | Upsert, row: dict[str, Any], changes: dict[str, Any]) -> Row:
        return super()._change(statement, row, self.miswritten(statement.table, changes))


class LosesMilliseconds(Miswriting):
    """Times are kept to the second."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        return value.replace(microsecond=0) if isinstance(value, datetime) else value


class KeepsLocalTime(Miswriting):
    """Times are stored as the wall clock of the process shows them, and read as if that were UTC."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        inside = isinstance(value, datetime) and 1 < value.year < 9999
        return value.astimezone().replace(tzinfo=UTC) if inside else value


class Texts(Miswriting):
    """Stores other texts, keys apart."""

    def mistype(self, column: Column, text: str) -> str | None:
        raise NotImplementedError

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        keys = {*table.primary_key, *(key.column for key in table.foreign_keys)}
        return self.mistype(column, value) if isinstance(value, str) and column.name not in keys else value


class CutsLongText(Texts):
    """Text ends after 255 characters."""

    def mistype(self, column: Column, text: str) -> str | None:
        return text[:255]


class CutsTokens(Texts):
    """Text ends after 65,535 bytes, as in MySQL's TEXT."""

    def mistype(self, column: Column, text: str) -> str | None:
        return text.encode()[:65_535].decode(errors="ignore")


class TrimsTrailingSpaces(Texts):
    """Spaces at the end are lost."""

    def mistype(self, column: Column, text: str) -> str | None:
        return text.rstrip(" ")


class DropsEmoji(Texts):
    """Characters of four bytes become question marks, as in a three-byte utf8."""

    def mistype(self, column: Column, text: str) -> str | None:
        return "".join("?" if ord(character) > 0xFFFF else character for character in text)


class NormalizesText(Texts):
    """Text is composed: two spellings of an accented letter become one."""

    def mistype(self, column: Column, text: str) -> str | None:
        return unicodedata.normalize("NFC", text)


class EmptyTextIsNull(Texts):
    """The empty text is NULL where that is allowed, as in Oracle."""

    def mistype(self, column: Column, text: str) -> str | None:
        return text or (None if column.nullable else text)


class JsonLosesNulls(Miswriting):
    """Keys of JSON objects that hold null are left out."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        if column.kind != "json":
            return value
        return json.dumps(json.loads(value, object_pairs_hook=lambda pairs: {k: v for k, v in pairs if v is not None}))


class LowersSpelling(Miswriting):
    """A case-insensitive field keeps the lower-case form only."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        shadowed = sum(other.field == column.field for other in table.columns.values()) > 1
        return value.lower() if shadowed else value


class RoundsFloats(Miswriting):
    """Floats have 32 bits."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        if not isinstance(value, float) or abs(value) > 3e38:
            return value
        return struct.unpack("f", struct.pack("f", value))[0]


class IntegersThroughFloats(Miswriting):
    """Integers pass through a float, and lose what exceeds 53 bits."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        plain = isinstance(value, int) and not isinstance(value, bool)
        return max(-(2**63), min(2**63 - 1, int(float(value)))) if plain else value


class SwapsNullAndFalse(Miswriting):
    """False is stored as NULL where that is allowed."""

    def miswrite(self, table: Table, column: Column, value: Any) -> Any:
        return None if value is False and column.nullable else value
