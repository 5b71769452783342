"""The engines: one for the application, tuned for its endpoint, and one for migrations."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from .class_listeners import ignore_class_listeners
from .connector import make_connector
from .driver_errors import translate_driver_errors
from .pool import CheckedQueuePool, CountedNullPool, Counters
from .pool_stats import instrument
from .settings import Settings, load_settings
from .simple_query import SimpleQueryConnection
from .telemetry import trace_if_installed
from .tls import tls_argument, warn_of_weak_tls
from .url import DatabaseURL

_SERVER_FIRST_SECONDS: Final = 5.0


def create_engine(settings: Settings | None = None) -> AsyncEngine:
    """Make the application's engine; it connects at the first use.

    Everywhere:

    - Connecting waits for a compute that wakes, up to DB_CONNECT_TIMEOUT.
    - `application_name` is one of the few startup parameters that Neon's proxy passes on.
    - DB_COMMAND_TIMEOUT is asyncpg's `command_timeout`: it cancels the statement on the server and
      raises TimeoutError. https://magicstack.github.io/asyncpg/current/api/index.html#connection

    With a pool (DB_POOL_MODE=server):

    - A connection that a suspend or a restart has cut is replaced before it is handed out
      (`pool.CheckedQueuePool`, instead of `pool_pre_ping`).
    - `pool_recycle` of 240 s lies below Neon's suspend time of 300 s, so that no connection is used
      that a suspend may have cut. https://neon.com/docs/introduction/scale-to-zero
    - `pool_use_lifo`: connections that a quiet hour does not need age out at the pool's bottom.
      https://docs.sqlalchemy.org/en/21/core/pooling.html#using-fifo-vs-lifo

    "serverless" keeps no connection between two units of work: the process may be frozen after
    each, and the pool is Neon's. https://neon.com/docs/connect/connection-pooling

    Direct endpoint: the statement caches stay on, and the timeouts are set on the server by `SET`
    after connecting, as the proxy drops them as startup parameters. asyncpg's own then comes
    5 s later: the server's error says more, and leaves the connection usable.

    Pooled endpoint (PgBouncer in transaction mode): both statement caches are off, as a prepared
    statement belongs to one server connection and the next transaction may run on another
    (https://neon.com/docs/connect/connection-pooling#protocol-level-prepared-statements, and
    SQLAlchemy's advice of unique names fails in AUTOCOMMIT). No timeout is set there: `SET` would
    leak into others' sessions, and `SET LOCAL` costs a round trip for each transaction; set it once
    for the role: `ALTER ROLE … SET statement_timeout`.

    This blocks: certificates are read, and the embedded server is started where the URL is its.
    Within a running loop, where that matters: `await asyncio.to_thread(create_engine)`.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = settings or load_settings()
    url = settings.url
    _start_if_local(url)
    warn_of_weak_tls(url, settings.db_ssl_verify)
    counters = Counters(capacity=settings.db_pool_size + settings.db_max_overflow)
    server_timeout_seconds = None if url.is_pooled else settings.db_command_timeout
    arguments = _connect_args(url, settings)
    arguments["async_creator_fn"] = make_connector(
        counters, server_timeout_seconds=server_timeout_seconds
    )
    if not url.is_pooled:
        arguments["command_timeout"] += _SERVER_FIRST_SECONDS
    engine = _create(url, arguments, settings)
    instrument(engine, counters)
    trace_if_installed(engine)
    return engine


def _start_if_local(url: DatabaseURL) -> None:
    if url.is_unix_socket:  # the embedded server needs a Unix machine, and nothing else does
        from ..embedded.server import start_if_local

        start_if_local(url)


def _create(url: DatabaseURL, arguments: dict[str, Any], settings: Settings) -> AsyncEngine:
    if settings.db_pool_mode == "serverless":
        return create_async_engine(
            url.sqlalchemy, connect_args=arguments, poolclass=CountedNullPool
        )
    return create_async_engine(
        url.sqlalchemy,
        connect_args=arguments,
        poolclass=CheckedQueuePool,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=settings.db_pool_timeout,
        pool_recycle=settings.db_pool_recycle,
        pool_use_lifo=True,
    )


def create_migration_engine(
    url: DatabaseURL | None = None, settings: Settings | None = None
) -> AsyncEngine:
    """Make an engine for migrations: the direct endpoint, no pool, no time limit on a statement.

    Connecting waits for a compute that wakes, as the application's engine does. A statement takes
    one round trip where it can (`simple_query.SimpleQueryConnection`).

    Where the URL is the embedded server's, the server is started.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = settings or load_settings()
    url = url or settings.direct_url
    _start_if_local(url)
    arguments = _connect_args(url, settings) | {
        "command_timeout": None,
        "connection_class": SimpleQueryConnection,
        "async_creator_fn": make_connector(Counters(), server_timeout_seconds=None),
    }
    engine = create_async_engine(url.sqlalchemy, connect_args=arguments, poolclass=NullPool)
    ignore_class_listeners(engine)
    return engine


@asynccontextmanager
async def migration_connection(url: DatabaseURL) -> AsyncIterator[AsyncConnection]:
    """Connect once, with an engine for migrations that ends with the block.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    engine = create_migration_engine(url)
    try:
        with translate_driver_errors(engine.url):
            async with engine.connect() as connection:
                yield connection
    finally:
        await engine.dispose()


def _connect_args(url: DatabaseURL, settings: Settings) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "timeout": settings.db_connect_timeout,
        "command_timeout": settings.db_command_timeout,
        "ssl": tls_argument(url, settings.db_ssl_verify),
        **url.connect_args,
    }
    server_settings = {"application_name": settings.db_application_name}
    arguments["server_settings"] = server_settings | arguments.get("server_settings", {})
    if url.parts.password is not None:
        # In the place of the URL's own: what a traceback shows of it is stars.
        arguments["password"] = SecretStr(str(url.parts.password)).get_secret_value
    if url.is_pooled:
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return arguments
