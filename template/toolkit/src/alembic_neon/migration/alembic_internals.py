"""What the runner uses of Alembic beyond its documented API, in one place.

Read in Alembic 1.20.1; `test_alembic_internals.py` fails where one of them moves.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, Final

from alembic.runtime.migration import HeadMaintainer, MigrationContext, RevisionStep, StampStep
from alembic.script import Script, ScriptDirectory

Step = RevisionStep | StampStep

READ_IN: Final = "1.20.1"
VERSION_NUM_LENGTH: Final = 32  # characters of version_num, in the version table that it makes


def is_run(context: MigrationContext) -> bool:
    """Tell whether the command at hand changes the database: upgrade, downgrade or stamp.

    `alembic.command` gives them, and no others, a destination.
    """
    return "destination_rev" in context.opts


def destination(context: MigrationContext) -> Any:
    """Return the revision, or the revisions, that the command at hand leads to."""
    return context.opts.get("destination_rev")


def list_steps(context: MigrationContext, heads: tuple[str, ...]) -> list[Step]:
    """Return the steps of the command at hand from `heads`, in order."""
    function: Callable[..., Iterable[Step]] = context.opts["fn"]
    return list(function(heads, context))


def upgrade_steps(script: ScriptDirectory, revision: str, heads: tuple[str, ...]) -> list[Step]:
    """Return the steps of an upgrade to `revision`, as Alembic's own command has them."""
    return [*script._upgrade_revs(revision, heads)]  # type: ignore[arg-type] # it is a tuple there


def single_step(script: ScriptDirectory, revision: Script, *, is_upgrade: bool) -> RevisionStep:
    """Return the step that applies or reverts one revision."""
    return RevisionStep(script.revision_map, revision, is_upgrade)


def script_of(step: Step) -> Script | None:
    """Return the revision file that a step runs; None for a stamp, which runs none."""
    return step.revision if isinstance(step, RevisionStep) else None


def down_revisions_of(script: Script) -> tuple[str, ...]:
    """Return the revisions that a file builds or depends on, by their full names."""
    return tuple(sorted(script._normalized_down_revisions))


def is_purge(context: MigrationContext) -> bool:
    """Tell whether a stamp is to empty the version table first."""
    return bool(context.purge)


def make_version_table(context: MigrationContext) -> None:
    """Make the version table where it is not there; a stamp with `--purge` empties it."""
    context._ensure_version_table(purge=is_purge(context))


def begin_revision(context: MigrationContext) -> AbstractContextManager[Any]:
    """Begin the transaction of one revision, which an `autocommit_block` may end and begin anew."""
    return context.begin_transaction(_per_migration=True)


def stamp(context: MigrationContext, step: Step, heads: Iterable[str]) -> set[str]:
    """Write to the version table that `step` was done, and return what it holds then."""
    maintainer = HeadMaintainer(context, heads)
    maintainer.update_to_step(step)
    return set(maintainer.heads)


def on_version_apply(context: MigrationContext, callback: Callable[..., None]) -> None:
    """Have `callback` called after each step, before its transaction ends.

    As the argument of `context.configure` of this name, which is `env.py`'s.
    """
    context.on_version_apply_callbacks += (callback,)


def forget_created_types(context: MigrationContext) -> None:
    """Let a step create types that an earlier one of the same run created: it may be run anew."""
    context.impl.memo.clear()
