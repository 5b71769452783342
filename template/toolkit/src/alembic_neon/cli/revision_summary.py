"""What `db revision` wrote: each file with what it does, what it locks, and when it is deployed."""

import ast
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from alembic.config import Config

from ..branches.revision_writing import Written, WrittenRevision
from ..migration.commands import script_directory
from ..migration.lint.statements import render
from .console import echo, print_findings, print_sql, result, success

_NO_LOCKS: Final = "none on tables that are there"
_STYLES: Final = {"before the code": "green", "with the code": "yellow", "after the code": "yellow"}


def revision_sql(written: Written, config: Config) -> dict[Path, list[str]]:
    """Return the statements of each upgrade that was written, as `db upgrade --sql` shows them."""
    paths = {each.path for each in written.revisions}
    return {
        path: [each.sql for each in render(script, ast.parse(path.read_text())).statements]
        for script in script_directory(config).walk_revisions()
        if (path := Path(script.path)) in paths
    }


def print_written(
    written: Written, statements: Mapping[Path, Sequence[str]], *, has_proof: bool
) -> None:
    """Print a paragraph for each file, and then what a person should look at.

    `statements` are shown below the file that they are of.
    """
    for each in written.revisions:
        success(f"wrote {os.path.relpath(each.path)}")
        _print_step(each)
        for sql in statements.get(each.path, ()):
            print_sql(sql)
    _print_remarks(written)
    if not has_proof:
        echo("Nothing was run: --no-proof.", "yellow")
    several = len(written.revisions) > 1
    echo(f"Read {'them' if several else 'it'}, then run: db upgrade")


def _print_step(revision: WrittenRevision) -> None:
    if revision.step is None:
        return
    step = revision.step.step
    result(f"    does    {step.summary}.")
    result(f"    locks   {step.locks or _NO_LOCKS}")
    result(f"    deploy  {step.deploy}", _STYLES.get(step.deploy, ""))
    if step.data_loss:
        result(f"    loses   {step.data_loss}", "yellow")


def _print_remarks(written: Written) -> None:
    for trip in written.trips:
        if not trip.ok:
            echo(str(trip), "yellow")
    for remark in written.remarks:
        echo(remark, "yellow")
    print_findings(written.findings)


def as_json(written: Written | None, statements: Mapping[Path, Sequence[str]]) -> dict[str, Any]:
    """Return what was written as data; `path` is the first file."""
    revisions = written.revisions if written else ()
    return {
        "path": revisions[0].path if revisions else None,
        "revisions": [
            {
                "path": each.path,
                **({} if each.step is None else each.step.as_json()),
                "statements": list(statements.get(each.path, ())),
            }
            for each in revisions
        ],
        "findings": [asdict(each) for each in (written.findings if written else ())],
    }
