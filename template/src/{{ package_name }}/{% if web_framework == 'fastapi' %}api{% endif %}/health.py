"""Whether the application, and the database behind it, can serve requests."""

from alembic_neon import Health, check_health
from fastapi import APIRouter, Response, status

from ..database import get_engine

router = APIRouter(prefix="/health", tags=["health"])


@router.get("")
async def check_application() -> dict[str, str]:
    """Answer as long as the process runs; the database is not asked."""
    return {"status": "ok"}


@router.get("/db")
async def check_database(response: Response) -> Health:
    """Answer 200 where the database can serve requests, else 503 and the stage that failed.

    Ask as often as you like: while nobody else uses the database it is not queried, so that its
    compute can sleep, and `age_seconds` says how old the answer is.
    """
    health = await check_health(get_engine())
    if not health.ok:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return health
