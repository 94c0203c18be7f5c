"""The contenders, a folder per database; what one needs is imported when it takes part."""

from collections.abc import Mapping
from typing import Final

from benchmarks.contenders.database import OURS, Database
from benchmarks.contenders.mariadb import MARIADB
from benchmarks.contenders.mongodb import MONGODB
from benchmarks.contenders.postgresql import POSTGRESQL
from benchmarks.contenders.sqlite import SQLITE

__all__ = ["DATABASES", "OURS", "Database"]

DATABASES: Final[Mapping[str, Database]] = {one.key: one for one in (SQLITE, POSTGRESQL, MARIADB, MONGODB)}
