"""The commands `db start` and `db stop`, of the embedded PostgreSQL."""

from ..embedded.server import LocalServer
from .console import result, success


def start_command() -> None:
    """Start the embedded PostgreSQL."""
    server = LocalServer.for_project()
    started = server.ensure_running()
    success(f"PostgreSQL {server.major_version} {'started' if started else 'runs already'}")
    result(str(server.url()))


def stop_command() -> None:
    """Stop the embedded PostgreSQL servers (development and test)."""
    servers = [LocalServer.for_project(profile) for profile in ("development", "test")]
    stopped = [server.stop() for server in servers]
    success("PostgreSQL stopped" if any(stopped) else "PostgreSQL was not running")
