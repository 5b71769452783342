"""Ignores: comments in a revision file that silence a rule, each with its reason.

    # squawk-ignore ban-drop-column: nothing has read it since 1.4
    # db-ignore model-import - the enum is frozen

Inside a function one counts for the statement on its line or the next one below; at the margin, for
the whole file. The two words mean the same.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from ..history.source import RevisionSource
from .findings import Finding
from .rules import BUILTIN_RULES

_IGNORE: Final = re.compile(
    r"#\s*(?:squawk|db)-ignore:?\s+(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)(?:\s*:\s*|\s+-+\s+|\s*$)(?P<why>.*)"
)


@dataclass(frozen=True)
class Ignore:
    """One rule that is silenced on the lines `first` to `last`."""

    rule: str
    line: int
    first: int
    last: int
    reason: str


def read_ignores(source: RevisionSource) -> list[Ignore]:
    """Return the ignores of a revision file."""
    statements = list(_statements(source.tree))
    end = source.text.count("\n") + 1
    found = []
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        match = _IGNORE.match(token.string) if token.type == tokenize.COMMENT else None
        if match is None:
            continue
        line, column = token.start
        first, last = (1, end) if column == 0 else _lines_meant(line, statements)
        for rule in re.split(r"\s*,\s*", match["rules"]):
            found.append(Ignore(rule, line, first, last, match["why"].strip()))
    return found


def _statements(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """Yield the lines of each statement; of one with a body its first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            last = None if hasattr(node, "body") else node.end_lineno
            yield node.lineno, last or node.lineno


def _lines_meant(line: int, statements: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the lines of the innermost statement that a comment is in, or of the next one."""
    around = [lines for lines in statements if lines[0] <= line <= lines[1]]
    if around:
        return max(around)
    below = [lines for lines in statements if lines[0] > line]
    return min(below, default=(line, line))


def _downgrade_lines(tree: ast.Module) -> range:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return range(0)


def apply_ignores(findings: Iterable[Finding], source: RevisionSource) -> list[Finding]:
    """Take out what the file's ignores silence, and add what is wrong with the ignores.

    `findings` are those of one revision file, and all of them; at least one rule for the file.
    """
    remaining = list(findings)
    file = str(source.path)
    downgrade = _downgrade_lines(source.tree)  # its SQL is not linted, so that none is of use
    for ignore in read_ignores(source):
        meant = [
            finding
            for finding in remaining
            if finding.rule == ignore.rule
            and finding.line is not None
            and ignore.first <= finding.line <= ignore.last
        ]
        if not ignore.reason:
            remaining.append(_about(ignore, "ignore-without-reason", "has no reason", file))
        elif meant:
            remaining = [finding for finding in remaining if finding not in meant]
        elif ignore.line not in downgrade:
            remaining.append(_about(ignore, "unused-ignore", "silences nothing", file))
    return remaining


def _about(ignore: Ignore, rule: str, what: str, file: str) -> Finding:
    known = BUILTIN_RULES[rule]
    assert known.severity is not None  # noqa: S101 - both are reported
    message = f"The ignore of {ignore.rule} {what}."
    finding = Finding(rule, known.severity, message, file=file, line=ignore.line)
    return replace(finding, hint=known.hint)
