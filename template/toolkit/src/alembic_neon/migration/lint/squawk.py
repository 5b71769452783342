"""squawk over the statements of revisions (https://squawkhq.com): a program, run offline."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from ...errors import ConfigurationError, ToolkitError
from .findings import Finding
from .moot import is_moot
from .rules import SQUAWK_RULES, Rule
from .statements import Statement

_UNKNOWN: Final = Rule("warning", "See https://squawkhq.com/docs/rules.")


class _Origin(NamedTuple):
    """A file for squawk: its revision, the statement of each of its lines, and all of them."""

    revision: str
    lines: Sequence[Statement]
    statements: Sequence[Statement]


def run_squawk(
    statements: Mapping[str, Sequence[Statement]], postgres_version: int, folder: Path
) -> list[Finding]:
    """Return what squawk says of the statements of each revision, in the grades of `rules`.

    It is run in `folder`, so that a `.squawk.toml` there counts: its `excluded_rules` hold for the
    whole project.

    Raises:
        ConfigurationError: squawk is not installed.
        ToolkitError: it does not answer as it should.
    """
    program = _program()
    return [
        finding
        for autocommit in (False, True)
        for finding in _lint(program, statements, postgres_version, folder, autocommit)
    ]


def _program() -> str:
    found = shutil.which("squawk", path=str(Path(sys.executable).parent)) or shutil.which("squawk")
    if found is None:
        raise ConfigurationError(
            "squawk is not installed, and without it db check would say too little.",
            "Install the extra `lint`, as in: uv add --dev 'alembic-neon[lint]'",
        )
    return found


def _lint(
    program: str,
    statements: Mapping[str, Sequence[Statement]],
    postgres_version: int,
    folder: Path,
    autocommit: bool,
) -> list[Finding]:
    """Lint the statements that run in the revisions' transactions, or those outside of them."""
    with tempfile.TemporaryDirectory() as scratch:
        origins: dict[str, _Origin] = {}
        for number, (revision, all_statements) in enumerate(statements.items()):
            chosen = [each for each in all_statements if each.autocommit is autocommit]
            if chosen:
                path = Path(scratch) / f"{number}.sql"
                path.write_text("".join(f"{each.sql}\n" for each in chosen), encoding="utf-8")
                lines = [each for each in chosen for _ in each.sql.splitlines()]
                origins[str(path)] = _Origin(revision, lines, all_statements)
        if not origins:
            return []
        options = ["--reporter", "json", "--pg-version", str(postgres_version)]
        if not autocommit:
            options.append("--assume-in-transaction")
        answer = _answer([program, *options, *origins], folder)
    return _findings(answer, origins)


def _answer(command: list[str], folder: Path) -> list[dict[str, Any]]:
    result = subprocess.run(  # noqa: S603 - no shell; the files are ours
        command, capture_output=True, text=True, check=False, cwd=folder
    )
    try:
        found: list[dict[str, Any]] = json.loads(result.stdout or "[]")
    except json.JSONDecodeError:
        found = []
    if not found and result.returncode != 0:
        reason = (result.stderr or result.stdout).strip().partition("\n")[0]
        raise ToolkitError(f"squawk failed: {reason}", "Is .squawk.toml as it should be?")
    return found


def _findings(answer: Sequence[Mapping[str, Any]], origins: Mapping[str, _Origin]) -> list[Finding]:
    findings = []
    for violation in answer:
        rule = SQUAWK_RULES.get(violation["rule_name"], _UNKNOWN)
        if rule.severity is None:
            continue
        revision, lines, statements = origins[violation["file"]]
        statement = lines[min(violation["line"], len(lines) - 1)]  # squawk counts lines from 0
        name, message = violation["rule_name"], violation["message"].partition("\n")[0]
        if not is_moot(name, statement, statements):
            findings.append(
                Finding(name, rule.severity, message, revision, line=statement.line, hint=rule.hint)
            )
    return list(dict.fromkeys(findings))
