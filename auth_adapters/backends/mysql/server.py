"""Which of the two servers it is, and in which version."""

import re
from dataclasses import dataclass
from typing import Final

from auth_adapters.errors import ConfigurationError

__all__ = ["Server", "server_of"]

NUMBERS: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")
REPLICATION_PREFIX: Final = "5.5.5-"
"""What MariaDB before 11 says first, for old clients."""
MYSQL_MINIMUM: Final = (8, 0, 23)
MARIADB_MINIMUM: Final = (10, 6, 0)
FOREIGN_KEYS_IN_SQL: Final = (9, 6, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server of the family."""

    mariadb: bool
    version: tuple[int, ...]

    @property
    def loses_cascades(self) -> bool:
        """Whether it carries out references in its SQL layer, which forgets rows of deep cascades (tried: 9.7)."""
        return not self.mariadb and self.version >= FOREIGN_KEYS_IN_SQL


def server_of(version: str) -> Server:
    """The server that calls itself so. Raises `ConfigurationError` for one that is too old."""
    mariadb = "mariadb" in version.lower()
    found = NUMBERS.search(version.removeprefix(REPLICATION_PREFIX) if mariadb else version)
    numbers = tuple(int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    minimum = MARIADB_MINIMUM if mariadb else MYSQL_MINIMUM
    if numbers < minimum:
        name = "MariaDB" if mariadb else "MySQL"
        oldest = ".".join(map(str, minimum))
        raise ConfigurationError(f"{name} {'.'.join(map(str, numbers))} is too old; {oldest} is the oldest that works")
    return Server(mariadb=mariadb, version=numbers)
