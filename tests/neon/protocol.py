"""The few messages of PostgreSQL's wire protocol that the edge reads and writes by itself.

https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import struct
from asyncio import StreamReader
from collections.abc import Mapping
from typing import Final

PROTOCOL_3_0: Final = 196608
CANCEL_REQUEST: Final = 80877102
SSL_REQUEST: Final = 80877103
GSS_REQUEST: Final = 80877104

INTERNAL_ERROR: Final = "XX000"

ASK_PASSWORD: Final = b"R" + struct.pack("!ii", 8, 3)


async def read_packet(reader: StreamReader) -> tuple[int, bytes]:
    """Read what a connection begins with, which has no type: a request code and its body."""
    length, code = struct.unpack("!ii", await reader.readexactly(8))
    return code, await reader.readexactly(length - 8)


async def read_message(reader: StreamReader) -> tuple[bytes, bytes]:
    """Read a message: its type, one byte, and its body."""
    kind, length = struct.unpack("!ci", await reader.readexactly(5))
    return kind, await reader.readexactly(length - 4)


def message(kind: bytes, body: bytes) -> bytes:
    """Return a message as it goes over the wire."""
    return kind + struct.pack("!i", len(body) + 4) + body


def packet(code: int, body: bytes) -> bytes:
    """Return a packet without a type, as a connection begins with."""
    return struct.pack("!ii", len(body) + 8, code) + body


def parameters_of(body: bytes) -> dict[str, str]:
    """Take the startup message's parameters apart."""
    texts = [text.decode() for text in body.removesuffix(b"\0\0").split(b"\0")]
    return dict(zip(texts[0::2], texts[1::2], strict=True))


def startup(parameters: Mapping[str, str]) -> bytes:
    """Return the startup message with these parameters."""
    body = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    return packet(PROTOCOL_3_0, body + b"\0")


def error(text: str, code: str = INTERNAL_ERROR, severity: str = "ERROR") -> bytes:
    """Return an ErrorResponse."""
    fields = {"S": severity, "V": severity, "C": code, "M": text}
    body = b"".join(f"{name}{value}\0".encode() for name, value in fields.items())
    return message(b"E", body + b"\0")


def error_fields(body: bytes) -> dict[str, str]:
    """Take an ErrorResponse apart; "M" is its text, "C" its SQLSTATE."""
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}
