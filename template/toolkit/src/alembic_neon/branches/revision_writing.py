"""Writes the next revisions from the models, runs them on scratch branches, and keeps what held."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from alembic.config import Config

from ..engine.url import DatabaseURL
from ..errors import MigrationError
from ..migration.autogenerate.catalog_changes import COMPARISON, CatalogChange
from ..migration.autogenerate.generate import create_revision
from ..migration.autogenerate.renames import Rename
from ..migration.autogenerate.unregistered_models import unregistered_models
from ..migration.commands import require_single_head, script_directory
from ..migration.configuration import root_of
from ..migration.lint import Finding, lint_revisions
from ..migration.steps.chain import WrittenStep, written_chain
from ..migration.steps.options import StepOptions, set_step_options
from ..verification.catalog import Catalog, take_snapshot
from ..verification.catalog_comparison import compare_catalogs, remaining_changes
from ..verification.chain import check_chain
from ..verification.hidden_drift import find_hidden_drift
from ..verification.result import RoundTrip
from .comparison import declare_models
from .registered_models import describe_models, require_no_strays
from .renaming import Models, RenameAnswers, autogenerate_sees, find_renames
from .scratch import scratch_branch

# What is missing after a first try is written in the second, and may show something more.
_TRIES: Final = 3
_BY_HAND: Final = "The files were removed; write this change by hand: db revision --empty -m TEXT"


@dataclass(frozen=True)
class Request:
    """What a person asked for."""

    message: str
    empty: bool = False
    proof: bool = True
    steps: StepOptions = field(default_factory=StepOptions)
    renames: RenameAnswers = field(default_factory=RenameAnswers)
    tell: Callable[[str], None] = lambda line: None  # what goes on, a line at a time


@dataclass(frozen=True)
class WrittenRevision:
    """A file that was written; without a step it is one revision for everything."""

    path: Path
    step: WrittenStep | None = None


@dataclass(frozen=True)
class Written:
    """The files, in the order in which they are applied, and what a person should look at.

    `trips` are their round trips on tables with rows; none where there was no proof.
    """

    revisions: Sequence[WrittenRevision]
    trips: Sequence[RoundTrip] = ()
    findings: Sequence[Finding] = ()
    remarks: Sequence[str] = ()


async def write_revisions(request: Request, config: Config) -> Written | None:
    """Write what the models have and the migrations do not; None where they do not differ.

    Where anything fails, no file is left.

    Raises:
        MigrationError: the history has several heads, or what was written does not run.
        ConfigurationError, ConnectionFailedError: the models cannot be compared.
    """
    require_single_head(config)
    if request.empty:
        paths = await create_revision(None, request.message, config)
        return Written([WrittenRevision(path) for path in paths])
    set_step_options(config, request.steps)
    head = script_directory(config).get_current_head()
    heads = () if head is None else (head,)
    remaining: tuple[CatalogChange, ...] = ()
    renames: list[Rename] | None = None
    for _ in range(_TRIES):
        request.tell("Running the migrations on a scratch database.")
        async with scratch_branch(*heads) as url:
            models = await _models(config, url)
            declared = models.catalog
            if renames is None:
                request.tell(f"Comparing them with the models: {describe_models(models.metadata)}.")
                renames = await find_renames(url, models, request.renames, config)
            async with autogenerate_sees(url, renames, declared, config) as migrated:
                comparison = await compare_catalogs(url, migrated, declared)
                config.attributes[COMPARISON] = replace(comparison, remaining=remaining)
                paths = await create_revision(url, request.message, config)
            if not paths:
                require_no_strays(models.strays)
                return None
            with _removed_on_failure(paths):
                found = await _written(paths, url, declared, request, config)
            left = remaining_changes(found[1], declared) if request.proof else ()
            if not left:
                return found[0]
            _remove(paths)
            remaining += left
    raise MigrationError(
        f"The models have {remaining[-1].label}, which three tries could not write.",
        "Write this change by hand: db revision --empty -m TEXT",
    )


async def _models(config: Config, url: DatabaseURL) -> Models:
    metadata, catalog, omissions = await declare_models(config, url)
    return Models(metadata, catalog, omissions, unregistered_models(root_of(config), metadata))


async def _written(
    paths: Sequence[Path], url: DatabaseURL, declared: Catalog, request: Request, config: Config
) -> tuple[Written, Catalog]:
    """Prove the files on the scratch branch at `url`; return them with the catalog they make."""
    script = script_directory(config)
    steps = {written.revision: written for written in written_chain(config)}
    files = {Path(each.path): each.revision for each in script.walk_revisions()}
    revisions = [WrittenRevision(path, steps.get(files.get(path, ""))) for path in paths]
    if not request.proof:
        return Written(revisions), declared
    names = [files[path] for path in paths]
    request.tell(f"Running {len(paths)} new revision{'s' * (len(paths) > 1)} on tables with rows.")
    trips, remarks = await check_chain(url, names, config)
    for trip in trips:
        if trip.failure is not None and not trip.failure.is_of_rows:
            reason = " ".join(trip.failure.reason.split())
            raise MigrationError(
                f"The {trip.failure.stage} that was written fails: {reason}.", _BY_HAND
            )
    after = await _made_by(config)
    scripts = [each for each in map(script.get_revision, names) if each is not None]
    linted = [each for each in lint_revisions(config, scripts) if each.severity == "error"]
    left = [each for each in find_hidden_drift(after, declared) if each.severity == "error"]
    return Written(revisions, trips, [*linted, *left], remarks), after


async def _made_by(config: Config) -> Catalog:
    """Return what the migrations make with the new files, without rows that stand in their way."""
    head = script_directory(config).get_current_head() or ""
    try:
        async with scratch_branch(head) as url:
            return await take_snapshot(url)
    except MigrationError as error:
        raise MigrationError(
            f"The upgrade that was written fails: {error.message}", _BY_HAND
        ) from None


@contextmanager
def _removed_on_failure(paths: Sequence[Path]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        _remove(paths)
        raise


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
