"""The order of phases: what expands does not stand behind what contracts, unless it needs it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from alembic.script import Script

from ..history.markers import is_contracting
from .findings import Finding
from .rules import BUILTIN_RULES
from .sql_text import masked
from .statements import Statement

_NAME: Final = r'((?:(?:"(?:[^"]|"")+"|\w+)\s*\.\s*)?(?:"(?:[^"]|"")+"|\w+))'
_DROPPED: Final = re.compile(
    rf"\bDROP\s+(?!NOT\b|DEFAULT\b|IDENTITY\b|EXPRESSION\b)(?:[A-Z]+\s+)*?"
    rf"(?:IF\s+EXISTS\s+)?{_NAME}\s*(?=[,;(]|ON\b|CASCADE\b|RESTRICT\b|$)",
    re.IGNORECASE,
)


def expand_after_contract(
    revisions: Sequence[Script], statements: Mapping[str, Sequence[Statement]]
) -> list[Finding]:
    """Find expanding revisions that `--phase expand` would never reach.

    One needs a contracting revision before it if its SQL names something that this one drops.
    """
    rule = BUILTIN_RULES["expand-after-contract"]
    findings: list[Finding] = []
    dropped: list[tuple[Script, set[str]]] = []
    for script in revisions:
        sql = [each.sql for each in statements[script.revision]]
        if is_contracting(script):
            dropped.append((script, set(_dropped(sql))))
            continue
        for before, names in dropped:
            if not any(_names(name, sql) for name in names):
                file = Path(before.path).name
                message = f"It expands, and waits for {file}, which contracts and is not needed."
                findings.append(
                    Finding(
                        "expand-after-contract",
                        rule.severity or "error",
                        message,
                        script.revision,
                        line=1,
                        hint=rule.hint,
                    )
                )
                break
    return findings


def _dropped(statements: Sequence[str]) -> Iterator[str]:
    for sql in statements:
        for match in _DROPPED.finditer(masked(sql)):
            yield match[1].rpartition(".")[2].strip().strip('"')


def _names(name: str, statements: Sequence[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql) for sql in statements)
