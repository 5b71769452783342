"""Alembic's environment: `migrations/env.py` hands the metadata over, the rest is here."""

import asyncio
import logging.config
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.schema import CreateSchema

from ..engine.driver_errors import translate_driver_errors
from ..engine.factory import create_migration_engine
from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..errors import ConfigurationError, ToolkitError
from .alembic_internals import is_run, list_steps
from .autogenerate import dialect_gaps, enum_plugin  # noqa: F401 - they patch what they name
from .autogenerate.filters import name_filter, object_filter
from .autogenerate.generate import AUTOGENERATE_PLUGINS, review_directives
from .autogenerate.metadata import HasMetadata, Metadata, metadata_of, schemas_of
from .autogenerate.server_defaults import patch_server_default_comparison
from .autogenerate.type_rendering import render_item
from .configuration import is_command_line
from .hooks import load_hooks
from .runner.checks import refuse_irreversible
from .runner.execution import run_migrations_locked
from .runner.progress import Progress
from .runner.version_table import make_version_schema


def run_migrations(*models: MetaData | HasMetadata) -> None:
    """Run the Alembic command at hand, offline or online. Call it at the end of `env.py`.

    `models` are what the tables are declared on: MetaData, a declarative base, SQLModel or one of
    its classes, or anything else with an attribute `metadata`; one or several.

    The connection is the one in `config.attributes["connection"]`: a Connection, an AsyncEngine, or
    anything with `connect()` (pytest-alembic). Where there is none, it is the settings' direct
    endpoint. A revision is a transaction of its own, so a later one may use an enum value that an
    earlier one added, and a failure keeps what was finished.

    Raises:
        ConfigurationError: the connection leads to a pooled endpoint, `hooks.py` is wrong, or what
            was given has no metadata.
    """
    try:
        _run_command(metadata_of(models))
    except ToolkitError as error:
        if not is_command_line(context.config):
            raise
        raise CommandError(str(error)) from error  # which Alembic's own command line prints


def _run_command(metadata: Metadata) -> None:
    if context.config.attributes.get("configure_logger", is_command_line(context.config)):
        _configure_logging()
    if context.is_offline_mode():
        _print_sql(metadata)
        return
    given = context.config.attributes.get("connection")
    if isinstance(given, Connection):
        _run_on_connection(given, metadata)
    elif given is None or isinstance(given, AsyncEngine):
        _run_coroutine(lambda: _run_on_engine(given, metadata))
    else:
        with given.connect() as connection:
            _run_on_connection(connection, metadata)


def _print_sql(metadata: Metadata) -> None:
    # Of PostgreSQL's dialects, the one of psycopg2 doubles each `%`, which a file should not have.
    dialect_options = {"paramstyle": "named"}
    _configure(
        metadata, dialect_name="postgresql", dialect_opts=dialect_options, literal_binds=True
    )
    migration_context = context.get_context()
    schema = migration_context.version_table_schema
    refuse_irreversible(list_steps(migration_context, migration_context.get_current_heads()))
    with context.begin_transaction():
        if schema is not None and not migration_context.get_current_heads():
            migration_context.impl.execute(CreateSchema(schema, if_not_exists=True))
        context.run_migrations()


def _run_on_connection(connection: Connection, metadata: Metadata) -> None:
    """Run on a connection of the caller's, or beside it where its transaction is not to be ended.

    `with engine.begin() as connection`, which Alembic's documentation shares, commits at its end
    alone; each revision is a transaction of its own.
    https://alembic.sqlalchemy.org/en/latest/cookbook.html#sharing-a-connection-across-one-or-more-programmatic-migration-commands
    """
    if getattr(connection, "_trans_context_manager", None) is None:
        _run(connection, metadata)
        return
    with connection.engine.connect() as other:
        _run(other, metadata)


def _run(connection: Connection, metadata: Metadata) -> None:
    _require_direct(connection)
    if connection.in_transaction():
        # Alembic would take it for the caller's own transaction and leave the commit to him: the
        # whole upgrade would be rolled back without an error.
        connection.commit()
    _configure(metadata, connection=connection)
    if is_run(context.get_context()):
        progress = context.config.attributes.get("progress") or Progress()
        run_migrations_locked(connection, progress, context.config.attributes.get("tracer"))
        return
    if not context.get_context().opts.get("dont_mutate"):
        make_version_schema(connection, context.get_context().version_table_schema)
    with context.begin_transaction():
        context.run_migrations()


async def _run_on_engine(given: AsyncEngine | None, metadata: Metadata) -> None:
    engine = create_migration_engine() if given is None else given
    try:
        with translate_driver_errors(engine.url):
            async with engine.connect() as connection:
                await connection.run_sync(_run, metadata)
    finally:
        if given is None:
            await engine.dispose()


def _require_direct(connection: Connection) -> None:
    """Refuse a pooled endpoint, where a session's locks and limits are other people's.

    PgBouncer gives one transaction to one server session and the next to another, so the migration
    lock and the timeouts would lie on sessions that the run no longer has.
    https://neon.com/docs/connect/connection-pooling
    """
    url = connection.engine.url
    if DatabaseURL(url).is_pooled:
        raise ConfigurationError(
            f"{url.host} is a pooled endpoint, on which neither the migration lock nor a timeout "
            "holds.",
            "Give migrations the direct endpoint: the host without -pooler.",
        )


def _configure(metadata: Metadata, *, connection: Connection | None = None, **options: Any) -> None:
    hooks = load_hooks(Path(context.script.dir))
    schemas = schemas_of(metadata)
    versions = version_table()
    if connection is not None:
        options["connection"] = connection
    ours: dict[str, Any] = {
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": bool(schemas),
        "include_name": name_filter(schemas),
        "render_item": render_item,
        "process_revision_directives": review_directives,
        "autogenerate_plugins": AUTOGENERATE_PLUGINS,
    }
    context.configure(
        target_metadata=metadata,
        transaction_per_migration=True,
        version_table=versions.name,
        version_table_schema=versions.schema,
        include_object=object_filter(connection, hooks.include_object),
        **(ours | hooks.options | options),
    )
    patch_server_default_comparison(context.get_context().impl)


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
    """Set the loggers as the ini file says; the loggers that are there stay as they are."""
    path = context.config.config_file_name
    if path is None:  # TOML has no section for it
        logging.basicConfig(format="%(levelname)-5.5s [%(name)s] %(message)s")
        logging.getLogger("alembic").setLevel(logging.INFO)
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    elif context.config.file_config.has_section("loggers"):
        logging.config.fileConfig(path, disable_existing_loggers=False)
