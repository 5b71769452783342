"""A network that stalls and breaks: a port of the loopback in front of a server's Unix socket."""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Self

_CHUNK_BYTES = 65536


class Network:
    """Hands bytes on between a port and a server's socket, until it stalls or is cut."""

    def __init__(self, server_socket: str) -> None:
        self.port = 0
        self._socket = server_socket
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Listen on a free port inside the block; whatever is connected at its end is cut."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self.flow()
            server.close()
            self.cut()

    def stall(self) -> None:
        """Hand nothing on until `flow`; neither side is notified."""
        self._flows.clear()

    def flow(self) -> None:
        """Hand on again, and what was held back first."""
        self._flows.set()

    def cut(self) -> int:
        """Reset every connection, on both sides, and return how many ends that were."""
        writers = list(self._writers)
        for writer in writers:
            reset(writer)
        return len(writers)

    async def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_unix_connection(self._socket)
        except OSError:  # the server is down
            reset(writer)
            return
        both = {writer, inner_writer}
        self._writers |= both
        try:
            await asyncio.gather(self._pump(reader, inner_writer), self._pump(inner_reader, writer))
        finally:
            self._writers -= both

    async def _pump(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


def reset(writer: StreamWriter) -> None:
    """Close a connection by RST instead of FIN."""
    raw = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
