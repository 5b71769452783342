"""The command `db status`."""

import asyncio
from dataclasses import asdict
from pathlib import Path

from ..branches.comparison import compare_with_migrations
from ..branches.target import describe_url, target_url
from ..engine.url import DatabaseURL
from ..migration.history.status import Status, read_status
from ..migration.lint.findings import Finding
from .console import print_findings, print_table, result, write_json
from .options import Json
from .phase import phase_of, print_waiting


def status_command(json: Json = None) -> None:
    """Show the revision of the database, the heads, what is pending, and drift of its schema."""
    url = target_url()
    found, drift = asyncio.run(_read(url))
    result(f"database  {describe_url(url)}")
    result(f"revision  {', '.join(found.current) or 'none'}")
    result(f"head      {', '.join(found.heads) or 'none'}")
    if found.is_at_head:
        result("✓ nothing is pending", "green")
    else:
        result(f"{len(found.pending)} pending:", "yellow")
        print_table(
            ("revision", "message", "file"),
            [(each.revision, each.doc, Path(each.path).name) for each in found.pending],
        )
        print_waiting(found.waiting)
    if drift:
        print_findings(drift)
    elif found.current:
        result("✓ the schema is what the migrations make", "green")
    pending = [
        {"revision": each.revision, "message": each.doc, "phase": phase_of(each)}
        for each in found.pending
    ]
    findings = [asdict(finding) for finding in drift]
    heads = {"current": found.current, "heads": found.heads}
    write_json(json, heads | {"pending": pending, "drift": findings})


async def _read(url: DatabaseURL) -> tuple[Status, list[Finding]]:
    found = await read_status(url)
    return found, await compare_with_migrations(url, found)
