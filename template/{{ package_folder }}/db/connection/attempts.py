"""Attempts: how long, how often and how loudly the same thing is tried again."""

import logging
from collections.abc import Callable

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)

from .failures import driver_error


def attempts(
    what: str,
    log: logging.Logger,
    *,
    may_pass: Callable[[BaseException], bool],
    deadline_seconds: float,
    longest_wait_seconds: float,
) -> AsyncRetrying:
    """Make what repeats something while its failures `may_pass`; the last one is raised as it is.

    The waits grow from 0.1 s to `longest_wait_seconds`, with jitter, and none ends later than
    `deadline_seconds` after the first attempt began. Each failed attempt is a warning in `log`,
    which calls it an attempt `what`.
    """

    def warn(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.warning(
            "Attempt %d %s failed after %.2f s (%s); the next begins in %.2f s",
            state.attempt_number,
            what,
            state.seconds_since_start or 0.0,
            type(driver_error(error)).__name__ if error else "no error",
            state.upcoming_sleep,
        )

    return AsyncRetrying(
        retry=retry_if_exception(may_pass),
        wait=wait_random_exponential(multiplier=0.1, max=longest_wait_seconds),
        stop=stop_before_delay(deadline_seconds),
        before_sleep=warn,
        reraise=True,
    )
