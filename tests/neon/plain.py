"""What people write today: the engine that guides recommend, to show what fails with it."""

from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def plain_engine(url: str, *, keep_query: bool = False, **changed: Any) -> AsyncEngine:
    """Make the commonly recommended engine, with its statement caches as they are by default.

    The URL's parameters are taken off, as asyncpg's dialect takes none of them, and TLS is asked
    for with the word that Neon's URLs use: "require".
    """
    parts = make_url(url).set(drivername="postgresql+asyncpg")
    parts = parts if keep_query else parts.set(query={})
    settings: dict[str, Any] = {
        "pool_size": 20,
        "max_overflow": 10,
        "pool_pre_ping": True,
        "pool_recycle": 1800,
        "connect_args": {"ssl": "require"},
    }
    return create_async_engine(parts, **(settings | changed))
