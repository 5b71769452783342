"""Attempts: how long, how often and how loudly the same thing is tried again."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)

from .driver_errors import driver_error

Result = TypeVar("Result")


@dataclass(frozen=True)
class RetryPolicy:
    """Which failures are followed by another attempt, and how long.

    The waits grow from 0.1 s to `longest_wait_seconds`, with jitter, and none ends later than
    `deadline_seconds` after the first attempt began.
    """

    is_retryable: Callable[[BaseException], bool]
    deadline_seconds: float
    longest_wait_seconds: float


async def retry_async(
    work: Callable[[], Awaitable[Result]],
    operation_name: str,
    log: logging.Logger,
    policy: RetryPolicy,
) -> Result:
    """Repeat `work` as the policy says; the last failure is raised as it is.

    Each failed attempt is a warning in `log`, under `operation_name`.
    """
    started = time.monotonic()
    try:
        # Without tenacity, which takes a fifth of the time of a short transaction on a near server.
        return await work()
    except Exception as error:
        if not policy.is_retryable(error):
            raise
        failures = [error]

    async def again() -> Result:
        if failures:
            raise failures.pop()
        return await work()

    def warn(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "Attempt %d to %s failed after %.2f s (%s); the next begins in %.2f s",
            state.attempt_number,
            operation_name,
            time.monotonic() - started,
            type(driver_error(error)).__name__ if error else "no error",
            state.upcoming_sleep,
        )

    retrying = AsyncRetrying(
        retry=retry_if_exception(policy.is_retryable),
        wait=wait_random_exponential(multiplier=0.1, max=policy.longest_wait_seconds),
        stop=stop_before_delay(started + policy.deadline_seconds - time.monotonic()),
        before_sleep=warn,
        reraise=True,
    )
    return await retrying(again)
