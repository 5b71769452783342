"""A report that is shown again from its JSON, which somebody unknown may have written."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from alembic_neon.branches.provider import BranchProvider
from alembic_neon.errors import UsageError
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.rehearsal.report.html import render_html
from alembic_neon.rehearsal.report.markdown import render_markdown
from alembic_neon.rehearsal.result import Rehearsal
from alembic_neon.rehearsal.run import Options, rehearse
from alembic_neon.rehearsal.saved import read_rehearsal
from scratch_project import ScratchProject

LINKS: Final = (
    "@octocat",
    "#12",
    "GH-12",
    "https://example.org/x",
    "www.example.org",
    "octo/cat#3",
    "![picture](https://example.org/p.png)",
    "[text](https://example.org)",
)


@pytest.fixture
async def rehearsal(provider: BranchProvider, project: ScratchProject) -> Rehearsal:
    """A rehearsal of a table that gets a column and an index."""
    project.revision("a1", up='op.execute("CREATE TABLE t (v int)")')
    await upgrade(await provider.url("main"))
    project.revision("b2", "a1", up='op.execute("ALTER TABLE t ADD w int, ALTER v TYPE bigint")')
    return await rehearse(provider, Options(), lambda _: None)


def saved(rehearsal: Rehearsal, path: Path, **changes: Any) -> Path:
    """Write the report as `db rehearse --json` does, with other values for some fields."""
    path.write_text(json.dumps(rehearsal.as_json() | changes, default=str))
    return path


async def test_it_is_the_report_that_was_saved(rehearsal: Rehearsal, tmp_path: Path) -> None:
    again = read_rehearsal(saved(rehearsal, tmp_path / "plan.json"))
    assert rehearsal.changes != []
    assert render_markdown(again) == render_markdown(rehearsal)
    assert render_html(again) == render_html(rehearsal)


async def test_the_verdict_is_made_of_the_findings(rehearsal: Rehearsal, tmp_path: Path) -> None:
    assert rehearsal.verdict == "blocked", "its models are empty"
    again = read_rehearsal(saved(rehearsal, tmp_path / "plan.json", verdict="safe"))
    assert again.verdict == "blocked"


async def test_a_fork_cannot_give_itself_a_verdict(rehearsal: Rehearsal, tmp_path: Path) -> None:
    again = read_rehearsal(saved(rehearsal, tmp_path / "plan.json", findings=[]))
    assert again.verdict == "safe"
    heading = render_markdown(again, is_unreviewed=True).splitlines()[1]
    assert heading.startswith("## Not verified")
    assert "✅" not in render_markdown(again, is_unreviewed=True)


async def test_nothing_foreign_is_a_link_or_a_mention(rehearsal: Rehearsal, tmp_path: Path) -> None:
    for link in LINKS:
        path = saved(rehearsal, tmp_path / "plan.json", **foreign(link))
        markdown = render_markdown(read_rehearsal(path), is_unreviewed=True)
        outside = re.sub(r"```mermaid.*?```", "", markdown, flags=re.S)
        outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
        # What Markdown makes of it: a character after a backslash stands for itself.
        seen = re.sub(r"\\(.)", r"\1", outside.replace("&#8203;", "\u200b"))
        assert seen.count("\u200b") >= 8, "in each place"
        for begin in (r"@\w", r"#\d", r"GH-\d", r"://", r"www\."):
            assert re.search(begin, seen) is None, link
        assert re.search(r"(?<!\\)\[|(?<!\\)!", outside.replace("<!--", "")) is None, link


def foreign(text: str) -> dict[str, Any]:
    """Return fields of a report that all hold a text."""
    finding = {"rule": text, "severity": "error", "message": f"see {text} now", "hint": text}
    timing = {"started_ms": 0, "duration_ms": 0}
    statement = {"sql": text, "started_ms": 0}
    revision = {"revision": text, "message": text, "transactional": True, **timing}
    return {
        "findings": [finding],
        "revisions": [revision | {"statements": [statement]}],
        "not_tried": [text],
        **dict.fromkeys(("project", "commit", "host", "role", "base_revision"), text),
        "postgres_version": text,
    }


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is not a rehearsal's report"),
        ("[]", "is not a rehearsal's report"),
        ('{"revisions": "all"}', "is not a rehearsal's report: see base_revision."),
        ('{"a": ' * 3000, "is not a rehearsal's report"),
        ("\xff", "is not a rehearsal's report"),
    ],
)
def test_what_is_no_report_is_refused_in_a_line(tmp_path: Path, content: str, problem: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(UsageError, match=re.escape(problem)):
        read_rehearsal(path)


def test_a_report_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no report"):
        read_rehearsal(tmp_path / "plan.json")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_rehearsal(tmp_path)
