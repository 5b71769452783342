"""Where a database stands in the history: its revision, the heads and what is pending."""

from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Self

from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from ...engine.database_state import DatabaseState, Position, read_database_state
from ...engine.factory import migration_connection
from ...engine.revisions import RevisionGraph
from ...engine.url import DatabaseURL
from ..alembic_internals import down_revisions_of
from ..commands import revision_not_in_files, script_directory
from ..configuration import alembic_config
from .markers import is_contracting


@dataclass(frozen=True)
class Status:
    """The revisions of a database, those that the files end in, and those still to be applied."""

    state: DatabaseState
    pending: tuple[Script, ...]

    @property
    def current(self) -> tuple[str, ...]:
        """The revisions in the version table."""
        return tuple(sorted(self.state.current))

    @property
    def heads(self) -> tuple[str, ...]:
        """What the version table holds when nothing is pending."""
        return tuple(sorted(self.state.heads))

    @property
    def is_at_head(self) -> bool:
        """Whether nothing is pending."""
        return self.state.position == "at_head"

    @property
    def waiting(self) -> tuple[Script, ...]:
        """What an expanding upgrade leaves: the first contracting revision, and all after it."""
        return self.pending[len(self.expanding().pending) :]

    def expanding(self) -> Self:
        """Return the status as if the files ended before the first contracting revision.

        Raises:
            MigrationError: a revision has a phase that there is not.
        """
        pending = tuple(takewhile(lambda each: not is_contracting(each), self.pending))
        if len(pending) == len(self.pending):
            return self
        heads = frozenset({pending[-1].revision}) if pending else self.state.current
        position: Position = "behind" if pending else "at_head"
        return replace(
            self, state=replace(self.state, heads=heads, position=position), pending=pending
        )


async def read_status(url: DatabaseURL, config: Config | None = None) -> Status:
    """Read the status of the database at `url`; nothing is changed.

    Raises:
        MigrationError: the database is at a revision that no file has.
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    scripts = script_directory(config or alembic_config())
    graph = revision_graph(scripts)
    async with migration_connection(url) as connection:
        state = await read_database_state(connection, graph)
    if unknown := state.current - graph.parents.keys():
        raise revision_not_in_files(min(unknown), is_ahead=state.position == "ahead")
    applied = graph.with_ancestors(state.current)
    everything = reversed(list(scripts.walk_revisions()))
    pending = tuple(script for script in everything if script.revision not in applied)
    return Status(state, pending)


def revision_graph(scripts: ScriptDirectory) -> RevisionGraph:
    """Return what builds or depends on what in files that Alembic has loaded."""
    return RevisionGraph(
        {
            script.revision: frozenset(down_revisions_of(script))
            for script in scripts.walk_revisions()
        }
    )
