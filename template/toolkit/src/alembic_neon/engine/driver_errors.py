"""What a driver's failure means: whether another attempt may help, and one line without a password.

This is the one place that classifies failures; retries, the health check, the migration runner and
the benchmarks all ask here.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from ..errors import ConfigurationError, ConnectionFailedError, ToolkitError

_CREDENTIALS: Final = (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
_GONE: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    OSError,  # refused, reset, no such socket; TimeoutError too. SQLAlchemy does not wrap it.
)
# asyncpg has three families of its own errors, where SQLAlchemy does not stand before it.
_DRIVER_ERRORS: Final = (
    DBAPIError,
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
# The server is there and lacks something: disk, memory, its own files.
_UNABLE: Final = (asyncpg.InsufficientResourcesError, asyncpg.PostgresSystemError)

# The socket reports it, before or after there was a session. A TimeoutError is none of them: the
# statement or the start that took too long once takes as long again.
_SOCKET_LOSSES: Final = (ConnectionError, asyncpg.PostgresConnectionError)
# The server ended the session, or will end each until it has started.
_SERVER_LOSSES: Final = (
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleSessionTimeoutError,
)
_CLOSED: Final = re.compile(
    r"connection is closed|connection was closed|connection has been closed|unexpected connection"
)
# asyncpg's words where it has read the server's last ones and can send nothing more.
_CANNOT_SEND: Final = re.compile(r"cannot switch to state")
# What loses against another session, or against a column that was added since the statement was
# prepared; SQLAlchemy has emptied its caches when it raises the latter.
# https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#asyncpg-prepared-statement-cache
_REPEATABLE: Final = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.TooManyConnectionsError,
)
# Neon's proxy has no SQLSTATE of its own for a compute that wakes too slowly, and PgBouncer gives
# every trouble 08P01, a wrong password too; so their words have to be read.
# https://neon.com/docs/connect/connection-errors
_TRANSIENT_TEXTS: Final = re.compile(
    r"couldn't connect to compute node|control plane request failed|console request failed"
    r"|failed to acquire permit|endpoint is in transition|compute is starting|is starting up"
    r"|query_wait_timeout|server_login_retry|server login has been failing|server conn crashed"
    r"|server closed the connection|connect(?:ion)? timeout|cannot connect to server|shutting down"
    r"|connect failed|no more connections allowed|cache lookup failed for type",
    re.IGNORECASE,
)
_PERMANENT_TEXTS: Final = re.compile(
    r"disabled|quota|not found|(?:could not|cannot) be found|don't have access"
    r"|authentication failed|no such (?:database|user)|not allowed|unsupported startup",
    re.IGNORECASE,
)


def is_connection_loss(error: BaseException) -> bool:
    """Tell whether the session with the server is gone, so that nothing more is known of its work.

    A server that refuses new sessions because it starts or stops counts, too.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = driver_error(error)
    if isinstance(cause, asyncpg.ProtocolViolationError):  # PgBouncer's code for everything
        return _is_transient_text(cause)
    if isinstance(cause, asyncpg.InterfaceError):
        return _CLOSED.search(str(cause)) is not None
    if isinstance(cause, asyncpg.InternalClientError):
        return _CANNOT_SEND.search(str(cause)) is not None
    return isinstance(cause, _SOCKET_LOSSES + _SERVER_LOSSES)


def was_never_sent(error: BaseException) -> bool:
    """Tell whether a lost connection was known to be lost before the statement could be sent.

    Of a COMMIT that was never sent the outcome is known: there was none. No other failure may stand
    behind it, as then that was the COMMIT's and this a later statement's.
    """
    cause = driver_error(error)
    is_refused = isinstance(cause, asyncpg.InternalClientError) and is_connection_loss(error)
    return is_refused and cause.__cause__ is None and cause.__context__ is None


def is_transient(error: BaseException) -> bool:
    """Tell whether the same work, begun anew on another connection, may go well in a moment.

    So it is for a lost or refused connection, a compute that wakes, a lost race (serialization
    failure, deadlock) and a statement prepared before a column was added. A wrong password, an
    unknown database, a bad certificate and a timeout are not transient. Whether the work may be
    done twice is another question: ask it before a commit is repeated.
    """
    cause = driver_error(error)
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    if isinstance(cause, ssl.SSLCertVerificationError):
        return False
    if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):  # closed within the handshake
        return True
    if isinstance(cause, _REPEATABLE) or is_connection_loss(error):
        return True
    return isinstance(cause, asyncpg.InternalServerError) and _is_transient_text(cause)


def is_retryable_connect_error(error: BaseException) -> bool:
    """Tell whether a failure to connect may pass within moments: `is_transient`, and no socket yet.

    Only for failures of connecting: an OSError of the work's own may mean anything.
    """
    unreachable = (errno.ENOENT, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT)
    if isinstance(error, OSError) and error.errno in unreachable:
        return not isinstance(error, socket.gaierror)
    return is_transient(error)


def _is_transient_text(error: BaseException) -> bool:
    text = str(error)
    return _TRANSIENT_TEXTS.search(text) is not None and _PERMANENT_TEXTS.search(text) is None


@contextmanager
def translate_driver_errors(url: URL) -> Iterator[None]:
    """Turn the driver's failures to connect to `url` into errors that say what to do.

    Raises:
        ConfigurationError: the credentials, the database's name or the certificate are wrong.
        ConnectionFailedError: the server cannot be reached, or went away.
    """
    try:
        yield
    except _DRIVER_ERRORS as error:
        if (translated := translate_driver_error(error, url)) is None:
            raise
        raise translated from None


def translate_driver_error(error: BaseException, url: URL) -> ToolkitError | None:
    """Return the error to show for a driver's one, or None if it is not about connecting."""
    where = url.set(drivername="postgresql", query={}).render_as_string(hide_password=True)
    match cause := driver_error(error):
        case _ if isinstance(cause, _CREDENTIALS):
            return ConfigurationError(
                f"{where} refused the role or its password.", "Fix DATABASE_URL."
            )
        case asyncpg.InvalidCatalogNameError():
            return ConfigurationError(
                f"{where}: there is no such database.", "Fix DATABASE_URL, or create the database."
            )
        case ssl.SSLCertVerificationError():
            return ConfigurationError(
                f"{where}: its certificate is not trusted ({cause.verify_message}).",
                "Fix the host's name, or give sslrootcert in DATABASE_URL.",
            )
        case _ if isinstance(cause, _UNABLE) and not isinstance(cause, _GONE):
            return ConnectionFailedError(
                f"{where} cannot work: {_first_line(cause)}.",
                "Give the server what it lacks, and start again.",
            )
        case _ if isinstance(cause, _GONE) or is_connection_loss(error):
            reason = _first_line(cause) or "no answer in time"
            return ConnectionFailedError(
                f"{where} cannot be reached: {reason}.",
                "Check that it runs and that DATABASE_URL names it: db doctor",
            )
    return None


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def sqlstate(error: DBAPIError) -> str | None:
    """Return PostgreSQL's code of an error; None where the server did not send it."""
    return getattr(error.orig, "sqlstate", None)


def server_message(error: DBAPIError) -> str:
    """Return the server's message, or the driver's, without the name of the driver's class."""
    return str(error.orig).partition(">: ")[2] or str(error.orig)


def driver_error(error: BaseException) -> BaseException:
    """Return asyncpg's own error from under SQLAlchemy's two wrappers, or the error itself."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
