"""The edge: a proxy in front of PostgreSQL and PgBouncer that does what Neon's does.

It follows what Neon publishes of its proxy (neondatabase/neon, folder proxy/): TLS with SNI, the
endpoint from the host's name, the password checked before the compute is woken, startup parameters
dropped, and every error before a session carrying SQLSTATE XX000. README.md has its limits.
"""

import asyncio
import re
import ssl
import threading
import weakref
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from network import reset

from . import protocol
from .certificates import ENDPOINT, Certificates
from .compute import TEXTS, Compute, Failure, ProxyError, Session

_PASSED_ON: Final = frozenset({"user", "database", "application_name", "replication"})
_PROXY_OPTION: Final = re.compile(r"(endpoint|project|neon_\w+)[=:].*")
_CHUNK_BYTES: Final = 65536
_ANSWER_TIMEOUT_SECONDS: Final = 30

NO_ENDPOINT: Final = (
    "Endpoint ID is not specified. Either please upgrade the postgres client library (libpq) for"
    " SNI support or pass the endpoint ID (first part of the domain name) as a parameter:"
    " '?options=endpoint%3D<endpoint-id>'. See more at https://neon.tech/sni"
)
INSECURE: Final = "connection is insecure (try using `sslmode=require`)"


@dataclass
class Figures:
    """What passed through the edge."""

    connections: int = 0  # TCP connections taken, whatever became of them
    requests: int = 0  # startup messages: what a client thinks of as a try to connect
    startups: list[dict[str, str]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)  # names of startup parameters
    from_clients_bytes: int = 0
    to_clients_bytes: int = 0


@dataclass
class Cut:
    """A fault to come: the connection is reset around the next message that holds `text`."""

    text: bytes
    when: Literal["before", "after"]
    times: int


