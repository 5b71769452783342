"""A chain of new revisions: each goes up, down and up again, and then all of them at once."""

from collections.abc import Sequence

from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from ..engine.driver_errors import sqlstate
from ..engine.url import DatabaseURL
from ..errors import MigrationError
from ..migration.runner.run import downgrade, upgrade
from .history import History
from .result import RoundTrip
from .round_trip_runner import RoundTripRunner

_IN_ROWS = ("21", "22", "23")  # classes of SQLSTATE that only values can cause


async def check_chain(
    url: DatabaseURL, revisions: Sequence[str], config: Config
) -> tuple[list[RoundTrip], list[str]]:
    """Check each revision on tables with rows, in order, in the database at `url` right below them.

    Returns the round trips, which end at the first that leaves the schema changed, and remarks on
    the way of the whole chain down and up.

    Raises:
        MigrationError: the whole chain does not go down and up, whatever the rows are.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    history = History.load(config)
    trips: list[RoundTrip] = []
    async with RoundTripRunner.on(url, history) as runner:
        for revision in revisions:
            trips.append(await runner.check(revision))
            if not trips[-1].schema_is_kept:
                return trips, []
    if len(revisions) < 2 or any(trip.irreversible for trip in trips):
        return trips, []
    below = history.script(revisions[0]).down_revision
    return trips, await _whole(url, str(below or "base"), revisions[-1], config)


async def _whole(url: DatabaseURL, below: str, head: str, config: Config) -> list[str]:
    try:
        await downgrade(url, below, config=config)
        await upgrade(url, head, config=config)
    except MigrationError as error:
        cause = error.__cause__
        code = sqlstate(cause) if isinstance(cause, DBAPIError) else None
        if code is None or not code.startswith(_IN_ROWS):
            raise
        return [f"The way down to {below} and up again needs a hand, for the rows: {error.message}"]
    return []
