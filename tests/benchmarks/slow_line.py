"""A line to a server on a Unix socket that takes its time, both ways."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from alembic_neon.engine.url import DatabaseURL

_SOCKET = ".s.PGSQL.5432"


@contextmanager
def slow_line(url: DatabaseURL, delay_seconds: float) -> Iterator[DatabaseURL]:
    """Return a URL that leads to `url` with round trips that are longer by `delay_seconds`."""
    if not delay_seconds:
        yield url
        return
    folder = url.parts.query.get("host") or url.parts.host
    with tempfile.TemporaryDirectory() as near:
        loop = asyncio.new_event_loop()
        line = _Line(str(Path(str(folder)) / _SOCKET), delay_seconds / 2)
        server = loop.run_until_complete(
            asyncio.start_unix_server(line.connected, Path(near) / _SOCKET)
        )
        thread = Thread(target=loop.run_forever)
        thread.start()
        try:
            yield DatabaseURL(url.parts.update_query_dict({"host": near}))
        finally:
            loop.call_soon_threadsafe(server.close)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0.01))
            loop.close()


class _Line:
    """Hands on each chunk when its time has come; they keep their order."""

    def __init__(self, target: str, delay_seconds: float) -> None:
        self._target = target
        self._delay_seconds = delay_seconds

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a client."""
        far_reader, far_writer = await asyncio.open_unix_connection(self._target)
        with suppress(asyncio.CancelledError):  # the end of the line
            await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while chunk := await source.read(65536):
            loop.call_later(self._delay_seconds, target.write, chunk)
        loop.call_later(self._delay_seconds, target.close)
