"""Alembic's environment: `migrations/env.py` hands the metadata over, the rest is here."""

import asyncio
import logging.config
from collections.abc import Callable, Sequence
from functools import partial
from threading import Thread
from typing import Any

import alembic_postgresql_enum  # noqa: F401 - registers its autogenerate hooks when imported
from alembic import context
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine

from ..connection.engine import create_migration_engine
from ..connection.failures import explained
from .autogenerate import AUTOGENERATE_PLUGINS, include_name, render_item, review_directives
from .execution import is_run, run_safely
from .progress import Progress

Metadata = MetaData | Sequence[MetaData]


def run_migrations(metadata: Metadata) -> None:
    """Run the Alembic command at hand, offline or online. Call it at the end of `env.py`.

    The connection is the one in `config.attributes["connection"]`: a Connection, an AsyncEngine, or
    anything with `connect()` (pytest-alembic). Where there is none, it is the settings' direct
    endpoint. A revision is a transaction of its own, so a later one may use an enum value that an
    earlier one added, and a failure keeps what was finished.
    """
    if context.config.attributes.get("configure_logger", True):
        _configure_logging()
    if context.is_offline_mode():
        _configure(metadata, dialect_name="postgresql", literal_binds=True)
        with context.begin_transaction():
            context.run_migrations()
        return
    given = context.config.attributes.get("connection")
    if isinstance(given, Connection):
        _run(given, metadata)
    elif given is None or isinstance(given, AsyncEngine):
        _run_coroutine(lambda: _run_on_engine(given, metadata))
    else:
        with given.connect() as connection:
            _run(connection, metadata)


def _run(connection: Connection, metadata: Metadata) -> None:
    if connection.in_transaction():
        # Alembic would take it for the caller's own transaction and leave the commit to him: the
        # whole upgrade would be rolled back without an error.
        connection.commit()
    configure = partial(_configure, metadata, connection=connection)
    configure()
    if is_run(context.get_context()):
        progress = context.config.attributes.get("progress") or Progress()
        run_safely(connection, configure, progress, context.config.attributes.get("tracer"))
        return
    with context.begin_transaction():
        context.run_migrations()


async def _run_on_engine(given: AsyncEngine | None, metadata: Metadata) -> None:
    engine = create_migration_engine() if given is None else given
    try:
        with explained(engine.url):
            async with engine.connect() as connection:
                await connection.run_sync(_run, metadata)
    finally:
        if given is None:
            await engine.dispose()


def _configure(metadata: Metadata, **options: Any) -> None:
    context.configure(
        target_metadata=metadata,
        transaction_per_migration=True,
        compare_type=True,
        compare_server_default=True,
        include_name=include_name,
        render_item=render_item,
        process_revision_directives=review_directives,
        autogenerate_plugins=AUTOGENERATE_PLUGINS,
        **options,
    )


def _run_coroutine(function: Callable[[], Any]) -> None:
    """Run a coroutine to its end, in a thread of its own where a loop is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(function())
        return
    failures: list[BaseException] = []

    def target() -> None:
        try:
            asyncio.run(function())
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread
            failures.append(error)

    thread = Thread(target=target, name="migrations")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _configure_logging() -> None:
    path = context.config.config_file_name
    if path is not None and context.config.file_config.has_section("loggers"):
        # The loggers that the application has made stay as they are.
        logging.config.fileConfig(path, disable_existing_loggers=False)
