"""The command `db check`: one head, no drift, every model registered, and the linter."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from alembic.config import Config
from alembic.script import Script

from ..branches.comparison import compare_all
from ..branches.target import describe_url, target_url
from ..engine.url import DatabaseURL
from ..errors import ConnectionFailedError, MigrationError, UsageError
from ..migration.autogenerate.drift import drift_finding
from ..migration.commands import require_revision, script_directory
from ..migration.configuration import alembic_config
from ..migration.history.status import Status, read_status
from ..migration.lint import Finding, lint_revisions
from ..migration.lint.findings import SEVERITIES, severity_key
from .console import echo, print_findings, result, write_json
from .github_annotations import annotate
from .options import json_option


def check_command(
    since: Annotated[
        str | None, typer.Option(metavar="REV", help="Lint the revisions after this one.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Lint every revision.")] = False,
    github: Annotated[
        bool,
        typer.Option(
            "--github",
            envvar="GITHUB_ACTIONS",
            help="Emit GitHub annotations (default on GitHub Actions).",
        ),
    ] = False,
    json: Annotated[str | None, json_option("Write the findings as JSON too.")] = None,
) -> None:
    """Check for one head, for drift of models and database, and lint the pending revisions.

    The pending ones are those that the database of the settings does not have yet. What the
    migrations and the models make is looked at on scratch databases.
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
    """Print findings for a person, and how many there are."""
    print_findings(findings)
    counts = [sum(each.severity == name for each in findings) for name in SEVERITIES]
    words = ("error", "warning", "note")
    parts = [f"{n} {word}{'s' * (n != 1)}" for n, word in zip(counts, words, strict=True) if n]
    if counts[0]:
        result(f"Failed: {', '.join(parts)}.", "bold red")
    else:
        result(f"✓ Passed with {', '.join(parts)}." if parts else "✓ No problems found.", "green")


async def _check(since: str | None, *, everything: bool) -> list[Finding]:
    config = alembic_config()
    script = script_directory(config)
    url = target_url()
    echo(f"Checking the models, the migrations and {describe_url(url)}.")
    status = await _status(url, config)
    revisions = _chosen(config, since, status, everything=everything)
    echo(f"{len(revisions)} revision{'s' * (len(revisions) != 1)} to lint")
    findings = lint_revisions(config, revisions)
    heads = script.get_heads()
    if len(heads) > 1:
        # Neither drift nor anything else can be compared where a history ends in several heads.
        ends = f"The history ends in {len(heads)} heads: {', '.join(heads)}."
        return [drift_finding("several-heads", ends), *findings]
    try:
        return [*await compare_all(config, url, status), *findings]
    except MigrationError as error:
        failed = f"On an empty scratch database the migrations fail: {error.message}"
        return [drift_finding("not-migrated", failed), *findings]


async def _status(url: DatabaseURL, config: Config) -> Status | None:
    """Return the status of the database; None, and a line that says why, where it has none."""
    try:
        return await read_status(url, config)
    except (ConnectionFailedError, MigrationError) as error:
        echo(f"{error.message} So it is not compared, and every revision is linted.", "yellow")
        return None


def _chosen(
    config: Config, since: str | None, status: Status | None, *, everything: bool
) -> list[Script]:
    """Return the revisions to lint, in the order in which they are applied.

    Raises:
        UsageError: there is no such revision.
    """
    script = script_directory(config)
    ordered = list(reversed(list(script.walk_revisions())))
    if everything or since == "base":
        return ordered
    if since is None:
        return ordered if status is None else list(status.pending)
    require_revision(script, since)
    found = script.get_revision(since)
    if found is None:
        raise UsageError(f"There is no revision {since}.", "db alembic history lists them.")
    applied = {each.revision for each in script.iterate_revisions(found.revision, "base")}
    return [each for each in ordered if each.revision not in applied]
