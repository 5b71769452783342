"""The HTTP interface."""

from fastapi import APIRouter

from . import health, tasks, users

router = APIRouter()
router.include_router(health.router)
router.include_router(users.router)
router.include_router(tasks.router)
