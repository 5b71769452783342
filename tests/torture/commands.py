"""Commands of the toolkit in processes of their own, which are killed, frozen and asked to end."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from forked_runs import start_module

from .figures import Figures

PASSWORD: Final = "s3cret-Pa55word"
NAME: Final = "TORTURE_NAME"  # the variable by which a revision knows the command that runs it
_END_SECONDS: Final = 10.0
# A migrator waits for another one for 60 s, and for a lock of the database six times.
_LONGEST_SECONDS: Final = 150.0
_POLL_SECONDS: Final = 0.02
# Done, failed, refused as unusable now, interrupted; and what the faults themselves make of it.
_CODES: Final = {0, 1, 2, 130, -signal.SIGTERM}


@dataclass(eq=False)
class Command:
    """A running `db …`, and what was done to it."""

    name: str
    arguments: tuple[str, ...]
    process: BaseProcess
    output: Path
    terminated_at: float = 0.0
    is_frozen: bool = False
    is_killed: bool = False
    started_at: float = field(default_factory=time.monotonic)
    ended_at: float = 0.0

    @classmethod
    def start(cls, folder: Path, outputs: Path, *arguments: str, **environment: str) -> "Command":
        """Start `db` with those arguments in the project's folder."""
        name = f"{arguments[0]}-{len(list(outputs.iterdir()))}"
        (outputs / name).mkdir()
        environment |= {NAME: name, "NO_COLOR": "1"}
        process = start_module(
            "alembic_neon", *arguments, cwd=folder, output=outputs / name, **environment
        )
        return cls(name, arguments, process, outputs / name)

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.is_alive()

    @property
    def code(self) -> int | None:
        """The exit code; negative where a signal ended it."""
        return self.process.exitcode

    @property
    def text(self) -> str:
        """All that it printed, so far."""
        files = (self.output / "out", self.output / "err")
        return "".join(file.read_text() for file in files if file.exists())

    def signal(self, number: int) -> None:
        """Send a signal, where it has not ended."""
        if self.is_alive and self.process.pid is not None:
            os.kill(self.process.pid, number)

    async def ended(self, figures: Figures) -> None:
        """Wait for the end, which has to come in time, and look at what was printed."""
        while self.is_alive:
            now = time.monotonic()
            if self.terminated_at and now - self.terminated_at > _END_SECONDS:
                figures.fail("outlived", f"{self.name}: {self.text}")
                self._kill()
            elif now - self.started_at > _LONGEST_SECONDS:
                figures.fail("stuck", f"{self.name} does not end: {self.text}")
                self._kill()
            await asyncio.sleep(_POLL_SECONDS)
        self.process.join()
        self.ended_at = time.monotonic()
        figures.done["commands"] += 1
        self._judge(figures)

    def _kill(self) -> None:
        self.is_killed = True
        self.signal(signal.SIGKILL)

    def _judge(self, figures: Figures) -> None:
        is_expected = self.code in _CODES or (self.is_killed and self.code == -signal.SIGKILL)
        has_word = self.code != 1 or "Error: " in self.text or "locked" in self.text
        if "Traceback" in self.text or not is_expected or not has_word:
            figures.fail("ugly", f"{self.name} ended with {self.code}: {self.text}")
        if PASSWORD in self.text:
            figures.fail("secret", f"{self.name}: {self.text}")
