"""URLs of databases taken apart, and options by name or from a URL, each checked as it is read.

No error shows a value: it may be a password.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from auth_adapters.errors import ConfigurationError

__all__ = ["DatabaseUrl", "GivenOptions", "parse_url", "place_of"]

TRUE: Final = frozenset({"1", "true", "yes", "on"})
FALSE: Final = frozenset({"0", "false", "no", "off"})
MAX_SECONDS: Final = 86_400.0
MAX_COUNT: Final = 1_000_000
NAME: Final = re.compile(r"[A-Za-z][A-Za-z_-]{0,39}")
ESCAPES: Final = (
    "a password with special characters is written with percent escapes: urllib.parse.quote(password, safe='')"
)
EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseUrl:
    """A URL of a database server, without its secrets in the repr. hosts: with None for a port that is not given."""

    scheme: str
    hosts: tuple[tuple[str, int | None], ...] = ()
    database: str | None = None
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=lambda: EMPTY, repr=False)


def parse_url(text: str) -> DatabaseUrl:
    """Take `scheme://user:password@host:port,host:port/database?option=value` apart.

    The user and the password may hold any character but a question mark unescaped; percent escapes are resolved.
    Raises `ConfigurationError`.
    """
    scheme, _, rest = text.partition("://")
    rest, _, query = rest.partition("?")
    if "@" in query.partition("=")[0]:
        raise ConfigurationError(f"a question mark begins the options of a URL: {ESCAPES}")
    credentials, at, place = rest.rpartition("@")
    authority, _, path = place.partition("/")
    user, colon, password = credentials.partition(":")
    return DatabaseUrl(
        scheme=scheme.lower(),
        hosts=tuple(_host(one) for one in authority.split(",") if one) if authority else (),
        database=unquote(path) or None,
        user=unquote(user) if at and user else None,
        password=unquote(password) if colon else None,
        query=MappingProxyType(dict(parse_qsl(query, keep_blank_values=True))),
    )


def _host(text: str) -> tuple[str, int | None]:
    host, bracket, port = text.rpartition("]")
    if bracket:
        host, port = host.removeprefix("["), port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigurationError(f"the port of a URL is a number from 1 to 65535 ({ESCAPES})")
    return unquote(host) or "localhost", int(port) if port else None


class GivenOptions:
    """Options of one database. One given by name beats the same one in the URL; `finish` refuses what nobody read."""

    def __init__(self, what: str, query: Mapping[str, str], named: Mapping[str, Any]) -> None:
        self._what = what
        self._given: dict[str, Any] = {**query, **named}
        self._known: dict[str, None] = {}

    def value(self, *names: str) -> Any:
        """The option under the first of `names` that is given, as it is; None if none is."""
        self._known.update(dict.fromkeys(names))
        found = [self._given.get(name) for name in names]
        return next((one for one in found if one is not None), None)

    def text(self, *names: str, choices: tuple[str, ...] = ()) -> str | None:
        """A text, one of `choices` if there are any."""
        value = self.value(*names)
        if value is None:
            return None
        if not isinstance(value, str) or (choices and value not in choices):
            raise self._wrong(names[0], f"one of {', '.join(choices)}" if choices else "a text")
        return value

    def seconds(self, *names: str, default: float, least: float = 0.0) -> float:
        """A number of seconds."""
        value = self.value(*names)
        if value is None:
            return default
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if isinstance(value, bool) or not least <= number <= MAX_SECONDS:
            raise self._wrong(names[0], f"a number of seconds from {least:g} to {MAX_SECONDS:g}")
        return number

    def count(self, *names: str, default: int, least: int = 1, most: int = MAX_COUNT) -> int:
        """A whole number."""
        value = self.value(*names)
        if value is None:
            return default
        text = str(value)
        if isinstance(value, bool) or not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise self._wrong(names[0], f"a whole number from {least} to {most}")
        return int(text)

    def flag(self, *names: str) -> bool | None:
        """True or False, or as URLs write them; None if it is not given."""
        value = self.value(*names)
        text = str(value).lower()
        if value is None or text in TRUE | FALSE:
            return None if value is None else text in TRUE
        raise self._wrong(names[0], "true or false")

    def finish(self) -> None:
        """Raise for options that this database does not have."""
        unknown = sorted(name for name in self._given if name not in self._known)
        if any(NAME.fullmatch(name) is None for name in unknown):
            raise ConfigurationError(f"{self._what} has no option of such a name ({ESCAPES})")
        if unknown:
            raise ConfigurationError(
                f"{self._what} has no option {', '.join(map(repr, unknown))}; there are: "
                f"{', '.join(sorted(self._known))}"
            )

    def _wrong(self, name: str, takes: str) -> ConfigurationError:
        return ConfigurationError(f"{name} takes {takes}")


def place_of(
    url: DatabaseUrl, given: GivenOptions, default_port: int
) -> tuple[tuple[tuple[str, int], ...], str | None, str | None, str | None]:
    """Hosts with ports, user, password and database: those of the URL, each replaced by one given by name."""
    port = given.count("port", default=0, least=0)
    host = given.text("host")
    hosts = tuple((one, None) for one in host.split(",")) if host else url.hosts or (("localhost", None),)
    placed = tuple((name, port or at or default_port) for name, at in hosts)
    user = given.text("user") or url.user
    password = given.text("password") or url.password
    return placed, user, password, given.text("database", "dbname") or url.database
