"""The promotion: exactly the rehearsed plan on its parent, if nothing moved, with a way back."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy.util.concurrency import await_only

from ..branches.provider import BranchProvider, RestorePoint
from ..engine.url import DatabaseURL
from ..errors import MigrationError, ToolkitError
from ..migration.configuration import alembic_config
from ..migration.history.plan import Plan, make_plan
from ..migration.history.status import read_status
from ..migration.runner.progress import Progress, Relay, Step
from ..migration.runner.run import upgrade
from ..verification.catalog import take_snapshot
from .result import RehearsedPlan
from .writes_since import count_writes, keep_count

Say = Callable[[str], None]


class StalePlanError(ToolkitError):
    """The parent or the files are not what was rehearsed."""


@dataclass(frozen=True)
class Promotion:
    """What a promotion did: the way back, and the revisions that were applied."""

    restore_point: RestorePoint
    steps: list[Step]


async def promote(
    provider: BranchProvider,
    rehearsed: RehearsedPlan,
    progress: Progress,
    say: Say,
    *,
    force: bool = False,
) -> Promotion:
    """Run the rehearsed revisions on the parent.

    It compares the parent and the files with the plan, keeps the parent's state, upgrades it by the
    runner that the rehearsal used, and compares the catalog. Once the migration lock is held it
    compares everything again: nobody else can have migrated in between. `force` ends the sessions
    that keep the local provider from copying the parent.

    Raises:
        ToolkitError: the plan is blocked or stale, and nothing was done; or the database is another
            one afterwards than in the rehearsal. The message says what moved.
        MigrationError: a revision failed; the message says which are applied and how to go back.
    """
    if rehearsed.verdict == "blocked":
        raise ToolkitError(
            "The rehearsal's verdict is blocked.", "Change the revisions, and rehearse again."
        )
    parent = rehearsed.parent_branch
    url = await provider.url(parent)
    say(f"Comparing {parent} with the plan")
    await _require_unmoved(url, rehearsed)
    say(f"Keeping the state of {parent}")
    counted = await count_writes(url)
    point = await provider.make_restore_point(parent, force=force)
    keep_count(point, counted)
    say(f"Restore point {point.name} ({point.kind})")
    try:
        steps = await _upgrade(url, rehearsed, point, progress)
    except StalePlanError:
        await provider.delete_restore_point(point)
        raise
    if (await take_snapshot(url)).fingerprint != rehearsed.catalog_after:
        raise ToolkitError(
            "All revisions are applied, but the schema is another one than after the rehearsal.",
            f"See what differs with: db check; go back with: db restore {point.name}",
        )
    return Promotion(point, steps)


async def _require_unmoved(url: DatabaseURL, rehearsed: RehearsedPlan) -> None:
    catalog = await take_snapshot(url)
    now = make_plan(await read_status(url), catalog.fingerprint, alembic_config())
    if moved := list(_moved(now, rehearsed)):
        raise StalePlanError(
            f"The plan is stale: {'; '.join(moved)}. Nothing was done.", "Rehearse again."
        )


def _moved(now: Plan, rehearsed: RehearsedPlan) -> Iterator[str]:
    if now.base_revision != rehearsed.base_revision:
        yield (
            f"the database is at {now.base_revision}, not at {rehearsed.base_revision} as in the "
            "rehearsal"
        )
    elif now.catalog_before != rehearsed.catalog_before:
        yield "the schema of the database was changed by hand since"
    if now.target_revision != rehearsed.target_revision:
        yield f"the head is {now.target_revision} now, not {rehearsed.target_revision}"
    elif now.base_revision == rehearsed.base_revision and now.files_hash != rehearsed.files_hash:
        yield "the revision files were changed"


async def _upgrade(
    url: DatabaseURL, rehearsed: RehearsedPlan, point: RestorePoint, progress: Progress
) -> list[Step]:
    try:
        return await upgrade(url, progress=_Checked(progress, url, rehearsed))
    except StalePlanError:
        raise
    except ToolkitError as error:
        status = await read_status(url)
        applied = ", ".join(status.current) or "base"
        pending = ", ".join(script.revision for script in status.pending)
        raise MigrationError(
            f"{error.message.rstrip('.')}. The database is at {applied}, "
            f"begun at {rehearsed.base_revision}; not applied: {pending}.",
            f"Mend it and rehearse again, or go back with: db restore {point.name}",
        ) from None


class _Checked(Relay):
    """Compares the parent with the plan once more, when nobody else can migrate it."""

    def __init__(self, listener: Progress, url: DatabaseURL, rehearsed: RehearsedPlan) -> None:
        super().__init__(listener)
        self._url = url
        self._rehearsed = rehearsed

    def locked(self) -> None:
        """Refuse a plan that went stale since it was compared."""
        await_only(_require_unmoved(self._url, self._rehearsed))
