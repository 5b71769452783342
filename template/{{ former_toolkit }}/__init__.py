"""Where the toolkit was before it became the package `alembic_neon`: old imports go on working.

Import from `alembic_neon` instead; the template's docs/updating.md has a table of the names. Once
nothing imports this folder any more, delete it: no update brings it back. What you had changed in
the toolkit's own files here is in git: `git log --patch -- FOLDER` shows it.
"""

from alembic_neon import (
    NAMING_CONVENTION,
    CommitOutcomeUnknownError,
    ConfigurationError,
    Health,
    Settings,
    ToolkitError,
    check_health,
    close_db,
    create_engine,
    get_engine,
    get_session,
    init_db,
    load_settings,
    run_transaction,
    session_scope,
)
from alembic_neon import PoolStats as PoolFigures
from alembic_neon import pool_stats as pool_figures

__all__ = [
    "NAMING_CONVENTION",
    "CommitOutcomeUnknownError",
    "ConfigurationError",
    "Health",
    "PoolFigures",
    "Settings",
    "ToolkitError",
    "check_health",
    "close_db",
    "create_engine",
    "get_engine",
    "get_session",
    "init_db",
    "load_settings",
    "pool_figures",
    "run_transaction",
    "session_scope",
]