class Edge:
    """The proxy, in a thread and an event loop of its own; its methods may be called from any.

    `passwords` maps roles to passwords, `delay_seconds` is added to each direction, and for
    `linger_seconds` a client's connection stays open after the server has closed its own.
    """

    def __init__(self, compute: Compute, certificates: Certificates) -> None:
        self.compute = compute
        self.passwords: dict[str, str] = {}
        self.delay_seconds = self.linger_seconds = 0.0
        self.figures = Figures()
        self.port = 0
        self._cuts: list[Cut] = []
        self._names: weakref.WeakKeyDictionary[Any, str | None] = weakref.WeakKeyDictionary()
        self._context = certificates.server_context()
        self._context.sni_callback = self._note_name
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()

    @contextmanager
    def running(self) -> Iterator["Edge"]:
        """Listen on a free port of the loopback interface inside the block."""
        thread = threading.Thread(target=self._loop.run_forever, name="edge", daemon=True)
        thread.start()
        try:
            self._do(self._listen())
            watch = asyncio.run_coroutine_threadsafe(self.compute.watch(), self._loop)
            yield self
            watch.cancel()
            self.refuse()
            self.kill_connections()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    # Faults

    def suspend(self) -> None:
        """Let the compute sleep now."""
        self._do(self.compute.suspend())

    def end_sessions(self) -> None:
        """End every session, as a suspend does, but the compute stays awake."""
        self._do(self.compute.end_sessions())

    def end_backends(self) -> None:
        """End PostgreSQL's own sessions; clients of the pooler stay connected to it."""
        self._do(self.compute.end_backends())

    def restart(self) -> None:
        """Restart PostgreSQL."""
        self._do(self.compute.restart())

    def fail_while_waking(self, times: int, how: Failure = "compute") -> None:
        """Let the next connects to a sleeping compute fail before one wakes it."""
        self.compute.failures.extend([how] * times)

    def kill_connections(self) -> None:
        """Reset every connection (RST), as a broken network does; the backends are not told."""

        async def kill() -> None:
            for session in list(self.compute.sessions):
                reset(session.client)

        self._do(kill())

    def cut_at(self, text: bytes, when: Literal["before", "after"], times: int = 1) -> None:
        """Reset the connection at the next message with `text`: before PostgreSQL gets it, or
        after it answered, with the answer lost."""
        self._cuts.append(Cut(text, when, times))

    def refuse(self) -> None:
        """Close the port: connections are refused until `accept`."""

        async def close() -> None:
            if self._listener is not None:
                self._listener.close()
                self._listener = None

        self._do(close())

    def accept(self) -> None:
        """Open the port again."""
        self._do(self._listen())

    def reset(self) -> None:
        """Take back every fault and set the figures to zero."""
        self._cuts.clear()
        self.delay_seconds = self.linger_seconds = 0.0
        self.compute.failures.clear()
        self.compute.wake_seconds, self.compute.suspend_after_seconds = 0.0, None
        self.compute.is_awake = True
        self.compute.wakes = self.compute.suspends = 0
        if self._listener is None:
            self.accept()
        self.figures = Figures()

    # The proxy itself

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]

    def _note_name(self, tls: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        self._names[tls] = name

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.figures.connections += 1
        with suppress(OSError, EOFError, ssl.SSLError):
            try:
                await self._handle(reader, writer)
            except ProxyError as error:
                if text := str(error):
                    writer.write(protocol.error(text))
                    await writer.drain()
        writer.close()

    async def _handle(self, reader: StreamReader, writer: StreamWriter) -> None:
        host = None
        code, body = await protocol.read_packet(reader)
        while code in (protocol.SSL_REQUEST, protocol.GSS_REQUEST):
            if code == protocol.SSL_REQUEST:
                writer.write(b"S")
                await writer.start_tls(self._context)
                host = self._names.get(writer.get_extra_info("ssl_object"))
            else:
                writer.write(b"N")
            code, body = await protocol.read_packet(reader)
        if code == protocol.CANCEL_REQUEST:
            await self._cancel(body)
            return
        self.figures.requests += 1
        if writer.get_extra_info("ssl_object") is None:
            raise ProxyError(INSECURE)
        parameters = protocol.parameters_of(body)
        await self._authenticate(reader, writer, parameters, host)
        pooled = host is not None and host.partition(".")[0].endswith("-pooler")
        server = await self.compute.connect(pooled)
        session = Session(writer, server[1], pooled)
        try:
            await self._start(server[0], session, self._filter(parameters))
            self.compute.sessions.add(session)
            await self._relay(reader, server[0], session)
        finally:
            self.compute.sessions.discard(session)
            session.server.close()

    async def _authenticate(
        self,
        reader: StreamReader,
        writer: StreamWriter,
        parameters: dict[str, str],
        host: str | None,
    ) -> None:
        """Ask for the password in clear text, inside TLS. (Neon's proxy does SCRAM.)

        The endpoint comes from SNI, from options, or from the password: "endpoint=…;password".
        """
        writer.write(protocol.ASK_PASSWORD)
        kind, body = await protocol.read_message(reader)
        password = body.rstrip(b"\0").decode() if kind == b"p" else ""
        endpoint = host.partition(".")[0].removesuffix("-pooler") if host else None
        options = parameters.get("options", "")
        if named := re.search(r"(?:endpoint|project)[=:]([\w-]+)", options):
            if endpoint not in (None, named[1].removesuffix("-pooler")):
                raise ProxyError("Inconsistent project name inferred from SNI and project option.")
            endpoint = named[1].removesuffix("-pooler")
        if endpoint is None and (hack := re.match(r"endpoint=([\w-]+)[;$]", password)):
            endpoint, password = hack[1], password[hack.end() :]
        if endpoint is None:
            raise ProxyError(NO_ENDPOINT)
        if endpoint != ENDPOINT:
            raise ProxyError(f"{TEXTS['control plane']}: endpoint cannot be found")
        user = parameters.get("user", "")
        if self.passwords.get(user) != password:
            raise ProxyError(f"password authentication failed for user '{user}'")

    def _filter(self, parameters: dict[str, str]) -> dict[str, str]:
        """Return what PostgreSQL gets to see; everything else is dropped without a word."""
        passed = {"client_encoding": "UTF8"}
        for name, value in parameters.items():
            if name in _PASSED_ON:
                passed[name] = value
            elif name == "options":
                kept = [o for o in value.split() if not _PROXY_OPTION.fullmatch(o)]
                passed |= {"options": " ".join(kept)} if kept else {}
            elif name != "client_encoding":
                self.figures.dropped.append(name)
        self.figures.startups.append(passed)
        return passed

    async def _start(
        self, reader: StreamReader, session: Session, parameters: dict[str, str]
    ) -> None:
        """Begin PostgreSQL's session and hand the client what it says until it is ready.

        Raises:
            ProxyError: PostgreSQL refused; its text is passed on, its SQLSTATE is not.
        """
        session.server.write(protocol.startup(parameters))
        kind, answer = b"", b""
        while kind != b"Z":
            kind, body = await protocol.read_message(reader)
            if kind == b"E":
                raise ProxyError(protocol.error_fields(body)["M"])
            session.key = body if kind == b"K" else session.key
            answer += protocol.message(kind, body)
        await asyncio.sleep(self.delay_seconds)
        session.client.write(answer)

    async def _relay(self, client: StreamReader, server: StreamReader, session: Session) -> None:
        both = [
            asyncio.create_task(self._pass_requests(client, session)),
            asyncio.create_task(self._pass_answers(server, session)),
        ]
        _, running = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)

    async def _pass_requests(self, client: StreamReader, session: Session) -> None:
        while chunk := await client.read(_CHUNK_BYTES):
            self.figures.from_clients_bytes += len(chunk)
            await asyncio.sleep(self.delay_seconds)
            cut = next((cut for cut in self._cuts if cut.times and cut.text in chunk), None)
            if cut is not None:
                cut.times -= 1
                if cut.when == "after":
                    await self._await_answer(session, chunk)
                reset(session.client)
                return
            session.server.write(chunk)
            await session.server.drain()

    async def _await_answer(self, session: Session, chunk: bytes) -> None:
        """Send a request on and wait until PostgreSQL has answered, which the client never sees."""
        session.lost_answer = asyncio.Event()
        session.server.write(chunk)
        await asyncio.wait_for(session.lost_answer.wait(), _ANSWER_TIMEOUT_SECONDS)

    async def _pass_answers(self, server: StreamReader, session: Session) -> None:
        while chunk := await server.read(_CHUNK_BYTES):
            if session.lost_answer is not None:
                session.lost_answer.set()
                continue
            self.figures.to_clients_bytes += len(chunk)
            await asyncio.sleep(self.delay_seconds)
            session.client.write(chunk)
            await session.client.drain()
        await asyncio.sleep(self.linger_seconds)

    async def _cancel(self, key: bytes) -> None:
        """Pass a request to cancel on to whichever of the two gave out the key."""
        for session in self.compute.sessions:
            if session.key == key:
                _, writer = await self.compute.connect(session.pooled)
                writer.write(protocol.packet(protocol.CANCEL_REQUEST, key))
                writer.write_eof()
                writer.close()
                return
