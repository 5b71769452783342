"""The command `db check`: one head, no drift, every model registered, and the linter."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from alembic.config import Config
from alembic.script import Script
from rich.text import Text

from ..branches.scratch import scratch_branch
from ..engine.factory import create_migration_engine
from ..engine.settings import load_settings
from ..errors import ConnectionFailedError, MigrationError, UsageError
from ..migration.autogenerate.drift import drift_finding, find_drift
from ..migration.autogenerate.unregistered_models import unregistered_models
from ..migration.commands import require_revision, script_directory
from ..migration.configuration import alembic_config, root_of
from ..migration.history.status import read_status
from ..migration.lint import Finding, lint_revisions
from ..migration.lint.findings import severity_key
from ..verification.hidden_drift import find_hidden_drift
from .console import echo, print_table, success, write_json
from .github_annotations import annotate
from .options import json_option

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


def check_command(
    since: Annotated[
        str | None, typer.Option(metavar="REV", help="Lint the revisions after this one.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Lint every revision.")] = False,
    github: Annotated[
        bool,
        typer.Option(
            "--github", envvar="GITHUB_ACTIONS", help="Write GitHub's annotations (there: always)."
        ),
    ] = False,
    json: Annotated[str | None, json_option("Write the findings as JSON too.")] = None,
) -> None:
    """Check that there is one head, no drift, and no danger in the pending revisions.

    The pending ones are those that the database of the settings does not have yet.
    """
    findings = sorted(asyncio.run(_check(since, everything=everything)), key=severity_key)
    show(findings)
    if github:
        annotate(findings)
    write_json(json, [asdict(finding) for finding in findings])
    errors = sum(finding.severity == "error" for finding in findings)
    if errors:
        raise typer.Exit(1)


def show(findings: Sequence[Finding]) -> None:
    """Print findings for a person: where, what, and what to do instead."""
    print_table(
        ("", "rule", "where", "what, and what to do"),
        [
            (
                Text(finding.severity, _STYLES[finding.severity]),
                finding.rule,
                finding.place,
                f"{finding.message} {finding.hint}".strip(),
            )
            for finding in findings
        ],
    )
    counts = [sum(each.severity == name for each in findings) for name in _STYLES]
    if any(counts):
        words = ("error", "warning", "note")
        parts = [f"{n} {word}{'s' * (n != 1)}" for n, word in zip(counts, words, strict=True) if n]
        echo(", ".join(parts), "bold")
    if not counts[0]:
        success("nothing stands against these migrations")


async def _check(since: str | None, *, everything: bool) -> list[Finding]:
    config = alembic_config()
    script = script_directory(config)
    revisions = await _chosen(config, since, everything=everything)
    echo(f"{len(revisions)} revision{'s' * (len(revisions) != 1)} to lint")
    findings = lint_revisions(config, revisions)
    heads = script.get_heads()
    if len(heads) > 1:
        # Neither drift nor anything else can be told of a history that ends in several places.
        ends = f"The history ends in {len(heads)} heads: {', '.join(heads)}."
        return [drift_finding("several-heads", ends), *findings]
    try:
        return [*await _drift(config), *findings]
    except MigrationError as error:
        return [drift_finding("not-migrated", error.message), *findings]


async def _drift(config: Config) -> list[Finding]:
    """Compare models and migrations; both are made in scratch branches."""
    async with scratch_branch() as migrated:
        engine = create_migration_engine(migrated)
        try:
            found, metadata = await find_drift(engine, config)
        finally:
            await engine.dispose()
        found += unregistered_models(root_of(config), metadata)
        if found:
            return found
        async with scratch_branch(at_head=False) as empty:
            return await find_hidden_drift(metadata, migrated, empty)


async def _chosen(config: Config, since: str | None, *, everything: bool) -> list[Script]:
    """Return the revisions to lint, in the order in which they are applied.

    Raises:
        UsageError: there is no such revision.
    """
    script = script_directory(config)
    ordered = list(reversed(list(script.walk_revisions())))
    if everything:
        return ordered
    if since is not None:
        if since == "base":
            return ordered
        require_revision(script, since)
        found = script.get_revision(since)
        if found is None:
            raise UsageError(f"There is no revision {since}.", "alembic history lists them.")
        applied = {each.revision for each in script.iterate_revisions(found.revision, "base")}
        return [each for each in ordered if each.revision not in applied]
    try:
        return list((await read_status(load_settings().direct_url, config)).pending)
    except (ConnectionFailedError, MigrationError) as error:
        echo(f"{error.message} So every revision is linted.", "yellow")
        return ordered
