"""The embedded PostgreSQL of the local provider: made, started, recovered and stopped.

One data folder per project, profile and major version lies in `.neon-local/`. The server listens on
a Unix socket alone, which only its owner can open, so two projects never meet and no port is used.
"""

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from sqlalchemy import URL

from ..engine.url import DatabaseURL
from ..errors import ConfigurationError, ToolkitError
from ..project import ensure_state_dir, postgres_version, state_dir
from .binaries import EmbeddedBinaries, embedded_version
from .extensions import extension_settings
from .liveness import Liveness
from .pid_file import PidFile

Profile = Literal["development", "test"]

MAIN_BRANCH: Final = "main"
# Neon's default role. It is no superuser there, so it is none here: what production forbids fails
# on the first day. https://neon.com/docs/manage/roles#the-neonsuperuser-role
OWNER: Final = "neondb_owner"

_START_TIMEOUT_SECONDS: Final = 60
_STOP_TIMEOUT_SECONDS: Final = 60
_SOCKET_TIMEOUT_SECONDS: Final = 5
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, the closing zero included.
_SOCKET_PATH_BYTES: Final = 103
_SOCKET_NAME: Final = ".s.PGSQL.5432"

_BOOTSTRAP_SQL: Final = f"""\
CREATE ROLE neon_superuser NOLOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION;
GRANT pg_read_all_data, pg_write_all_data, pg_monitor TO neon_superuser WITH ADMIN OPTION;
CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE BYPASSRLS REPLICATION IN ROLE neon_superuser;
CREATE DATABASE {MAIN_BRANCH} OWNER {OWNER};
"""

# Tests throw their databases away, so nothing has to survive a crash. Development keeps
# PostgreSQL's durable defaults.
_PROFILE_SETTINGS: Final[dict[Profile, dict[str, str]]] = {
    "development": {},
    "test": {
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # They live for seconds, and a vacuum that has begun keeps a database from being dropped.
        "autovacuum": "off",
    },
}


