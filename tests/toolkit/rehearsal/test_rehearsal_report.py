"""The reports of a real rehearsal: the page in a real browser, and names that mean harm."""

import re
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.branches.provider import BranchProvider
from alembic_neon.cli.rehearsal_summary import print_rehearsal
from alembic_neon.migration.lint.findings import Finding
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.migration.trace.tracer import Lock, Statement
from alembic_neon.rehearsal.report.html import render_html
from alembic_neon.rehearsal.report.markdown import render_markdown
from alembic_neon.rehearsal.result import Rehearsal
from alembic_neon.rehearsal.run import Options, rehearse
from alembic_neon.verification.catalog import CatalogObject, Difference
from browser import look, require_chromium
from queries import first_column
from scratch_project import ScratchProject

HOSTILE: Final = "a<script>alert(1)</script> ' \"`|``] &amp; x\\ @all #1 -->"


@pytest.fixture
async def found(provider: BranchProvider, project: ScratchProject) -> Rehearsal:
    """A rehearsal of two revisions on tables whose names would harm a careless report."""
    name = '"' + HOSTILE[:60].replace('"', '""') + '"'
    url = await provider.url("main")
    project.revision("a1", up=f"op.execute({f'CREATE TABLE {name} (v int)'!r})")
    await upgrade(url)
    await first_column(url, f"INSERT INTO {name} SELECT generate_series(1, 20000)")
    path = project.revision(
        "b2",
        "a1",
        up=f"op.execute({f'ALTER TABLE {name} ALTER v TYPE bigint'!r})\n"
        f"op.execute({f'CREATE INDEX {name[:-2]}i{chr(34)} ON {name} (v)'!r})",
    )
    path.write_text(path.read_text().replace("b2 it is", HOSTILE.replace("\\", "\\\\")))
    project.revision("c3", "b2", up=f"op.execute({f'SELECT 1 AS {name}'!r})")
    found = await rehearse(provider, Options(), lambda _: None)
    assert [len(revision.statements) for revision in found.revisions] == [2, 1]
    assert found.verdict == "blocked", "its models are empty"
    return found


@pytest.mark.parametrize("width", [1240, 400])
async def test_the_page_in_a_browser(found: Rehearsal, tmp_path: Path, width: int) -> None:
    require_chromium()
    page = render_html(found)
    light = look(page, width, tmp_path)
    assert light["scroll_width"] <= width, light["overflowing"]
    assert light["overflowing"] == []
    statements = sum(len(revision.statements) for revision in found.revisions)
    locks = sum(len(each.locks) for revision in found.revisions for each in revision.statements)
    assert locks > 0
    assert light["bars"] == statements + locks
    assert light["scripts"] == 0
    assert HOSTILE in light["text"], "shown as it is written"
    assert re.search(r"Blocked: \d+ errors? must be fixed before promoting", light["text"])
    assert look(page, width, tmp_path, dark=True)["background"] == "rgb(13, 17, 23)"
    assert light["background"] == "rgb(255, 255, 255)"


async def test_the_page_needs_nothing_beside_it(found: Rehearsal) -> None:
    page = render_html(found)
    assert re.findall(r"(?:src|href)=|url\(|@import", page) == []


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, _: object) -> None:
        self.names.add(tag)


async def test_names_that_mean_harm_are_text_in_markdown(found: Rehearsal) -> None:
    markdown = render_markdown(found)
    outside = re.sub(r"```mermaid.*?```", "", markdown, flags=re.S)
    outside = re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    tags = _Tags()
    tags.feed(outside)
    assert tags.names <= {"details", "summary", "sub", "br"}
    assert "@all" not in outside, "nobody is called"
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {6}


# What Mermaid's flowcharts are made of here; https://mermaid.js.org/syntax/flowchart.html
_MERMAID: Final = [
    r"flowchart LR",
    r'  subgraph g\d+\["(?:[^"#;<>&\[\]{}|`]|#\d+;)*"\]',
    r'    n\d+\["[+~-] (?:[^"#;<>&\[\]{}|`]|#\d+;)*"\]:::(?:added|removed|changed)',
    r"  end",
    r"  classDef (?:added|removed|changed) fill:#\w{6},stroke:#\w{6},color:#\w{6}",
]


async def test_the_picture_of_the_change_is_mermaid(found: Rehearsal) -> None:
    (picture,) = re.findall(r"```mermaid\n(.*?)\n```", render_markdown(found), re.S)
    for line in picture.splitlines():
        assert any(re.fullmatch(pattern, line) for pattern in _MERMAID), line
    assert picture.count("subgraph") == picture.count("  end") == 1
    assert len(re.findall(r"^    n", picture, re.M)) == len(found.changes) > 0


