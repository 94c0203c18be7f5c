"""The contenders, each in a module of its own; what one needs is imported when it takes part."""

import importlib
from collections.abc import Mapping
from typing import Final

from benchmarks.contenders.protocol import ContenderClass

__all__ = ["CONTENDERS", "DIRECT", "FLOOR", "OURS", "load"]

FLOOR: Final = "sqlite3"
DIRECT: Final = "aiosqlite"
OURS: Final = "ours"
CONTENDERS: Final[Mapping[str, str]] = {
    FLOOR: "sqlite_sync:SynchronousSqlite",
    DIRECT: "aiosqlite_direct:AiosqliteDirect",
    "core": "sqlalchemy_core:SqlalchemyCore",
    "orm": "sqlalchemy_orm:SqlalchemyOrm",
    "fastapi-users": "fastapi_users_sqlalchemy:FastapiUsersSqlalchemy",
    "tortoise": "tortoise_orm:TortoiseOrm",
    OURS: "ours:Ours",
}


def load(key: str) -> ContenderClass:
    """The contender listed under `key`. Raises `ModuleNotFoundError` if what it stands for is not installed."""
    module, _, name = CONTENDERS[key].partition(":")
    found: ContenderClass = getattr(importlib.import_module(f"benchmarks.contenders.{module}"), name)
    return found
