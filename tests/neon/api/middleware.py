"""What stands before the stand-in's routes: the contract, the count of calls and the faults."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .application import BASE
from .contract import Contract, Operation

Kind = Literal["refuse", "limit", "break before", "break after", "garbage", "redirect", "novelty"]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


@dataclass
class Fault:
    """What goes wrong at the next `times` calls whose method and path template are `call`.

    "refuse" answers with `status`, "limit" with 429 and `Retry-After: seconds`, "break before" and
    "break after" cut the connection before or after the call was carried out, "garbage" answers
    with something that is no JSON, "redirect" leads to another host, and "novelty" puts fields and
    enum values into the answer that no document names yet.
    """

    call: str
    kind: Kind
    times: int = 1
    status: int = 503
    seconds: float = 0


@dataclass
class Gate:
    """The ASGI middleware; `calls` are the methods and path templates of all requests."""

    application: ASGIApp
    contract: Contract
    calls: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        operation = self.contract.find(scope["method"], scope["path"].removeprefix(BASE))
        if operation is None:
            self._breach(f"{scope['method']} {scope['path']}", ["it is not in the document"])
            await _answer(send, _error(404, "this page does not exist"))
            return
        self.calls.append(operation.call)
        body = await _read(receive)
        fault = self._next_fault(operation)
        query = scope["query_string"].decode()
        wrong = self.contract.check_request(operation, query, body)
        self._breach(f"request {operation.call}", wrong)
        if fault and (answer := _instead(fault)):
            await answer(send)
            return
        if wrong:
            await _answer(send, _error(400, "; ".join(wrong)))
            return
        status, headers, content = await self._carried_out(scope, body)
        wrong = self.contract.check_response(operation, status, content)
        self._breach(f"response {status} of {operation.call}", wrong)
        if wrong:
            status, headers, content = _error(500, "; ".join(wrong))
        if fault and fault.kind == "break after":
            await _break(send)
        elif fault and fault.kind == "novelty":
            await _answer(
                send, (status, [], json.dumps(_with_novelty(json.loads(content))).encode())
            )
        else:
            await _answer(send, (status, headers, content))

    def _next_fault(self, operation: Operation) -> Fault | None:
        for fault in self.faults:
            if fault.call == operation.call and fault.times > 0:
                fault.times -= 1
                return fault
        return None

    def _breach(self, where: str, wrong: list[str]) -> None:
        self.contract.breaches.extend(f"{where}: {each}" for each in wrong)

    async def _carried_out(self, scope: Scope, body: bytes) -> Answer:
        status, headers, content = 500, [], b""

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status, headers, content
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message["headers"])
            else:
                content += message.get("body", b"")

        await self.application(scope, receive, send)
        return status, headers, content


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _answer(send: Send, answer: Answer) -> None:
    status, headers, content = answer
    kept = [(name, value) for name, value in headers if name != b"content-length"]
    length = [(b"content-length", str(len(content)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": kept + length}
    await send(start if status != 204 else start | {"headers": kept})
    await send({"type": "http.response.body", "body": content})


async def _break(send: Send) -> None:
    """Promise a longer answer than comes; the server closes the connection then."""
    headers = [(b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{"})


def _instead(fault: Fault) -> Callable[[Send], Any] | None:
    """Return what answers instead of the routes, or None where they are to answer."""
    match fault.kind:
        case "break before":
            return _break
        case "refuse":
            answer = _error(fault.status, "the service is not available")
        case "limit":
            status, headers, content = _error(429, "too many requests")
            wait = str(round(fault.seconds)).encode()
            answer = status, [*headers, (b"retry-after", wait)], content
        case "garbage":
            answer = 200, [(b"content-type", b"text/html")], b"<html>maintenance</html>"
        case "redirect":
            answer = 307, [(b"location", b"http://elsewhere.invalid/api/v2")], b""
        case _:
            return None
    return lambda send: _answer(send, answer)


def _error(status: int, message: str) -> Answer:
    content = json.dumps({"code": "", "message": message}).encode()
    return status, [(b"content-type", b"application/json")], content


def _with_novelty(value: Any) -> Any:
    """Add a field to each object, and give each state and kind a value that is not there yet."""
    if isinstance(value, list):
        return [_with_novelty(each) for each in value]
    if not isinstance(value, dict):
        return value
    changed = {name: _with_novelty(each) for name, each in value.items()}
    for name in ("action", "current_state", "creation_source", "provisioner", "init_source"):
        if name in changed:
            changed[name] = "something-new"
    return changed | {"new_field": {"of": ["next", "year"]}}
