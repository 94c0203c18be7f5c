"""How connections to PostgreSQL are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ssl import SSLContext
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

__all__ = ["PostgreSQLOptions", "SSLMode"]

SSLMode: TypeAlias = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSQLOptions:
    """Where and how. Nothing of it is shown: a repr has neither the user nor the password.

    hosts: host and port, tried in order; a path is a folder of Unix sockets. ssl: a mode as libpq knows it, or a
    context. target_session_attrs: which of several hosts to take, as libpq knows it. pooler: "transaction" keeps no
    prepared statement, for a pooler that hands out connections by transaction. connect_timeout: seconds, for each host.
    statement_timeout: seconds, None for no limit. settings: of the session, for the server.
    """

    hosts: tuple[tuple[str, int], ...] = (("localhost", 5432),)
    database: str | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    ssl: SSLMode | SSLContext = field(default="prefer", repr=False)
    target_session_attrs: str | None = None
    pooler: Literal["transaction"] | None = None
    connect_timeout: float = 10.0
    statement_timeout: float | None = 30.0
    settings: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)

    @property
    def arguments(self) -> dict[str, Any]:
        """What asyncpg takes, whatever the host."""
        return {
            "user": self.user,
            "password": self.password,
            "database": self.database,
            "ssl": self.ssl,
            "command_timeout": self.statement_timeout,
            "statement_cache_size": 0 if self.pooler else 512,
            "max_cached_statement_lifetime": 0,
            "server_settings": dict(self.settings),
        }
