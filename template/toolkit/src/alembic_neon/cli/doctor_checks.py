"""The doctor: what the settings say, and what the server behind them answers."""

import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..branches.target import describe_url
from ..embedded.binaries import embedded_version
from ..embedded.server import LocalServer
from ..engine.driver_errors import translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.settings import Settings
from ..engine.tls import tls_argument, tls_weakness
from ..engine.url import DatabaseURL
from ..errors import ToolkitError
from ..project import postgres_version, tool_settings
from .toolkit_location import find_toolkit, installed_twice

Grade = Literal["ok", "note", "wrong"]


@dataclass(frozen=True)
class Check:
    """One thing that was checked. "note" is worth knowing; "wrong" has to be fixed."""

    name: str
    grade: Grade
    detail: str


async def examine(settings: Settings) -> AsyncIterator[Check]:
    """Check the toolkit, the settings, then the server; yields each check as soon as it is done."""
    for check in _toolkit():
        yield check
    url, direct = settings.url, settings.direct_url
    source = "DATABASE_URL" if settings.database_url else "embedded server (no DATABASE_URL)"
    yield Check("settings", "ok", f"{source}; APP_ENV={settings.app_env}")
    yield Check("endpoint", "ok", _endpoint(url, direct))
    yield _tls(url, settings)
    if LocalServer.from_url(url) is not None:
        yield _embedded()
    engine = create_migration_engine(direct, settings)
    started = time.perf_counter()
    try:
        with translate_driver_errors(engine.url):
            async with engine.connect() as connection:
                latency_ms = (time.perf_counter() - started) * 1000
                yield Check("connection", "ok", f"{describe_url(direct)}, in {latency_ms:.0f} ms")
                yield await _server_version(connection)
                yield await _pool(connection, settings)
    except ToolkitError as error:
        yield Check("connection", "wrong", str(error))
    finally:
        await engine.dispose()


def _toolkit() -> Iterator[Check]:
    found = find_toolkit()
    if twice := installed_twice():
        places = " and ".join(map(str, twice))
        yield Check("toolkit", "wrong", f"installed twice, in {places}; uninstall one of them")
    elif not found.is_declared:
        detail = f"{found}, not the project's own in {found.declared}; run: uv sync"
        yield Check("toolkit", "note", detail)
    else:
        yield Check("toolkit", "ok", str(found))
    if not tool_settings():
        detail = f"no [tool.db] in pyproject.toml: PostgreSQL {postgres_version()} is assumed"
        yield Check("project", "note", detail)


def _endpoint(url: DatabaseURL, direct: DatabaseURL) -> str:
    if url.is_pooled:
        return f"pooled; migrations use the direct one, {direct.host}"
    return "direct" if url.is_neon else "direct (not one of Neon's hosts)"


def _tls(url: DatabaseURL, settings: Settings) -> Check:
    if url.is_unix_socket:
        return Check("TLS", "ok", "none needed: a Unix socket")
    weakness = tls_weakness(url, settings.db_ssl_verify)
    if weakness is not None:
        return Check("TLS", "note", f"{weakness}; sslmode=verify-full does it all")
    tls = tls_argument(url, settings.db_ssl_verify)
    is_full = isinstance(tls, ssl.SSLContext) and tls.check_hostname
    return Check("TLS", "ok", "verified in full" if is_full else "none needed: this machine")


def _embedded() -> Check:
    asked = postgres_version()
    used = embedded_version(asked)
    if used == asked:
        return Check("embedded PostgreSQL", "ok", f"version {used}, as the project asks")
    detail = f"version {used} stands in for {asked}, which has no embedded build"
    return Check("embedded PostgreSQL", "note", detail)


async def _server_version(connection: AsyncConnection) -> Check:
    version = str(await connection.scalar(text("SHOW server_version")))
    asked = postgres_version()
    major = int(version.partition(".")[0])
    if major in (asked, embedded_version(asked)):
        return Check("server", "ok", f"PostgreSQL {version}")
    return Check("server", "note", f"PostgreSQL {version}; the project asks for {asked}")


async def _pool(connection: AsyncConnection, settings: Settings) -> Check:
    """Compare what one process may open with what the server has to give."""
    limit = int(await connection.scalar(text("SHOW max_connections")) or 0)
    reserved = int(await connection.scalar(text("SHOW superuser_reserved_connections")) or 0)
    free = limit - reserved
    per_process = settings.db_pool_size + settings.db_max_overflow
    if settings.url.is_pooled:
        return Check("pool", "ok", f"{per_process} connections a process, to a pooled endpoint")
    if settings.db_pool_mode == "serverless":
        return Check("pool", "ok", "no pool (DB_POOL_MODE=serverless)")
    detail = (
        f"{per_process} connections a process at most, {free} free: {free // per_process} processes"
    )
    if free < per_process:
        return Check("pool", "wrong", f"{detail}; lower DB_POOL_SIZE or use the pooled endpoint")
    return Check("pool", "ok", detail)
