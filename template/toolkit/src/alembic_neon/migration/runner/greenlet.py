"""Waiting inside Alembic's synchronous code, which runs on an event loop that must go on."""

import asyncio
import time

from sqlalchemy.util.concurrency import await_only, in_greenlet


def pause(seconds: float) -> None:
    """Sleep without holding up the event loop that this code runs on, where it runs on one."""
    if in_greenlet():
        await_only(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)