async def test_a_table_that_comes_is_one_box(found: Rehearsal) -> None:
    changes = [
        Difference(None, CatalogObject(kind, identity, "public", table, name))
        for kind, identity, table, name in (
            ("column", "public.fresh.id", "fresh", "id"),
            ("column", 'public.fresh."a|b"', "fresh", "a|b"),
            ("table", "public.fresh", "", "fresh"),
        )
    ]
    drawn = render_markdown(replace(found, changes=changes))
    assert 'n1["+ table public.fresh (id, #34;a#124;b#34;)"]:::added' in drawn
    assert ("n2" in drawn, "subgraph" in drawn) == (False, False)


async def test_the_longest_waits_stand_in_the_head(found: Rehearsal) -> None:
    held = [lock.held_ms for lock in found.revisions[0].statements[0].locks]
    figure = f"{max(held):.1f} ms" if max(held) < 10 else f"{max(held):.0f} ms"
    assert f"longest wait for reads **{figure}** " in render_markdown(found)
    quiet = replace(found, revisions=[])
    assert "longest wait for reads **0.0 ms** " in render_markdown(quiet)


def with_statements(found: Rehearsal, sqls: list[str]) -> Rehearsal:
    """Return a rehearsal whose first revision ran these statements, each in a millisecond."""
    first = found.revisions[0]
    statements = [
        Statement(sql, number, 1.0, 1, [Lock("public.t", "RowExclusiveLock", 5.0)], failed=False)
        for number, sql in enumerate(sqls)
    ]
    return replace(found, revisions=[replace(first, statements=statements)])


async def test_equal_statements_are_one_line_with_a_count(found: Rehearsal) -> None:
    many = with_statements(found, ["INSERT INTO t VALUES ($1)"] * 20_000 + ["SELECT 'another'"])
    started = time.process_time()
    page, markdown = render_html(many), render_markdown(many)
    assert time.process_time() - started < 2
    for text in (page, markdown):
        assert text.count("INSERT INTO t") <= 3, "in the table and on the timeline"
        assert "20000 times" in text.replace("&nbsp;", " ")
    assert "20000 rows" in page
    assert "20.0 s" in page, "of all together"


async def test_many_different_statements_and_findings_have_a_bounded_report(
    found: Rehearsal, capsys: pytest.CaptureFixture[str]
) -> None:
    many = with_statements(found, [f"SELECT {n}" for n in range(100_000, 120_000)])
    many.revisions[0].statements[12_345].failed = True
    finding = Finding("a-rule", "error", "It is wrong. " * 100, "b2")
    many = replace(many, findings=[finding] * 5_000, changes=many.changes * 5_000)
    started = time.process_time()
    page, markdown = render_html(many), render_markdown(many)
    print_rehearsal(many)
    assert time.process_time() - started < 5
    terminal = capsys.readouterr().out
    assert (len(page) < 2_000_000, len(markdown) < 65_536, len(terminal) < 200_000) == (True,) * 3
    for text in (page, markdown, terminal):
        assert "SELECT 112345" in text, "what failed is never left out"
        assert re.search(r"and 19[59]\d0 more statements", text)
        assert re.search(r"and 4\d\d0 more findings", text)


_SECTIONS: Final = [
    r"<h2>Findings</h2>|<summary>\d+ finding",
    r"<h2>Statements</h2>|\| statement \|",
]


async def test_the_head_says_what_was_rehearsed_and_the_findings_come_first(
    found: Rehearsal,
) -> None:
    named = replace(found, project="shop", commit="abc123def456", not_tried=["d4", "e5"])
    for text in (render_html(named), render_markdown(named)):
        date = f"{found.started_at:%Y-%m-%d %H:%M}"
        assert re.search(rf"Rehearsal of shop, commit abc123def456, {date}", text)
        verdict = r"Blocked(</b>)?: \d+ errors? must be fixed before promoting"
        assert re.search(verdict, text)
        assert "Not tried, as a revision before failed: d4, e5" in text
        places = [re.search(pattern, text) for pattern in _SECTIONS]
        assert [place.start() for place in places if place] == sorted(
            place.start() for place in places if place
        )
        assert None not in places
    assert "<title>Blocked: shop a1 → c3</title>" in render_html(named)


async def test_a_line_break_and_markup_in_names_are_text(
    found: Rehearsal, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = "b2\n\n<img src=x>\n[/] '^[a-z]+$'"
    revisions = [replace(found.revisions[0], revision=bad, message=bad)]
    finding = Finding("a-rule", "error", bad, bad, file=bad)
    hostile = replace(found, revisions=revisions, findings=[finding], not_tried=[bad])
    markdown = render_markdown(hostile)
    outside = re.sub(r"```mermaid.*?```", "", markdown, flags=re.S)
    assert "<img" not in re.sub(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", "", outside)
    assert not [line for line in markdown.splitlines() if line.startswith("<img")]
    assert "<img" not in render_html(hostile)
    monkeypatch.setenv("FORCE_COLOR", "1")
    print_rehearsal(hostile)
    assert "[/] '^[a-z]+$'" in re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
