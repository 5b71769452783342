"""Whether the application, and the database behind it, can serve requests."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response, status

from ..db import check_health

router = APIRouter(prefix="/health", tags=["health"])


@router.get("")
async def application() -> dict[str, str]:
    """Answer as long as the process runs; the database is not asked."""
    return {"status": "ok"}


@router.get("/db")
async def database(response: Response) -> dict[str, Any]:
    """Answer 200 where the database can serve requests, else 503 and the stage that failed.

    It may be asked as often as one likes: while nobody else uses the database it is not queried, so
    that its compute may sleep, and `age_seconds` says how old the answer is.
    """
    health = await check_health()
    if not health.ok:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return asdict(health)
