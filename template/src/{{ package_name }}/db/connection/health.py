"""The health of the database, as an answer that may be shown to the outside."""

import asyncio
import time
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import text

from .revisions import current_revisions
from .session import get_engine, get_required_heads

Stage = Literal["ready", "not_open", "connect", "query", "revision"]


@dataclass(frozen=True)
class Health:
    """Whether the database answers, and the stage that failed otherwise ("ready": none)."""

    ok: bool
    stage: Stage
    latency_ms: float


async def check_health(timeout_seconds: float = 2.0) -> Health:
    """Connect, query and compare the revision, within `timeout_seconds` altogether.

    It never raises, and never says more of a failure than its stage.
    """
    started = time.perf_counter()
    stage: Stage = "not_open"
    ok = False
    try:
        async with asyncio.timeout(timeout_seconds):
            engine = get_engine()
            stage = "connect"
            async with engine.connect() as connection:
                stage = "query"
                await connection.execute(text("SELECT 1"))
                stage = "revision"
                heads = get_required_heads()
                if heads is None or await current_revisions(connection) == heads:
                    stage, ok = "ready", True
    except Exception:  # noqa: BLE001, S110 - whatever it was, the stage says where
        pass
    return Health(ok, stage, round((time.perf_counter() - started) * 1000, 1))
