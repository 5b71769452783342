"""A real PgBouncer in transaction mode, which stands for Neon's pooler."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.embedded.binaries import EmbeddedBinaries
from alembic_neon.embedded.server import OWNER, LocalServer

from .certificates import Certificates

_PORT: Final = 6432
_START_TIMEOUT_SECONDS: Final = 20

_CONFIGURATION: Final = """\
[databases]
* = host={server} port=5432

[pgbouncer]
pool_mode = transaction
listen_addr = {address}
listen_port = {port}
unix_socket_dir = {folder}
unix_socket_mode = 0777
auth_type = trust
auth_file = {folder}/users.txt
max_client_conn = 500
default_pool_size = {pool_size}
# Neon's pooler is new with each start of a compute and remembers no failed login; the default
# would make it wait for 15 s after a restart of PostgreSQL.
server_login_retry = 0.1
"""
_TLS: Final = """\
client_tls_sslmode = require
client_tls_key_file = {folder}/server.pem
client_tls_cert_file = {folder}/server.pem
"""


@dataclass(frozen=True)
class Bouncer:
    """A running PgBouncer: its Unix socket, its port where it listens on one, and its version."""

    socket: Path
    port: int | None
    version: str


def find_pgbouncer() -> str | None:
    """Return the program's path; Debian puts it where only root's PATH leads."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def require_pgbouncer() -> str:
    """Return the program's path; without it, fail in CI and skip elsewhere."""
    program = find_pgbouncer()
    if program is None:
        line = "PgBouncer is not installed: apt install pgbouncer"
        if os.environ.get("CI"):
            pytest.fail(line, pytrace=False)
        pytest.skip(line)
    return program


@contextmanager
def running_bouncer(
    program: str,
    server: LocalServer,
    *,
    pool_size: int = 20,
    certificates: Certificates | None = None,
) -> Iterator[Bouncer]:
    """Run PgBouncer in front of `server`; with `certificates`, on a port with TLS as well."""
    binaries = EmbeddedBinaries.find(server.major_version)
    folder = Path(tempfile.mkdtemp(prefix="neon-pooler-"))  # short, for the socket's path
    port = _PORT if certificates is None else _free_port()
    _write(folder, server, port, pool_size, certificates)
    for path in (folder, *folder.iterdir()):
        binaries.chown_to_server_user(path)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    with (folder / "log").open("w+") as log:
        # It refuses to run as root, like PostgreSQL.
        process = subprocess.Popen(
            [program, str(folder / "pgbouncer.ini")],
            stdout=log,
            stderr=subprocess.STDOUT,
            user=binaries.user,
        )
        path = folder / f".s.PGSQL.{port}"
        try:
            _await_start(process, path, folder / "log")
            yield Bouncer(path, port if certificates else None, said.stdout.split()[1])
        finally:
            process.terminate()  # it ends every connection at once
            process.wait(timeout=_START_TIMEOUT_SECONDS)
    shutil.rmtree(folder)


def _write(
    folder: Path,
    server: LocalServer,
    port: int,
    pool_size: int,
    certificates: Certificates | None,
) -> None:
    text = _CONFIGURATION
    if certificates is not None:
        text += _TLS
        certificates.server.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    values = {"server": server.socket_folder, "folder": folder, "port": port}
    address = "" if certificates is None else "127.0.0.1"
    (folder / "pgbouncer.ini").write_text(
        text.format(address=address, pool_size=pool_size, **values)
    )
    (folder / "users.txt").write_text(f'"{OWNER}" ""\n"postgres" ""\n')


def _await_start(process: "subprocess.Popen[bytes]", path: Path, log: Path) -> None:
    started = time.monotonic()
    while time.monotonic() - started < _START_TIMEOUT_SECONDS and process.poll() is None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                time.sleep(0.02)
            else:
                return
    raise RuntimeError(f"PgBouncer did not start: {log.read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
