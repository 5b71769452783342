"""The user's `.env.<APP_ENV>`: a branch's URL is put in, every other line stays."""

import logging
from pathlib import Path
from typing import Final

from dotenv import dotenv_values, set_key, unset_key

from ..engine.settings import app_env
from ..engine.url import DatabaseURL
from ..errors import ConfigurationError
from ..project import project_root

_log: Final = logging.getLogger(__name__)

_POOLED: Final = "DATABASE_URL"
_DIRECT: Final = "DATABASE_URL_UNPOOLED"


def use_url(url: DatabaseURL, direct: DatabaseURL | None = None) -> Path:
    """Write `url` as `DATABASE_URL` and return the file, which is made if there is none.

    `direct` becomes `DATABASE_URL_UNPOOLED` where it is another one. Otherwise a line of that name
    is removed: it belongs to the branch that was used before, and migrations would still go there.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    path = project_root() / f".env.{app_env()}"
    try:
        if not path.exists():
            path.touch(mode=0o600)
        elif path.stat().st_mode & 0o077:
            path.chmod(0o600)
            _log.warning("%s was open to others: it is for its owner alone now.", path.name)
        set_key(path, _POOLED, url.render())
        if direct is not None and direct != url:
            set_key(path, _DIRECT, direct.render())
        elif _DIRECT in dotenv_values(path):
            unset_key(path, _DIRECT)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror}.", "Make it a file that you may write to."
        ) from None
    return path
