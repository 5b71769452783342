"""PostgreSQL's pid file: which process serves a data folder, and how far it has come."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PidFile:
    """The pid file of one data folder. A killed server leaves it behind, naming nobody."""

    data: Path

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.data / "postmaster.pid"

    def status(self) -> str | None:
        """Return the status that the file of a living process tells: "ready", "starting"…"""
        lines = self._lines()
        if not lines:
            return None
        try:
            os.kill(int(lines[0]), 0)
        except PermissionError:
            pass  # it lives, as another user's
        except (ProcessLookupError, ValueError):
            return None
        return lines[7].strip() if len(lines) > 7 else "starting"

    def names_the_server(self) -> bool:
        """Tell whether the file names this folder's server; an empty one names none."""
        import psutil

        try:
            command = psutil.Process(int(self._lines()[0])).cmdline()
        except (IndexError, ValueError, psutil.Error):
            return False
        return bool(command) and "postgres" in Path(command[0]).name and str(self.data) in command

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
