"""PostgreSQL's pid file: which process serves a data folder, and how far it has come."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigurationError


@dataclass(frozen=True)
class PidFile:
    """The pid file of one data folder. A killed server leaves it behind, naming nobody."""

    data: Path

    @property
    def path(self) -> Path:
        """The file itself."""
        return self.data / "postmaster.pid"

    def status(self) -> str:
        """Return the status that a living server has written: "ready", "starting"…"""
        lines = self._lines()
        return lines[7].strip() if len(lines) > 7 else "starting"

    def copied_from(self) -> Path | None:
        """Return the data folder that this one was copied from while its server ran, or None.

        The file names the folder that it was written for; one that was moved is not there any more.
        """
        lines = self._lines()
        folder = Path(lines[1]) if len(lines) > 1 else self.data
        if not folder.is_absolute() or not os.path.isdir(folder):
            return None
        return None if os.path.samefile(folder, self.data) else folder

    def names_the_server(self) -> bool:
        """Tell whether the process that it names is this folder's server, and can be signalled.

        The pid of a server in another container is nobody's here, or another process's. A server's
        working directory is its data folder, also after the folder was renamed.

        Raises:
            ConfigurationError: the extra `embedded` is not installed.
        """
        if not self._lines():
            return False
        try:
            import psutil
        except ImportError:
            raise ConfigurationError(
                "psutil is not installed, which knows the embedded PostgreSQL's processes.",
                "Install the extra `embedded`, as in: uv add --dev 'alembic-neon[embedded]'",
            ) from None
        try:
            process = psutil.Process(int(self._lines()[0]))
            if "postgres" not in Path((process.cmdline() or [""])[0]).name:
                return False
            return os.path.samefile(process.cwd(), self.data)
        except (IndexError, ValueError, OSError, psutil.Error):
            return False

    def _lines(self) -> list[str]:
        try:
            return self.path.read_text(encoding="utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
