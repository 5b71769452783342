"""Where a database stands in the history: its revision, the heads and what is pending."""

from dataclasses import dataclass

from alembic.config import Config
from alembic.script import Script
from alembic.script.revision import ResolutionError

from ...engine.database_state import current_revisions
from ...engine.factory import migration_connection
from ...engine.url import DatabaseURL
from ..commands import revision_not_in_files, script_directory
from ..configuration import alembic_config


@dataclass(frozen=True)
class Status:
    """The revisions of a database, those that the files end in, and those still to be applied."""

    current: tuple[str, ...]
    heads: tuple[str, ...]
    pending: tuple[Script, ...]

    @property
    def is_at_head(self) -> bool:
        """Whether nothing is pending."""
        return not self.pending


async def read_status(url: DatabaseURL, config: Config | None = None) -> Status:
    """Read the status of the database at `url`; nothing is changed.

    Raises:
        MigrationError: the database is at a revision that no file has.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    script = script_directory(config or alembic_config())
    async with migration_connection(url) as connection:
        current = tuple(sorted(await current_revisions(connection)))
    try:
        applied = {done.revision for done in script.iterate_revisions(current, "base")}
    except ResolutionError as error:
        raise revision_not_in_files(error.argument) from None
    everything = reversed(list(script.walk_revisions()))
    pending = tuple(found for found in everything if found.revision not in applied)
    return Status(current, tuple(script.get_heads()), pending)
