"""The round trip on a branch: what was just applied goes down and up again, on real data."""

from collections.abc import Sequence

from alembic.script import Script

from ..connection.errors import ToolkitError
from ..connection.url import DatabaseURL
from ..migration.runner import run_single_step
from ..verification.catalog import Catalog, take_snapshot
from .rehearsal import RoundTripSummary


async def go_down_and_up(
    url: DatabaseURL, applied: Sequence[Script], before: Catalog, after: Catalog
) -> RoundTripSummary:
    """Take the `applied` revisions back one by one, apply them again, and compare the catalogs.

    `before` and `after` are the catalogs around all of them. What lies below a revision that says
    `irreversible` is not taken back. A failure ends the trip and counts as a difference.
    """
    irreversible: list[str] = []
    differences: list[str] = []
    below: dict[str, Catalog] = {}  # the catalog under each revision, as its downgrade left it
    going: list[Script] = []
    for script in reversed(applied):
        if reason := getattr(script.module, "irreversible", None):
            irreversible.append(f"{script.revision} is irreversible: {reason}")
            break
        try:
            await run_single_step(url, script.revision, is_upgrade=False)
        except ToolkitError as error:
            differences.append(f"downgrade of {script.revision}: {error.message}")
            break
        below[script.revision] = await take_snapshot(url)
        going.insert(0, script)
    if going and going[0] is applied[0]:
        differences += _told(f"downgrade of {going[0].revision}", before, below[going[0].revision])
    for script, above in zip(going, [*going[1:], None], strict=True):
        try:
            await run_single_step(url, script.revision, is_upgrade=True)
        except ToolkitError as error:
            differences.append(f"second upgrade to {script.revision}: {error.message}")
            break
        again = await take_snapshot(url)
        if above is None:
            differences += _told(f"second upgrade to {script.revision}", after, again)
        else:
            differences += _told(f"downgrade of {above.revision}", again, below[above.revision])
    return RoundTripSummary(len(going), tuple(irreversible), tuple(differences))


def _told(step: str, expected: Catalog, found: Catalog) -> list[str]:
    return [f"{step}: {difference}" for difference in expected.difference(found)]
