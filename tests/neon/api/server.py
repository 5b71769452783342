"""The stand-in as one thing to start and stop: an HTTP server in a thread, and its controls."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from secrets import token_hex
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from alembic_neon.embedded.server import LocalServer

from .application import build_application
from .contract import Contract
from .databases import Databases
from .document import load_document
from .middleware import Fault, Gate, Kind
from .project import Branch, Project

KEY: Final = "napi_a-key-that-opens-nothing-0123456789"


class NeonApi:
    """Neon's API for one project, on a loopback port; the server of PostgreSQL must run."""

    def __init__(self, server: LocalServer, port: int = 0) -> None:
        self.contract = Contract(load_document())
        self.project = Project(Databases(server), f"stand-in-{token_hex(4)}")
        self.gate = Gate(build_application(self.project, KEY), self.contract)
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._server = uvicorn.Server(
            uvicorn.Config(self.gate, port=port, log_level="critical", lifespan="off", ws="none")
        )
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(60)
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(60)

    @property
    def host(self) -> str:
        """What `NEON_API_HOST` takes."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a client here."""
        return {
            "NEON_API_KEY": KEY,
            "NEON_PROJECT_ID": self.project.id,
            "NEON_API_HOST": self.host,
        }

    @property
    def calls(self) -> list[str]:
        """The calls so far, without the polling of operations, whose number depends on time."""
        return [call for call in self.gate.calls if "{operation_id}" not in call]

    def fail(self, call: str, kind: Kind, **more: Any) -> None:
        """Let the next calls go wrong; see `Fault`. `{p}` stands for the project's path."""
        path = call.replace("{p}", "/projects/{project_id}").replace("{b}", "/branches/{branch_id}")
        self.gate.faults.append(Fault(path, kind, **more))

    def named(self, name: str) -> Branch:
        """Return a branch of the project by its name."""
        return next(each for each in self.project.branches.values() if each.name == name)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something in the server's event loop, which all changes belong in."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def _serve(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.set_event_loop(self._loop)
            self._loop.run_until_complete(self._serve_to_the_end())

    async def _serve_to_the_end(self) -> None:
        try:
            await self.project.begin()
        except BaseException as error:
            self._failure = error
            self._ready.set()
            raise
        serving = asyncio.create_task(self._server.serve())
        while not self._server.started and not serving.done():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
        if self._server.started:
            self._port = self._server.servers[0].sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await serving
        finally:
            await self.project.end()
