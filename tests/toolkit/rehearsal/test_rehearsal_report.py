"""The reports of a real rehearsal: the page in a real browser, and names that mean harm."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.branches.provider import BranchProvider
from alembic_neon.migration.runner.run import upgrade
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
    assert "blocked: not as it stands" in light["text"]
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
    assert re.search(r"(?<!\\)@all", outside) is None, "nobody is called"
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
        Difference(None, CatalogObject(kind, identity, "public", table, name, {"type": "integer"}))
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
    assert f"longest wait of readers **{figure}** " in render_markdown(found)
    quiet = replace(found, revisions=[])
    assert "longest wait of readers **0.0 ms** " in render_markdown(quiet)
