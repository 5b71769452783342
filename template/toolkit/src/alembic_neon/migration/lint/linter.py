"""The linter: every rule over some revisions, with the ignores that their files hold."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Final

from alembic.config import Config
from alembic.script import Script

from ...project import postgres_version
from ..configuration import root_of
from ..history.markers import is_contracting
from ..history.source import source_of
from .file_rules import long_revision_id, missing_downgrade, model_imports
from .findings import Finding, severity_key
from .ignores import apply_ignores
from .phases import expand_after_contract
from .rules import BUILTIN_RULES, OF_CONTRACTING
from .squawk import run_squawk
from .statement_rules import STATEMENT_RULES, Violation
from .statements import Rendered, render

# How `irreversible` begins in a baseline.
BASELINE: Final = "baseline"


def lint_revisions(config: Config, revisions: Sequence[Script]) -> list[Finding]:
    """Return what there is to say about the upgrades of `revisions`, the worst first.

    No database is asked; the revisions' `upgrade` functions are run as for `alembic upgrade --sql`.

    Raises:
        ConfigurationError: squawk is not installed.
    """
    root = root_of(config)
    revisions = [each for each in revisions if not is_baseline(each)]
    sources = {each.revision: source_of(each) for each in revisions}
    rendered = {each.revision: render(each, sources[each.revision].tree) for each in revisions}
    statements = {revision: found.statements for revision, found in rendered.items()}
    squawked = run_squawk(statements, postgres_version(), root)
    misplaced = expand_after_contract(revisions, statements)
    findings: list[Finding] = []
    for script in revisions:
        own = _own_findings(script, sources[script.revision].tree, rendered[script.revision], root)
        about = [each for each in (*misplaced, *squawked) if each.revision == script.revision]
        if is_contracting(script):
            about = [each for each in about if each.rule not in OF_CONTRACTING]
        remaining = apply_ignores([*own, *about], sources[script.revision])
        file = _shown(Path(script.path), root)
        findings += [replace(each, revision=script.revision, file=file) for each in remaining]
    return sorted(findings, key=severity_key)


def is_baseline(script: Script) -> bool:
    """Tell whether `db baseline` wrote a revision: the schema was there, nothing of it is new."""
    return str(getattr(script.module, "irreversible", None) or "").startswith(BASELINE)


def _is_backfill(rendered: Rendered) -> bool:
    """Tell whether a revision does nothing but write rows, batch by batch: they stay written."""
    found = rendered.statements
    return bool(found) and all(
        each.autocommit and all(part.is_write for part in each.parts) for each in found
    )


def _own_findings(
    script: Script, tree: ast.Module, rendered: Rendered, root: Path
) -> Iterator[Finding]:
    violations: Iterator[Violation] = chain(
        *(rule(rendered.statements) for rule in STATEMENT_RULES),
        model_imports(tree, script, root),
        long_revision_id(tree, script),
        [] if _is_backfill(rendered) else missing_downgrade(tree),
    )
    if rendered.failure:
        message = f"Only in part shown as SQL, what follows is read as text ({rendered.failure})."
        line = rendered.failure_line or 1
        violations = chain(violations, [Violation("not-rendered", line, message)])
    for name, line, message in violations:
        rule = BUILTIN_RULES[name]
        if rule.severity is not None:
            yield Finding(name, rule.severity, message, script.revision, line=line, hint=rule.hint)


def _shown(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return str(resolved.relative_to(root) if resolved.is_relative_to(root) else resolved)
