"""A Unix socket that leads to a server over TLS: PostgreSQL's embedded programs know no TLS.

What they send goes through one verified connection of ours, with the same rules as every other one.
Their `sslmode` stays off, so that no certificate has to be written for them.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from ..engine.settings import load_settings
from ..engine.tls import tls_argument
from ..engine.url import DatabaseURL

# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
_SSL_REQUEST: Final = (8).to_bytes(4) + (80877103).to_bytes(4)
_CHUNK_BYTES: Final = 65536
FORWARDED_PORT: Final = 5432


@asynccontextmanager
async def forwarded(url: DatabaseURL) -> AsyncIterator[Path]:
    """Listen in a folder of this user's alone, as a server's socket would; yields the folder."""
    with tempfile.TemporaryDirectory(prefix="db-tls-") as folder:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, ssl.SSLError):
                there, back = await _connect(url)
                try:
                    await asyncio.gather(_pipe(reader, back), _pipe(there, writer))
                finally:
                    back.close()
            writer.close()

        socket = Path(folder) / f".s.PGSQL.{FORWARDED_PORT}"
        async with await asyncio.start_unix_server(serve, socket):
            yield Path(folder)


async def _connect(url: DatabaseURL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the server, with TLS where the settings ask for it or the server offers it."""
    reader, writer = await asyncio.open_connection(url.host, url.port)
    tls = tls_argument(url, load_settings().db_ssl_verify)
    if tls is False:
        return reader, writer
    writer.write(_SSL_REQUEST)
    await writer.drain()
    # One byte more would be what somebody on the way slipped in before the handshake, to be read
    # as if it had come through it: CVE-2021-23222.
    answer = await reader.read(2)
    if answer == b"S":
        context = tls if isinstance(tls, ssl.SSLContext) else _unverified()
        await writer.start_tls(context, server_hostname=url.host)
    elif isinstance(tls, ssl.SSLContext) or answer != b"N":
        writer.close()
        raise ssl.SSLError("the server offers no TLS")
    return reader, writer


def _unverified() -> ssl.SSLContext:
    """Return libpq's meaning of `sslmode=prefer`: encrypted where it can be, nothing verified."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(_CHUNK_BYTES):
            target.write(chunk)
            await target.drain()
    target.close()
