"""What a run that failed says: the file and line, why, what was rolled back and what stays."""

import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from alembic.script import Script
from sqlalchemy.exc import DBAPIError, InvalidRequestError, StatementError

from ...engine.driver_errors import driver_error, is_connection_loss, server_message, sqlstate
from ...errors import MigrationError, ToolkitError
from ..sql_line import shortened
from .session_state import TRANSACTION_ENDED
from .timeouts import DEADLOCK_DETECTED, LOCK_NOT_AVAILABLE

_SQL_LENGTH: Final = 200

_REFUSALS: Final = {
    "25006": "the database is read-only",
    "25P02": "it caught an error of PostgreSQL's, which undid all that the transaction did",
    "53100": "the server's disk is full",
}
_ALONE: Final = "Run it alone, inside `with op.get_context().autocommit_block():`."
_COLON: Final = "A value is required for bind parameter"


class RevisionExitError(Exception):
    """A revision has raised SystemExit."""


def is_lock_timeout_or_deadlock(error: BaseException) -> bool:
    """Tell whether a statement gave up waiting for a lock, so that another attempt may go well."""
    return isinstance(error, DBAPIError) and sqlstate(error) in (
        LOCK_NOT_AVAILABLE,
        DEADLOCK_DETECTED,
    )


def connection_loss_in(error: BaseException | None) -> DBAPIError | None:
    """Return the loss of the connection that led to an error, or None.

    An `autocommit_block` ends by a use of the connection, whose error then hides the loss.
    """
    while error is not None:
        if isinstance(error, DBAPIError) and is_connection_loss(error):
            return error
        error = error.__cause__ or error.__context__
    return None


def listed(revisions: Iterable[str]) -> str:
    """Return revisions as a message names them."""
    return ", ".join(sorted(revisions)) or "no revision"


def state_after_failure(revision: str, heads: Iterable[str], *, has_committed: bool) -> str:
    """Return the sentences that say where a failed revision leaves the database."""
    stands = f"The database is at {listed(heads)}."
    if has_committed:
        return f"What {revision} did outside its transaction is committed. {stands}"
    return f"{revision} was rolled back. {stands}"


def location_in(script: Script, error: BaseException) -> str:
    """Return the file of a revision and the line of it that was running, as messages name them."""
    name = Path(script.path).name
    while True:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == script.path]
        if lines:
            return f"{name}, line {lines[-1]}"
        if error.__cause__ is None:
            return name
        error = error.__cause__


def revision_error(error: BaseException, script: Script, state: str) -> MigrationError:
    """Return the error to show for one that a revision's code, or a statement of it, has raised.

    `state` says what became of the revision.
    """
    location = location_in(script, error)
    if isinstance(error, ToolkitError):
        return MigrationError(f"{location}: {error.message}", f"{state} {error.hint}")
    if isinstance(error, DBAPIError):
        return _database_error(error, script, location, state)
    if isinstance(error, RevisionExitError):
        return MigrationError(
            f"{location}: {error}.",
            f"{state} Return from the function, or raise an exception that says what is wrong.",
        )
    cause = error.orig if isinstance(error, StatementError) and error.orig else error
    text = " ".join(str(cause).partition("(Background on")[0].split()).rstrip(".")
    name = type(cause).__name__
    hint = ""
    if _COLON in text:
        hint = r" Write a colon that begins no parameter as \:."
    elif isinstance(error, InvalidRequestError) and "isolation_level" in text:
        hint = f" {_ALONE}"
    return MigrationError(f"{location}: {name}: {text}.", f"{state}{hint}")


def run_error(error: DBAPIError, revision: str, heads: Iterable[str]) -> MigrationError | None:
    """Return the error for a statement of the runner's own that the server refused, or None."""
    reason = _REFUSALS.get(sqlstate(error) or "")
    if reason is None:
        return None
    return MigrationError(
        f"{revision or 'Before the first revision'}: {reason} ({server_message(error)}).",
        f"The database is at {listed(heads)}.",
    )


def _database_error(error: DBAPIError, script: Script, location: str, state: str) -> MigrationError:
    code = sqlstate(error) or ""
    if code == TRANSACTION_ENDED:
        return MigrationError(
            f"{location}: a statement ended the transaction of the revision and began another.",
            "What it committed stays, what it rolled back is lost, and the version is as it was. "
            "Remove COMMIT and ROLLBACK from the revision.",
        )
    message = " ".join(server_message(error).split())
    if code in _REFUSALS:
        return MigrationError(f"{script.revision}: {_REFUSALS[code]} ({message}).", state)
    cause = driver_error(error)
    parts = [f"{location}: {message}"]
    for word in ("detail", "hint"):
        if value := getattr(cause, word, None):
            parts.append(f"{word.upper()}: {' '.join(str(value).split())}")
    if error.statement:
        parts.append(f"STATEMENT: {shortened(error.statement, _SQL_LENGTH)}")
    hint = f" {_ALONE}" if code == "25001" else ""
    return MigrationError(" ".join(parts), f"{state}{hint}")
