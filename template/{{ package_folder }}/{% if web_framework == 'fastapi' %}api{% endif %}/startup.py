"""An application that cannot start says why in one line."""

import sys

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..db import ToolkitError


class OneLineStartupErrors:
    """Middleware that shows an expected failure at start without its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on, except for the message of a start that failed."""

        async def send_line(message: Message) -> None:
            error = sys.exception()  # Starlette sends the message while it handles the error
            if message["type"] == "lifespan.startup.failed" and isinstance(error, ToolkitError):
                message["message"] = str(error)
            await send(message)

        await self._app(scope, receive, send_line)