@dataclass(frozen=True)
class LocalServer:
    """The embedded server of one project and profile. All methods block, up to a minute."""

    folder: Path
    profile: Profile
    major_version: int

    @classmethod
    def for_project(cls, profile: Profile = "development") -> Self:
        """Return the server of the project around the working directory; nothing is started."""
        return cls(state_dir(), profile, embedded_version(postgres_version()))

    @classmethod
    def from_url(cls, url: DatabaseURL) -> Self | None:
        """Return the project's server that `url` points to, or None if it is another's.

        Raises:
            ConfigurationError: it is an embedded server that is nowhere, as where the project was
                moved after its URL was written into `.env`.
        """
        if not url.is_unix_socket:
            return None
        for profile in _PROFILE_SETTINGS:
            server = cls.for_project(profile)
            if url.host == str(server.socket_folder):
                return server
        folder = Path(url.host or "")
        if cls.is_embedded(url) and not (folder / _SOCKET_NAME).exists():
            raise ConfigurationError(
                f"DATABASE_URL leads to an embedded server in {folder}, which is not there.",
                "If the project was moved, write the URL anew: db branch use NAME. Or remove it.",
            )
        return None

    @staticmethod
    def is_embedded(url: DatabaseURL) -> bool:
        """Tell whether `url` leads to the embedded server of any project, by its folder's name."""
        folder = Path(url.host or "")
        return state_dir().name in folder.parts or folder.name.startswith("neon-local-")

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / f"{self.profile}-{self.major_version}"

    @property
    def log(self) -> Path:
        """The server's log file, beside the data."""
        return self.folder / f"{self.data.name}.log"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket: the data folder, or a short one where that is too long.

        Raises:
            ConfigurationError: the temporary folder's path is too long as well.
        """
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        short = Path(tempfile.gettempdir()) / f"neon-local-{os.getuid()}-{digest}"
        for candidate in (self.data, short):
            if len(os.fsencode(candidate / _SOCKET_NAME)) <= _SOCKET_PATH_BYTES:
                return candidate
        raise ConfigurationError(
            f"The path of the embedded server's socket is too long: {short / _SOCKET_NAME}.",
            f"Set TMPDIR to a folder so short that it fits into {_SOCKET_PATH_BYTES} bytes.",
        )

    def __str__(self) -> str:
        return f"the embedded PostgreSQL {self.major_version}"

    def url(self, database: str = MAIN_BRANCH) -> DatabaseURL:
        """Return the URL of a database on this server, whether it runs or not."""
        return DatabaseURL(
            URL.create(
                "postgresql",
                username=OWNER,
                database=database,
                query={"host": str(self.socket_folder)},
            )
        )

    def is_running(self) -> bool:
        """Tell whether the server takes connections, be it in this container or in another."""
        return (
            self._is_alive()
            and self._pid_file.status() == "ready"
            and _listens(self.socket_folder / _SOCKET_NAME)
        )

    def ensure_running(self) -> bool:
        """Start the server, and make its data folder first where there is none.

        Returns whether it was this call that started it. Several processes may call at once: one
        starts, the others wait. A pid file left by a killed server is recovered from.

        Raises:
            ConfigurationError: the folder cannot be written, or the embedded build is missing.
            ToolkitError: PostgreSQL refused to start; the message holds its own reason.
        """
        if self.is_running():
            return False
        with self._locked():
            if self.is_running():
                return False
            binaries = EmbeddedBinaries.find(self.major_version)
            with _as_configuration_error(self.folder):
                if self._await_postmaster(binaries):
                    return False
                if not (self.data / "PG_VERSION").exists():
                    self._make_data_folder(binaries)
                self._prepare_socket_folder(binaries)
                self._write_settings(binaries)
                self._start(binaries)
        return True

    def stop(self) -> bool:
        """Stop the server, ending its sessions. Returns whether it was running.

        Raises:
            ToolkitError: it runs in another container, or did not stop in time.
        """
        if not self._is_alive():
            return False
        with self._locked():
            if not self._is_alive():
                return False
            self._stop(EmbeddedBinaries.find(self.major_version))
        return True

    @contextmanager
    def in_use(self) -> Iterator[Self]:
        """Keep the server running inside the block; the last process that leaves stops it."""
        with _as_configuration_error(self.folder):
            users = self._open_lock_file("users")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)
            self.ensure_running()
            yield self
            fcntl.flock(users, fcntl.LOCK_UN)
            with suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._pid_file.names_the_server():  # else another container has started it
                    self.stop()
        finally:
            os.close(users)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with _as_configuration_error(self.folder):
            lock = self._open_lock_file("lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)  # which also unlocks

    def _open_lock_file(self, suffix: str) -> int:
        ensure_state_dir(self.folder)
        path = self.folder / f"{self.data.name}.{suffix}"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def _pid_file(self) -> PidFile:
        return PidFile(self.data)

    @property
    def _liveness(self) -> Liveness:
        return Liveness(self.folder / f"{self.data.name}.alive")

    def _is_alive(self) -> bool:
        """Tell whether a server has the data; one of an older toolkit holds no lock."""
        return self._liveness.is_held() or self._pid_file.names_the_server()

    def _await_postmaster(self, binaries: EmbeddedBinaries) -> bool:
        """Wait for a server that is just starting or stopping; return whether one is ready then.

        What a dead server left is removed; PostgreSQL does that by itself unless the pid is another
        process's by now, as happens when a container is restarted. A server that is ready but has
        lost its socket is stopped.

        Raises:
            ToolkitError: it neither answers nor ends, or runs in another container.
            ConfigurationError: the folder was copied from one whose server ran.
        """
        started = time.monotonic()
        while self._is_alive():
            if self.is_running():
                return True
            waited_seconds = time.monotonic() - started
            if self._pid_file.status() == "ready" and waited_seconds > _SOCKET_TIMEOUT_SECONDS:
                self._stop(binaries)
            elif waited_seconds > _START_TIMEOUT_SECONDS:
                raise ToolkitError(
                    f"The embedded PostgreSQL in {self.data} neither answers nor ends.",
                    f"Look into its log, {self.log}, and end its processes.",
                )
            time.sleep(0.05)
        if (origin := self._pid_file.copied_from()) is not None:
            raise ConfigurationError(
                f"{self.data} was copied from {origin} while its server ran, and may be torn.",
                "Remove the copy, and a new one is made. Or run db stop there, and copy it again.",
            )
        self._pid_file.path.unlink(missing_ok=True)
        return False

    def _make_data_folder(self, binaries: EmbeddedBinaries) -> None:
        """Make the cluster in a scratch folder and rename it, so that none is ever half-made."""
        scratch = Path(tempfile.mkdtemp(prefix=f"{self.data.name}.", dir=self.folder))
        try:
            binaries.chown_to_server_user(scratch)
            binaries.initdb(scratch)
            with (scratch / "postgresql.conf").open("a", encoding="utf-8") as file:
                file.write("\ninclude 'neon-local.conf'  # written anew at each start\n")
            (scratch / "neon-local.conf").touch()
            binaries.single_user(scratch, _BOOTSTRAP_SQL)
            if self.data.exists():  # what is there holds no cluster: an interrupted copy
                shutil.rmtree(self.data)
            scratch.rename(self.data)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _prepare_socket_folder(self, binaries: EmbeddedBinaries) -> None:
        folder = self.socket_folder
        if folder == self.data:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.is_symlink() or folder.stat().st_uid not in (os.getuid(), binaries.user_id):
            raise ConfigurationError(
                f"{folder} belongs to somebody else.",
                "Remove it, or set TMPDIR to a folder of yours.",
            )
        binaries.chown_to_server_user(folder)

    def _write_settings(self, binaries: EmbeddedBinaries) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
            "timezone": "UTC",
            **extension_settings(binaries, self.major_version, self.data),
            **_PROFILE_SETTINGS[self.profile],
        }
        lines = [f"{name} = {_quoted(value)}\n" for name, value in settings.items()]
        (self.data / "neon-local.conf").write_text("".join(lines), encoding="utf-8")

    def _stop(self, binaries: EmbeddedBinaries) -> None:
        if not self._pid_file.names_the_server():
            if self._pid_file.path.exists():
                raise ToolkitError(
                    f"The embedded PostgreSQL in {self.data} runs in another container.",
                    "Stop it there, or give each container a folder of its own.",
                )
            return  # it has ended; its last processes are about to
        stop = ("stop", "-D", str(self.data), "-m", "fast", "-w", "-t", str(_STOP_TIMEOUT_SECONDS))
        result = binaries.run("pg_ctl", *stop)
        if result.returncode != 0 and self._pid_file.names_the_server():
            raise ToolkitError(
                f"The embedded PostgreSQL did not stop: {self._reason(result)}.",
                f"Look into its log, {self.log}, and end its processes.",
            )

    def _start(self, binaries: EmbeddedBinaries) -> None:
        self.log.touch(mode=0o600)
        self.log.chmod(0o600)  # statements with their rows are in it
        binaries.chown_to_server_user(self.log)
        wait = ("-w", "-t", str(_START_TIMEOUT_SECONDS))
        command = ("start", "-s", *wait, "-D", str(self.data), "-l", str(self.log))
        with self._liveness.taken() as lock:
            result = binaries.run("pg_ctl", *command, inherited=(lock,))
        if result.returncode != 0 and not self.is_running():
            raise ToolkitError(
                f"The embedded PostgreSQL did not start: {self._reason(result)}.",
                f"Fix that and try again; its log is {self.log}.",
            )

    def _reason(self, result: subprocess.CompletedProcess[str]) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        for line in reversed(lines):
            _, fatal, reason = line.partition("FATAL:")
            if fatal:
                return reason.strip()
        return (result.stderr or result.stdout).strip().replace("\n", "; ")


def start_if_local(url: DatabaseURL) -> None:
    """Start the project's embedded server if `url` points to it; do nothing otherwise."""
    server = LocalServer.from_url(url) if url.is_unix_socket else None
    if server is not None:
        server.ensure_running()


def _quoted(value: str) -> str:
    """Quote a value for PostgreSQL's configuration file."""
    return "'" + value.replace("'", "''") + "'"


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


@contextmanager
def _as_configuration_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"The embedded server's folder {folder} cannot be used: {error.strerror or error}.",
            "Make it a folder that you may write to, with free space, or set DATABASE_URL.",
        ) from None
