"""What a driver's failure to connect means, said in one line that holds no password."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from .errors import ConfigurationError, ConnectionFailedError, ToolkitError

_CREDENTIALS: Final = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
_GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    OSError,  # refused, reset, no such socket; TimeoutError too. SQLAlchemy does not wrap it.
)


@contextmanager
def explained(url: URL) -> Iterator[None]:
    """Turn the driver's failures to connect to `url` into errors that say what to do.

    Raises:
        ConfigurationError: the credentials, the database's name or the certificate are wrong.
        ConnectionFailedError: the server cannot be reached, or went away.
    """
    try:
        yield
    except (DBAPIError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if (explanation := explain(error, url)) is None:
            raise
        raise explanation from None


def explain(error: BaseException, url: URL) -> ToolkitError | None:
    """Return the error to show for a driver's one, or None if it is not about connecting."""
    where = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    match cause := _driver_error(error):
        case _ if isinstance(cause, _CREDENTIALS):
            return ConfigurationError(
                f"{where} refused the role or its password.", "Mend DATABASE_URL."
            )
        case asyncpg.InvalidCatalogNameError():
            return ConfigurationError(
                f"{where}: there is no such database.", "Mend DATABASE_URL, or create the database."
            )
        case ssl.SSLCertVerificationError():
            return ConfigurationError(
                f"{where}: its certificate is not trusted ({cause.verify_message}).",
                "Mend the host's name, or give sslrootcert in DATABASE_URL.",
            )
        case _ if isinstance(cause, _GONE):
            reason = str(cause).partition("\n")[0] or "no answer in time"
            return ConnectionFailedError(
                f"{where} cannot be reached: {reason}",
                "Check that it runs and that DATABASE_URL names it: db doctor",
            )
    return None


def _driver_error(error: BaseException) -> BaseException:
    """Return asyncpg's own error from under SQLAlchemy's two wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
