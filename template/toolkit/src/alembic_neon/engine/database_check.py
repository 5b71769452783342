"""The check at an application's start: the database answers, and is not behind the code."""

import asyncio
import logging
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import ToolkitError
from .database_state import DatabaseState, read_database_state
from .driver_errors import translate_driver_errors
from .revisions import RevisionGraph, read_revision_graph

_log = logging.getLogger(__name__)

_required: "WeakKeyDictionary[AsyncEngine, RevisionGraph]" = WeakKeyDictionary()


async def check_database(engine: AsyncEngine, *, require_head: bool = True) -> None:
    """Check that the database answers and is at head; call it when an application starts.

    A database that a newer release has migrated is served, with a warning in the log, so that a
    rolling deployment and a rollback of the code work; one that is behind is refused. A compute
    that sleeps is waited for, up to DB_CONNECT_TIMEOUT. Nothing is ever created: that is what
    migrations are for. From then on `check_health(engine)` compares the revision as well, unless
    `require_head` is off.

    Raises:
        ConfigurationError: the credentials are refused, or the migration files are missing.
        ConnectionFailedError: the database cannot be reached.
        ToolkitError: the database is behind the migration files, or at a revision that is not known
            to build on them, and `require_head` is set.
    """
    graph = await asyncio.to_thread(read_revision_graph) if require_head else None
    with translate_driver_errors(engine.url):
        async with engine.connect() as connection:
            if graph is None:
                _required.pop(engine, None)
                return
            state = await read_database_state(connection, graph)
    if not state.is_served:
        raise _refusal(state)
    if state.position == "ahead":
        _log.warning(
            "The database is at %s, ahead of this release, which needs %s.",
            _names(state.current),
            _names(state.heads),
        )
    _required[engine] = graph


def required_revisions(engine: AsyncEngine) -> RevisionGraph | None:
    """Return the files' revisions that `check_database` required; None: it required none."""
    return _required.get(engine)


def _refusal(state: DatabaseState) -> ToolkitError:
    if state.position == "behind":
        return ToolkitError(
            f"The database is at {_names(state.current)}, the application needs "
            f"{_names(state.heads)}.",
            "Run: db upgrade",
        )
    return ToolkitError(
        f"The database is at {_names(state.current)}, which is in no migration file and not known "
        f"to build on {_names(state.heads)}.",
        "Deploy the code that has that revision, or set DATABASE_URL to the right database.",
    )


def _names(revisions: frozenset[str]) -> str:
    return ", ".join(sorted(revisions)) or "no revision"
