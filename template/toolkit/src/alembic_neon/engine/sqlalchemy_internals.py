"""What the toolkit uses of SQLAlchemy beyond its documented API, in one place.

Read in SQLAlchemy 2.1.9; `test_sqlalchemy_internals.py` fails where one of them moves, here or in
`pool.py`, `simple_query.py` and `telemetry.py`, whose classes SQLAlchemy itself calls.
"""

from collections.abc import Awaitable
from functools import cache
from typing import Final, TypeVar

from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.util import await_
from sqlalchemy.util.concurrency import in_greenlet

READ_IN: Final = "2.1.9"

_T = TypeVar("_T")


def wait_for(awaitable: Awaitable[_T]) -> _T:
    """Await something inside synchronous code that runs on an event loop (`run_sync`)."""
    return await_(awaitable)


def is_on_event_loop() -> bool:
    """Tell whether this code runs on an event loop, so that `wait_for` can be called."""
    return bool(in_greenlet())


@cache
def dialect() -> PGDialect_asyncpg:
    """Return the dialect of the toolkit's engines, for SQL that is written without a connection."""
    return PGDialect_asyncpg()  # type: ignore[no-untyped-call]
