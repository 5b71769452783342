"""The check at an application's start: the database answers, and is at head."""

import asyncio
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncEngine

from ..errors import ToolkitError
from .driver_errors import translate_driver_errors
from .revisions import current_revisions, expected_heads

_required: "WeakKeyDictionary[AsyncEngine, frozenset[str]]" = WeakKeyDictionary()


async def check_database(engine: AsyncEngine, *, require_head: bool = True) -> None:
    """Check that the database answers and is at head; call it when an application starts.

    A compute that sleeps is waited for, up to DB_CONNECT_TIMEOUT. Nothing is ever created: that is
    what migrations are for. From then on `check_health(engine)` compares the revision as well,
    unless `require_head` is off.

    Raises:
        ConfigurationError: the credentials are refused, or the migration files are missing.
        ConnectionFailedError: the database cannot be reached.
        ToolkitError: the database is not at head, and `require_head` is set.
    """
    heads = await asyncio.to_thread(expected_heads) if require_head else None
    with translate_driver_errors(engine.url):
        async with engine.connect() as connection:
            current = await current_revisions(connection)
    if heads is None:
        _required.pop(engine, None)
        return
    if current != heads:
        raise ToolkitError(
            f"The database is at {_names(current)}, the application needs {_names(heads)}.",
            "Run: db upgrade",
        )
    _required[engine] = heads


def required_heads(engine: AsyncEngine) -> frozenset[str] | None:
    """Return the revisions that `check_database` required of an engine; None: it required none."""
    return _required.get(engine)


def _names(revisions: frozenset[str]) -> str:
    return ", ".join(sorted(revisions)) or "no revision"
