"""How ids are made, and how their text at the API becomes a stored value and back."""

import itertools
import os
import secrets
import string
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from auth_adapters.schema.composition import IdMode

__all__ = ["OBJECT_ID_LENGTH", "IdScheme", "Unparsable", "id_scheme", "object_id", "random_id", "uuid4", "uuid7"]

ALPHABET: Final = (string.ascii_letters + string.digits).encode()
EVEN: Final = bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256))
UNEVEN: Final = bytes(range(256 - 256 % len(ALPHABET), 256))
"""Bytes that would make some letters likelier than others."""
MAX_SERIAL: Final = 2**63 - 1
MAX_ID_LENGTH: Final = 255
OBJECT_ID_LENGTH: Final = 24
HEXADECIMAL: Final = frozenset("0123456789abcdef")
ORIGIN: Final[list[Any]] = [None, ""]
"""The process, and its random part of an `object_id`: a forked one gets another."""
COUNTER: Final = itertools.count(secrets.randbits(24))

Generated: TypeAlias = Literal["serial", "database"]


class Unparsable(Exception):  # noqa: N818  (a state of affairs, caught next door)
    """A text that no id of this mode is written as. Internal: it matches nothing, or is an `InvalidValueError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdScheme:
    """One id mode. make: a new id as text, or None where the database makes it (`generated`).

    kind: what the column holds. parse: text to what the column holds, `Unparsable` for any other than the one
    canonical spelling. render: the way back.
    """

    kind: Literal["string", "uuid", "objectid", "integer"]
    make: Callable[[], str] | None
    generated: Generated | None
    parse: Callable[[str], Any]
    render: Callable[[Any], str]


def id_scheme(mode: IdMode) -> IdScheme:
    """The scheme behind a schema's `ids`."""
    if callable(mode):
        return IdScheme(kind="string", make=mode, generated=None, parse=_parse_text, render=str)
    return SCHEMES[mode]


def random_id() -> str:
    """32 random letters and digits: 190 bits."""
    text = b""
    while len(text) < 32:
        text += secrets.token_bytes(40).translate(EVEN, UNEVEN)
    return text[:32].decode()


def uuid4() -> str:
    """A random UUID, as its canonical 36 characters."""
    return str(uuid.uuid4())


def uuid7() -> str:
    """A UUID that begins with the time in milliseconds: later ones sort after earlier ones, to the millisecond."""
    number = (time.time_ns() // 1_000_000 & (1 << 48) - 1) << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def object_id() -> str:
    """24 hexadecimal digits: the time in seconds, 5 random bytes of this process, and a number that counts up."""
    if ORIGIN[0] != os.getpid():
        ORIGIN[:] = [os.getpid(), secrets.token_hex(5)]
    return f"{int(time.time()) & 0xFFFFFFFF:08x}{ORIGIN[1]}{next(COUNTER) & 0xFFFFFF:06x}"


def _parse_text(text: str) -> str:
    if not 1 <= len(text) <= MAX_ID_LENGTH:
        raise Unparsable
    return text


def _parse_uuid(text: str) -> uuid.UUID:
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        raise Unparsable from None
    if str(parsed) != text:
        raise Unparsable
    return parsed


def _parse_object_id(text: str) -> str:
    if len(text) != OBJECT_ID_LENGTH or not HEXADECIMAL.issuperset(text):
        raise Unparsable
    return text


def _parse_serial(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 19) or text[0] == "0" or int(text) > MAX_SERIAL:
        raise Unparsable
    return int(text)


SCHEMES: Final = {
    "random": IdScheme(kind="string", make=random_id, generated=None, parse=_parse_text, render=str),
    "uuid4": IdScheme(kind="uuid", make=uuid4, generated=None, parse=_parse_uuid, render=str),
    "uuid7": IdScheme(kind="uuid", make=uuid7, generated=None, parse=_parse_uuid, render=str),
    "objectid": IdScheme(kind="objectid", make=object_id, generated=None, parse=_parse_object_id, render=str),
    "serial": IdScheme(kind="integer", make=None, generated="serial", parse=_parse_serial, render=str),
    "database": IdScheme(kind="uuid", make=None, generated="database", parse=_parse_uuid, render=str),
}
