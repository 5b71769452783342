"""The round trip on a branch: what was just applied goes down and up again, on real data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from alembic.config import Config
from alembic.script import Script

from ..engine.url import DatabaseURL
from ..engine.version_table import version_table
from ..errors import ToolkitError
from ..migration.history.markers import revision_marker
from ..migration.runner.run import run_single_step
from ..verification.catalog import Catalog, Difference, significant, take_snapshot
from .result import RoundTripSummary


async def go_down_and_up(
    url: DatabaseURL, applied: Sequence[Script], before: Catalog, after: Catalog, config: Config
) -> RoundTripSummary:
    """Revert the `applied` revisions one by one, apply them again, and compare the catalogs.

    `before` and `after` are the catalogs around all of them. What lies below a revision that says
    `irreversible` is not reverted. A failure ends the trip and counts as a difference.
    """
    summary = RoundTripSummary()
    below: dict[str, Catalog] = {}  # the catalog under each revision, as its downgrade left it
    going: list[Script] = []
    for script in reversed(applied):
        if reason := revision_marker(script, "irreversible"):
            summary = replace(summary, irreversible=((script.revision, reason),))
            break
        try:
            await run_single_step(url, script.revision, is_upgrade=False, config=config)
        except ToolkitError as error:
            failure = (script.revision, f"The downgrade failed: {error.message}")
            return replace(summary, checked=len(going), differences=(failure,))
        below[script.revision] = await take_snapshot(url)
        going.insert(0, script)
    above: dict[str, Catalog] = {}  # the catalog on each revision, as its second upgrade left it
    failures: list[tuple[str, str]] = []
    for script in going:
        try:
            await run_single_step(url, script.revision, is_upgrade=True, config=config)
        except ToolkitError as error:
            failures.append((script.revision, f"The second upgrade failed: {error.message}"))
            break
        above[script.revision] = await take_snapshot(url)
    differences = list(_compare(going, below, above, before, is_whole=len(going) == len(applied)))
    if going and not failures:
        top = going[-1].revision
        found = significant(after.difference(above[top]))
        differences += _described(top, "The second upgrade differs", found)
    return replace(summary, checked=len(going), differences=(*differences, *failures))


def _compare(
    going: Sequence[Script],
    below: Mapping[str, Catalog],
    above: Mapping[str, Catalog],
    before: Catalog,
    *,
    is_whole: bool,
) -> Iterator[tuple[str, str]]:
    """Compare what is under each revision after its downgrade with what was there on the way up.

    What one downgrade leaves is still there after those below it, and counts for the first alone.
    """
    known: set[Difference] = set()
    reordered: set[str] = set()  # tables in which a declared downgrade has added a column again
    for position in range(len(going) - 1, -1, -1):
        revision = going[position].revision
        if revision_marker(going[position], "data_loss"):  # a column that is added again comes last
            reordered |= _tables_with_new_columns(above.get(revision), below[revision])
        if position > 0:
            expected = above.get(going[position - 1].revision)
        else:
            expected = before if is_whole else None
        if expected is None:
            continue  # nothing is known of the way up to there
        found = [
            each
            for each in significant(expected.difference(below[revision]))
            if not (each.is_of_order and each.object.sql_table in reordered)
            and not _is_version_schema(each)
        ]
        new = [each for each in found if each not in known]
        yield from _described(revision, "The downgrade leaves", new)
        known.update(found)


def _is_version_schema(difference: Difference) -> bool:
    """Whether it is the schema of the version table, which the first run of all makes."""
    found = difference.object
    return found.kind == "schema" and found.name == version_table().schema


def _tables_with_new_columns(upgraded: Catalog | None, downgraded: Catalog) -> set[str]:
    """Return the tables that have a column under a revision that they do not have on it."""
    if upgraded is None:
        return set()
    return {
        each.object.sql_table
        for each in upgraded.difference(downgraded)
        if each.was is None and each.object.kind == "column"
    }


def _described(revision: str, what: str, found: Sequence[Difference]) -> list[tuple[str, str]]:
    return [(revision, f"{what} {difference}") for difference in found]
