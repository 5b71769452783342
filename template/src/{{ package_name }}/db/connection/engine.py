"""The engines: one for the application, tuned for its endpoint, and one for migrations."""

from typing import Any

from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .local_server import start_if_local
from .settings import Settings, load_settings
from .url import DatabaseURL


def create_engine(settings: Settings | None = None) -> AsyncEngine:
    """Make the application's engine; it connects at the first use.

    - `pool_pre_ping`, and a recycle below Neon's suspend time (300 s by default): a connection that
      a suspend or a restart has cut is replaced before it is handed out.
    - `pool_use_lifo`: idle connections at the bottom of the pool age out and let the compute sleep.
    - "serverless" keeps no connection between two units of work, as the process may be frozen.
    - Behind the pooler both statement caches are off: a prepared statement belongs to one server
      connection there, and the next transaction may run on another.
      https://neon.com/docs/connect/connection-pooling

    Where the URL is the embedded server's, the server is started.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = settings or load_settings()
    url = settings.url
    start_if_local(url)
    arguments = _connect_args(url, settings)
    if settings.db_pool_mode == "serverless":
        return create_async_engine(url.sqlalchemy, connect_args=arguments, poolclass=NullPool)
    return create_async_engine(
        url.sqlalchemy,
        connect_args=arguments,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        pool_timeout=settings.db_pool_timeout,
        pool_recycle=settings.db_pool_recycle,
        pool_pre_ping=True,
        pool_use_lifo=True,
    )


def create_migration_engine(
    url: DatabaseURL | None = None, settings: Settings | None = None
) -> AsyncEngine:
    """Make an engine for migrations: the direct endpoint, no pool, no time limit on a statement.

    Where the URL is the embedded server's, the server is started.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = settings or load_settings()
    url = url or settings.direct_url
    start_if_local(url)
    arguments = _connect_args(url, settings) | {"command_timeout": None}
    return create_async_engine(url.sqlalchemy, connect_args=arguments, poolclass=NullPool)


def _connect_args(url: DatabaseURL, settings: Settings) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "timeout": settings.db_connect_timeout,
        "command_timeout": settings.db_command_timeout,
        **url.connect_args,
    }
    # One of the few startup parameters that Neon's proxy passes on.
    server_settings = {"application_name": settings.db_application_name}
    arguments["server_settings"] = server_settings | arguments.get("server_settings", {})
    if url.is_pooled:
        arguments |= {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return arguments
