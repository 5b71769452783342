"""The order of phases: what expands does not stand behind what contracts, unless it needs it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from alembic.script import Script

from ..history.markers import is_contracting
from .findings import Finding
from .rules import BUILTIN_RULES
from .statements import Statement

# What an action of ALTER TABLE drops: a column, or a constraint.
_DROPPED: Final = re.compile(
    r"\bDROP\s+(?:COLUMN|CONSTRAINT)\s+(?:IF\s+EXISTS\s+)?(\"(?:[^\"]|\"\")+\"|\w+)",
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
        if is_contracting(script):
            dropped.append((script, set(_dropped(statements[script.revision]))))
            continue
        sql = [each.sql for each in statements[script.revision]]
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


def _dropped(statements: Sequence[Statement]) -> Iterator[str]:
    for part in (part for each in statements for part in each.parts):
        if part.verb == "DROP":
            yield from (name.parts[-1] for name in part.names)
        else:
            yield from (match[1].strip('"') for match in _DROPPED.finditer(part.text))


def _names(name: str, statements: Sequence[str]) -> bool:
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", sql) for sql in statements)
