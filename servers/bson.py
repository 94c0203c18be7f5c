"""As much of MongoDB's protocol as asking a server for something needs: one command, one answer."""

import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from servers.errors import ServerError

OP_MSG = 2013
HEADER = struct.Struct("<iiiiI")
SIZES = {0x01: 8, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16}
"""The sizes of values whose type says it: number, id, flag, time, null, integer, timestamp, long integer, decimal."""


def command(host: str, port: int, asked: Mapping[str, Any], timeout: float = 10) -> dict[str, Any]:
    """Ask a server; its answer. asked: a command with `$db`. timeout: seconds, for each step.

    Raises:
        ServerError: it did not answer, or refused.

    """
    body = b"\x00" + encode(asked)
    try:
        with socket.create_connection((host, port), timeout) as connection, connection.makefile("rb") as answers:
            connection.sendall(HEADER.pack(HEADER.size + len(body), 1, 0, OP_MSG, 0) + body)
            size = struct.unpack("<i", _exactly(answers.read(4), 4))[0] - 4
            answer = decode(_exactly(answers.read(size), size)[HEADER.size - 4 + 1 :])
    except OSError as error:
        raise ServerError(f"MongoDB at {host}:{port} did not answer: {error}") from None
    if answer.get("ok") != 1:
        raise ServerError(f"MongoDB: {answer.get('errmsg')} (code {answer.get('code')})")
    return answer


def encode(document: Mapping[str, Any]) -> bytes:
    """A document of flags, numbers, text, None, lists and documents."""
    body = b"".join(_encoded(name, value) for name, value in document.items())
    return struct.pack("<i", len(body) + 5) + body + b"\x00"


def _encoded(name: str, value: Any) -> bytes:
    """One entry of a document."""
    key = name.encode() + b"\x00"
    match value:
        case None:
            return b"\x0a" + key
        case bool():
            return b"\x08" + key + bytes([value])
        case int():
            return b"\x12" + key + struct.pack("<q", value)
        case float():
            return b"\x01" + key + struct.pack("<d", value)
        case str():
            text = value.encode() + b"\x00"
            return b"\x02" + key + struct.pack("<i", len(text)) + text
        case Mapping():
            return b"\x03" + key + encode(value)
        case list() | tuple():
            return b"\x04" + key + encode({str(at): one for at, one in enumerate(value)})
    raise TypeError(f"MongoDB is asked nothing with a {type(value).__name__}")


def decode(data: bytes) -> dict[str, Any]:
    """A document; values of other types than `encode` knows stay bytes."""
    return dict(_entries(data))


def _entries(data: bytes) -> Iterator[tuple[str, Any]]:
    """The entries of a document."""
    at = 4
    while (kind := data[at]) != 0:
        end = data.index(b"\x00", at)
        name, at = data[at + 1 : end].decode(), end + 1
        size = SIZES[kind] if kind in SIZES else struct.unpack_from("<i", data, at)[0] + (0 if kind in {3, 4} else 4)
        if kind == 0x05:
            size += 1
        yield name, _decoded(kind, data[at : at + size])
        at += size


def _decoded(kind: int, value: bytes) -> Any:
    """The value of an entry."""
    match kind:
        case 0x01:
            return struct.unpack("<d", value)[0]
        case 0x02:
            return value[4:-1].decode()
        case 0x03:
            return decode(value)
        case 0x04:
            return list(decode(value).values())
        case 0x08:
            return value == b"\x01"
        case 0x0A:
            return None
        case 0x10 | 0x12:
            return int.from_bytes(value, "little", signed=True)
    return value


def _exactly(data: bytes, size: int) -> bytes:
    """What was read, if all was.

    Raises:
        ConnectionError: the server closed the connection before.

    """
    if len(data) < size:
        raise ConnectionError("the connection was closed")
    return data
