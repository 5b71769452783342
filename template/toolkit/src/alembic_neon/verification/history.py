"""The history of revisions: its files, loaded once, in the order that a fresh database runs."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from alembic.config import Config
from alembic.runtime.migration import RevisionStep
from alembic.script import Script, ScriptDirectory

from ..errors import UsageError
from ..migration.alembic_internals import single_step
from ..migration.commands import revision_not_in_files, script_directory
from ..migration.configuration import alembic_config
from ..migration.history.status import revision_graph
from ..migration.steps.chain import step_of


@dataclass(frozen=True)
class History:
    """The revisions of a project.

    Every call through `alembic.command` reads all files anew; here they are read once.
    """

    config: Config
    scripts: ScriptDirectory

    @classmethod
    def load(cls, config: Config | None = None) -> Self:
        """Read the revision files, by default the project's.

        Raises:
            UsageError, MigrationError: the files are missing, or do not make a history.
        """
        config = config or alembic_config()
        return cls(config, script_directory(config))

    @cached_property
    def revisions(self) -> list[Script]:
        """Every revision, each after those that it builds or depends on."""
        return list(reversed(list(self.scripts.walk_revisions())))

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {script.revision: number for number, script in enumerate(self.revisions)}

    def before(self, revision: str) -> list[Script]:
        """Return the revisions that a fresh database runs before `revision`, in order.

        Raises:
            UsageError: there is no such revision.
        """
        return self.revisions[: self._position(revision)]

    def script(self, revision: str) -> Script:
        """Return the file of a revision, named in full.

        Raises:
            UsageError: there is no such revision.
        """
        return self.revisions[self._position(revision)]

    def _position(self, revision: str) -> int:
        try:
            return self._positions[revision]
        except KeyError:
            raise UsageError(
                f"There is no revision {revision}.",
                "alembic history lists the revisions of this project.",
            ) from None

    def start_of_change(self, script: Script) -> Script:
        """Return the first step of the change that a revision is a step of, or the revision itself.

        `db revision` counts the steps in their messages.
        """
        while (mine := step_of(script.doc)) is not None:
            parent = script.down_revision
            if not isinstance(parent, str) or parent not in self._positions:
                break
            before = self.script(parent)
            if step_of(before.doc) != (mine[0], mine[1] - 1, mine[2]):
                break
            script = before
        return script

    def applied(self, current: Collection[str]) -> frozenset[str]:
        """Return the revisions that are applied where the version table holds `current`.

        Raises:
            MigrationError: no file has one of these.
        """
        if unknown := set(current) - self._positions.keys():
            raise revision_not_in_files(min(unknown))
        return revision_graph(self.scripts).with_ancestors(current)

    def step(self, script: Script, *, is_upgrade: bool) -> RevisionStep:
        """Return the step that applies or reverts one revision, as Alembic runs it."""
        return single_step(self.scripts, script, is_upgrade=is_upgrade)


def line_of(script: Script, function: str) -> str:
    """Return the location of a function of a revision file, as `path:line`."""
    code = getattr(getattr(script.module, function, None), "__code__", None)
    same_file = code is not None and code.co_filename == script.path
    return format_location(Path(script.path), code.co_firstlineno if code and same_file else None)


def format_location(file: Path, line: int | None) -> str:
    """Return a location as `path:line`, short where the file lies below the working directory."""
    here = Path.cwd()
    shown = file.relative_to(here) if file.is_relative_to(here) else file
    return f"{shown}:{line}" if line else str(shown)
