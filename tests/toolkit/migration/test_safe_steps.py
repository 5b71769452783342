"""The steps of docs/writing-safe-revisions.md run on tables with rows, and pass the linter."""

import re

import pytest
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.commands import script_directory
from alembic_neon.migration.lint import lint_revisions
from alembic_neon.migration.runner.run import upgrade
from queries import first_column
from rendering import ROOT
from scratch_project import ScratchProject

GUIDE = (ROOT / "docs/writing-safe-revisions.md").read_text()
NEXT = "# the next revision\n"
TABLES = """
CREATE TYPE order_status AS ENUM ('new', 'paid');
CREATE TABLE users (id bigint PRIMARY KEY, email text, name text, nickname text, locale varchar(5),
    active boolean);
CREATE VIEW active_users AS SELECT id FROM users WHERE active;
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total numeric, code varchar(10),
    status order_status DEFAULT 'new');
CREATE TABLE notes (id bigint PRIMARY KEY);
CREATE TABLE events (day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE events_2026 (day date NOT NULL);
INSERT INTO users SELECT n, n::text, n::text, n::text, 'en' FROM generate_series(1, 2500) n;
INSERT INTO orders SELECT n, n, n, n::text FROM generate_series(1, 2500) n;
INSERT INTO notes VALUES (1);
INSERT INTO events_2026 VALUES ('2026-05-01');
"""


def snippets(language: str) -> list[str]:
    """Return the page's blocks in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def steps(project: ScratchProject) -> list[str]:
    """The ids of revisions after the tables, one for each step of the page, in its order."""
    each = "\n".join(f"op.execute({one!r})" for one in TABLES.split(";\n") if one.strip())
    project.revision("r0", up=each)
    bodies = [body for snippet in snippets("python") for body in snippet.split(NEXT)]
    for number, body in enumerate(bodies, 1):
        project.revision(
            f"r{number}", f"r{number - 1}", up=body, extra='irreversible = "only the way up"\n'
        )
    return [f"r{number}" for number in range(1, len(bodies) + 1)]


async def test_every_step_runs_on_tables_with_rows(steps: list[str], database: DatabaseURL) -> None:
    done = await upgrade(database)
    assert [step.revision for step in done] == ["r0", *steps]
    assert len(steps) > 20
    (batch,) = snippets("sql")
    left = "SELECT count(*) FROM users WHERE token IS NULL"
    for rows_left in (1500, 500, 0):
        await first_column(database, batch + " RETURNING 1")
        assert await first_column(database, left) == [rows_left]


def test_the_linter_has_nothing_against_the_steps(
    project: ScratchProject, steps: list[str]
) -> None:
    script = script_directory(project.config)
    found = lint_revisions(project.config, [script.get_revision(each) for each in steps])
    assert [str(each) for each in found if each.severity == "error"] == []
    assert [each.rule for each in found if each.severity == "warning"] == []
