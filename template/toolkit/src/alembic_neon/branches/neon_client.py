"""Neon's API v2: requests, their retries, pages and operations; nothing of what they are for."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Self, TypeVar

import httpx2
from pydantic import SecretStr, ValidationError
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_before_delay,
    wait_exponential,
    wait_fixed,
    wait_random,
)

from ..errors import ConfigurationError, ToolkitError
from .neon_models import Operation, OperationsPage, Page, Response

T = TypeVar("T")
ResponseT = TypeVar("ResponseT", bound=Response)
PageT = TypeVar("PageT", bound=Page)

_REQUEST_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.5
_BACK_OFF: Final = wait_exponential(multiplier=0.2, max=5) + wait_random(0, 0.3)
_PAGE: Final = 100

# Nothing was carried out: 423 (another operation runs), 429 and 503 are safe to send again.
_NOT_CARRIED_OUT: Final = frozenset({423, 429, 503})
# Whether anything was carried out is not known.
_UNKNOWN: Final = frozenset({500, 502, 504})
_HINTS: Final = {
    401: "Fix NEON_API_KEY.",
    403: "The key may not do that: fix NEON_API_KEY or NEON_PROJECT_ID.",
    404: "Check NEON_PROJECT_ID and: db branch list",
    409: "See what is there: db branch list",
    423: "Another operation runs in this project: try again when it is done.",
    429: "Too many requests were made: try again later.",
}


class NeonError(ToolkitError):
    """Neon refused a request; `status` is that of its answer, 0 where there was none."""

    def __init__(self, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.status = status
        if status in (401, 403):
            self.exit_code = ConfigurationError.exit_code


class UnknownOutcomeError(NeonError):
    """The connection broke, or Neon failed, after a write that may have been carried out."""


class _AgainError(NeonError):
    """The request may be sent again, after `wait_seconds` where Neon asked for a pause."""

    wait_seconds: float | None = None


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_seconds if isinstance(error, _AgainError) else None
    backed_off = _BACK_OFF(state)
    return backed_off if asked is None else asked + min(backed_off, 1.0)


@dataclass(frozen=True)
class NeonClient:
    """One project at Neon. Its key is in the headers of requests alone; no redirect is followed.

    `deadline_seconds` bounds the wait for operations, one's own and those of others that are in
    the way, and `outage_seconds` the retries where Neon cannot be reached or fails.
    """

    project_id: str
    http: httpx2.AsyncClient
    key: SecretStr
    deadline_seconds: float = 300.0
    outage_seconds: float = 30.0

    @classmethod
    def connect(cls, host: str, project_id: str, key: SecretStr) -> Self:
        """Return a client; nothing is sent yet."""
        http = httpx2.AsyncClient(
            base_url=f"{host}/api/v2/projects/{project_id}",
            headers={
                "Authorization": f"Bearer {key.get_secret_value()}",
                "Accept": "application/json",
            },
            timeout=_REQUEST_SECONDS,
            follow_redirects=False,
        )
        return cls(project_id, http, key)

    def __repr__(self) -> str:
        return f"NeonClient({self.project_id!r})"

    async def get(self, into: type[ResponseT], path: str, **query: str) -> ResponseT:
        """Read something; whatever goes wrong on the way is tried again until the deadline."""
        return await self._request(into, "GET", path, params=query)

    async def get_pages(self, into: type[PageT], path: str) -> list[PageT]:
        """Read all pages. Neon names a next page even on the last one: an empty one is the end."""
        pages: list[PageT] = []
        query = {"limit": str(_PAGE)}
        while (page := await self.get(into, path, **query)).has_items:
            pages.append(page)
            if page.pagination is None or not page.pagination.next:
                break
            query["cursor"] = page.pagination.next
        return pages

    async def write(
        self, into: type[ResponseT], method: str, path: str, body: Any = None, **query: str
    ) -> ResponseT:
        """Change something, and wait for the operations that it began.

        It is sent again only where Neon says that nothing was done, and where nothing was sent.

        Raises:
            UnknownOutcomeError: whether it was carried out is not known.
            NeonError: it was refused, or an operation failed.
        """
        answer = await self._request(into, method, path, json=body, params=query)
        await self.wait_for_operations(answer.operations)
        return answer

    async def delete(self, path: str) -> None:
        """Delete something by its id, which is never used again, so that repeating does no harm."""
        retrying = self._retrying(UnknownOutcomeError)
        try:
            await retrying(self.write, Response, "DELETE", path)
        except NeonError as error:
            if error.status != 404:
                raise

    async def write_exactly_once(
        self, write: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]]
    ) -> T:
        """Carry out a write that must not happen twice.

        After an unknown outcome it looks with `find` whether the write has been carried out, and
        sends it again where it has not.
        """
        is_unknown = False

        async def attempt() -> T:
            nonlocal is_unknown
            if is_unknown and (found := await find()) is not None:
                return found
            try:
                return await write()
            except UnknownOutcomeError:
                is_unknown = True
                raise
            except NeonError as error:
                # The first one has been carried out meanwhile.
                if is_unknown and error.status == 409 and (found := await find()) is not None:
                    return found
                raise

        return await self._retrying(UnknownOutcomeError)(attempt)

    async def wait_for_operations(self, operations: Iterable[Operation]) -> None:
        """Wait until all operations have ended well.

        Raises:
            NeonError: one of them failed or was cancelled, or the deadline passed.
        """
        for operation in operations:
            await self._finish(operation)

    async def wait_for_branch(self, branch_id: str) -> None:
        """Wait for the operations of a branch, where the response that lists them was lost."""
        newest = await self.get(OperationsPage, "/operations", limit=str(_PAGE))
        await self.wait_for_operations(
            each for each in newest.operations if each.branch_id == branch_id
        )

    async def _finish(self, operation: Operation) -> None:
        async def poll() -> Operation:
            if operation.has_ended:
                return operation
            path = f"/operations/{operation.id}"
            return (await self.get(_OperationResponse, path)).operation

        retrying = AsyncRetrying(
            retry=retry_if_result(lambda polled: not polled.has_ended),
            wait=wait_fixed(_POLL_SECONDS),
            stop=stop_before_delay(self.deadline_seconds),
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )
        polled: Operation = await retrying(poll)
        if not polled.has_ended:
            raise NeonError(
                f"Neon's operation {polled.action} did not end in {self.deadline_seconds:g} s.",
                "It goes on by itself; see what became of it: db branch list",
            )
        if not polled.is_good:
            raise NeonError(
                f"Neon's operation {polled.action} ended as {polled.status}:"
                f" {self._redacted(polled.error or 'no reason was given')}.",
                "See what is there, then try again: db branch list",
            )

    def _retrying(self, error: type[NeonError]) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(error),
            wait=_wait,
            stop=self._has_waited_enough,
            reraise=True,
        )

    def _has_waited_enough(self, state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        is_busy = isinstance(error, NeonError) and error.status in _NOT_CARRIED_OUT
        limit_seconds = self.deadline_seconds if is_busy else self.outage_seconds
        return (state.seconds_since_start or 0) + state.upcoming_sleep > limit_seconds

    async def _request(
        self, into: type[ResponseT], method: str, path: str, **parts: Any
    ) -> ResponseT:
        async def attempt() -> ResponseT:
            return self._read(into, await self._send(method, path, **parts))

        try:
            return await self._retrying(_AgainError)(attempt)
        except _AgainError as error:
            raise NeonError(error.message, error.hint, error.status) from None

    async def _send(self, method: str, path: str, **parts: Any) -> httpx2.Response:
        """Send a request once; errors say whether it may be sent again."""
        is_read = method == "GET"
        try:
            response = await self.http.request(method, path, **_given(parts))
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise _AgainError(*self._unreachable(error)) from None
        except httpx2.TransportError as error:
            kind = _AgainError if is_read else UnknownOutcomeError
            raise kind(*self._unreachable(error)) from None
        status = response.status_code
        if status in _NOT_CARRIED_OUT or (is_read and status in _UNKNOWN):
            again = _AgainError(*self._refusal(response))
            again.wait_seconds = _retry_after_seconds(response) if status == 429 else None
            raise again
        if status in _UNKNOWN:
            raise UnknownOutcomeError(*self._refusal(response))
        if not response.is_success:
            raise NeonError(*self._refusal(response))
        return response

    def _read(self, into: type[ResponseT], response: httpx2.Response) -> ResponseT:
        try:
            return into.model_validate_json(response.content or b"{}")  # 204 has no content
        except ValidationError:
            raise NeonError(
                "Neon's answer is not what its API promises.",
                f"Check NEON_API_HOST, which is {self.http.base_url.host}.",
            ) from None

    def _unreachable(self, error: Exception) -> tuple[str, str]:
        reason = self._redacted(str(error)) or type(error).__name__
        return (
            f"Neon's API at {self.http.base_url.host} cannot be reached: {reason}.",
            "Check the network, then what is there: db branch list",
        )

    def _refusal(self, response: httpx2.Response) -> tuple[str, str, int]:
        message = response.reason_phrase
        with suppress(ValueError, TypeError, KeyError):
            message = str(response.json()["message"])
        status = response.status_code
        line = " ".join(self._redacted(message).split()).rstrip(".")
        return f"Neon answered {status}: {line}.", _HINTS.get(status, ""), status

    def _redacted(self, text: str) -> str:
        return text.replace(self.key.get_secret_value(), "***")


class _OperationResponse(Response):
    operation: Operation


def _given(parts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value}


def _retry_after_seconds(response: httpx2.Response) -> float | None:
    """Read `Retry-After`: seconds or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    with suppress(ValueError, TypeError):
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None
