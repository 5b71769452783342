"""Whose embedded server a URL in a project's files leads to: a copy has that of the original."""

import os

from ..engine.url import DatabaseURL
from ..errors import ConfigurationError
from .server import LocalServer


def require_own_server(url: DatabaseURL) -> None:
    """Refuse the URL of another project's embedded server, unless the environment names it.

    Raises:
        ConfigurationError: what is done here would be done to that project's data.
    """
    named = [os.environ.get(name) for name in ("DATABASE_URL", "DATABASE_URL_UNPOOLED")]
    if any(named) or LocalServer.from_url(url) is not None or not LocalServer.is_embedded(url):
        return
    raise ConfigurationError(
        f"DATABASE_URL in .env leads to the embedded server of another project, in {url.host}.",
        "If this project was copied, write the URL anew: db branch use NAME. To use that server, "
        "set DATABASE_URL in the environment.",
    )
