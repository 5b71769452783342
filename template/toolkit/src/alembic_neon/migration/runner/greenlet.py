"""Waiting inside Alembic's synchronous code, which runs on an event loop that must go on."""

import asyncio
import time

from ...engine.sqlalchemy_internals import is_on_event_loop, wait_for


def pause(seconds: float) -> None:
    """Sleep without holding up the event loop that this code runs on, where it runs on one."""
    if is_on_event_loop():
        wait_for(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)
