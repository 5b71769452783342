"""Keeps the listeners that an application has on SQLAlchemy's classes off one engine.

SQLAlchemy has no public way to it. Its event registry was read in 2.1.9: a dispatcher makes a
collection of an instance's own listeners by `for_modify`, which looks up those of the class by
`parent_listeners`.
"""

from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

# How an application logs in, with a token that expires for example, it decides for all engines.
_LET_THROUGH: Final = {"do_connect"}


def ignore_class_listeners(engine: AsyncEngine) -> None:
    """Let no listener on `Engine`, `Pool` or `Dialect` reach an engine; its own listeners count.

    `env.py` imports the application's models, and with them what it does to every connection and
    every statement: a PRAGMA, a SET ROLE, a comment in front of the SQL. None of that belongs into
    a migration, or into what is measured of one.
    """
    target = engine.sync_engine
    for owner in (target, target.pool, target.dialect):
        dispatch: Any = owner.dispatch
        for descriptor in dispatch._event_descriptors:
            if descriptor.name not in _LET_THROUGH:
                listeners = getattr(dispatch, descriptor.name).for_modify(dispatch)
                listeners.parent_listeners = ()
