"""`db check`: heads, drift, models that nothing imports, the linter, and its three outputs."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from alembic_neon.cli.app import app
from alembic_neon.cli.github_annotations import annotation
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.migration.lint import Finding
from queries import first_column
from scratch_project import ScratchProject
from typer.testing import CliRunner

MODELS = """
import sqlalchemy as sa

metadata = sa.MetaData()
sa.Table("notes", metadata, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True){more})
"""
NOTES = (
    'op.create_table("notes", '
    'sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True){more})'
)
UNDO = 'op.drop_table("notes")'

pytestmark = pytest.mark.xdist_group("check")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("check") / "project")
    yield project
    LocalServer(project.folder / ".neon-local", "development", 18).stop()


@pytest.fixture
def project(shared: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchProject]:
    """A project with one table, in a model and in a revision."""
    monkeypatch.chdir(shared.folder)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    shared.models(MODELS.format(more=""))
    shared.revision("a1", up=NOTES.format(more=""), undo=UNDO)
    yield shared
    for path in [*shared.versions.glob("*.py"), *shared.folder.glob("src/**/*.py")]:
        path.unlink()


def check(*arguments: str, code: int, **environment: str) -> tuple[list[dict[str, Any]], str]:
    """Run `db check` in this process; return its findings and what it said to the person."""
    result = CliRunner().invoke(app, ["check", "--json", "-", *arguments], env=environment)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout), result.stderr


def rules(findings: list[dict[str, Any]]) -> list[str]:
    return [finding["rule"] for finding in findings]


def test_where_all_is_well_it_says_so(project: ScratchProject) -> None:
    findings, said = check(code=0)
    assert findings == []
    assert "1 revision to lint" in said
    assert "No problems found." in said


def test_a_model_that_no_revision_made_is_drift(project: ScratchProject) -> None:
    project.models(MODELS.format(more=', sa.Column("title", sa.Text)'))
    ((finding,), said) = check(code=1)
    assert finding["rule"] == "drift"
    assert "op.add_column('notes', sa.Column('title'" in finding["message"]
    assert "db revision -m" in said


def test_what_autogenerate_does_not_see_is_drift_too(project: ScratchProject) -> None:
    project.models(
        MODELS.format(
            more=', sa.Column("a", sa.Text(collation="C")), sa.CheckConstraint("id > 1", name="c")'
            ', sa.Index("i", "id", postgresql_where=sa.text("id > 1")), '
            'sa.Index("h", "id", postgresql_using="hash")'
        )
    )
    migration = (
        ', sa.Column("a", sa.Text), sa.CheckConstraint("id > 2", name="c"), '
        'sa.Index("i", "id"), sa.Index("h", "id")'
    )
    project.revision("a1", up=NOTES.format(more=migration), undo=UNDO)
    findings, _ = check(code=1)
    assert {finding["rule"] for finding in findings} == {"hidden-drift"}
    assert [finding["message"].partition(":")[0] for finding in findings] == [
        "column public.notes.a",
        "constraint public.notes.c",
        "index public.h",
        "index public.i",
    ]


def test_the_order_of_columns_and_what_only_migrations_have_is_no_drift(
    project: ScratchProject,
) -> None:
    project.models(MODELS.format(more=', sa.Column("a", sa.Text), sa.Column("b", sa.Text)'))
    project.revision(
        "b1",
        "a1",
        up='op.add_column("notes", sa.Column("b", sa.Text))\n'
        'op.add_column("notes", sa.Column("a", sa.Text))\n'
        'op.execute("CREATE VIEW v AS SELECT 1 AS one")',
        undo='op.execute("DROP VIEW v")\n'
        'op.drop_column("notes", "a")\nop.drop_column("notes", "b")',
    )
    assert check(code=0)[0] == []


def test_a_unique_over_the_primary_key_which_postgresql_leaves_out_is_no_drift(
    project: ScratchProject,
) -> None:
    more = ', sa.UniqueConstraint("id", name="uq_id"), sa.Column("f", sa.Float(24))'
    project.models(MODELS.format(more=more))
    project.revision("a1", up=NOTES.format(more=more), undo=UNDO)
    assert check(code=0)[0] == []
    revision = CliRunner().invoke(app, ["revision", "-m", "again"])
    assert revision.exit_code == 0
    assert "no revision was written" in revision.output


@pytest.fixture
def live(project: ScratchProject) -> Iterator[DatabaseURL]:
    """The database of the settings, at head."""
    assert CliRunner().invoke(app, ["upgrade"]).exit_code == 0
    url = LocalServer(project.folder / ".neon-local", "development", 18).url("main")
    yield url
    asyncio.run(first_column(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"))


@pytest.mark.parametrize(
    ("by_hand", "model", "rule", "message", "hint"),
    [
        (
            "ALTER TABLE notes ALTER n DROP NOT NULL",
            "",
            "live-drift",
            "column public.notes.n: the migrations have integer NOT NULL, the database integer.",
            "Undo it in the database",
        ),
        (
            "ALTER TABLE notes DROP CONSTRAINT uq_n",
            "",
            "live-drift",
            "constraint public.notes.uq_n: the migrations have UNIQUE (n), the database nothing.",
            "Undo it in the database",
        ),
        (
            "CREATE TABLE stray (id int PRIMARY KEY)",
            "",
            "unmanaged-object",
            "table public.stray: the database has it, models and migrations do not.",
            "leave it to whoever made it",
        ),
        (
            "CREATE INDEX ix_n ON notes (n)",
            ', sa.Index("ix_n", "n")',
            "unrecorded-change",
            "index public.ix_n: models and database have CREATE INDEX ix_n ON public.notes",
            "db alembic stamp head",
        ),
    ],
)
async def test_drift_of_the_database_is_named_with_its_own_remedy(
    project: ScratchProject,
    live: DatabaseURL,
    by_hand: str,
    model: str,
    rule: str,
    message: str,
    hint: str,
) -> None:
    columns = ', sa.Column("n", sa.Integer, nullable=False), sa.UniqueConstraint("n", name="uq_n")'
    up = 'op.add_column("notes", sa.Column("n", sa.Integer, nullable=False))\n'
    up += 'op.create_unique_constraint("uq_n", "notes", ["n"])'
    project.revision("b1", "a1", up=up, undo='op.drop_column("notes", "n")')
    project.models(MODELS.format(more=columns + model))
    await asyncio.to_thread(CliRunner().invoke, app, ["upgrade"])
    await first_column(live, by_hand)
    findings, said = await asyncio.to_thread(check, code=0 if rule == "unmanaged-object" else 1)
    assert "Checking the models, the migrations and branch main of the embedded" in said
    [found] = [each for each in findings if each["rule"] not in ("drift", "hidden-drift")]
    assert found["rule"] == rule
    assert found["message"].startswith(message)
    assert hint in found["hint"]

    status = await asyncio.to_thread(CliRunner().invoke, app, ["status", "--json", "-"])
    assert status.exit_code == 0
    shown = json.loads(status.stdout)["drift"]
    assert [each["message"].partition(":")[0] for each in shown] == [message.partition(":")[0]]
    assert message.partition(":")[0] in status.stderr


def test_drift_of_a_database_that_is_behind_is_measured_against_its_own_revision(
    project: ScratchProject, live: DatabaseURL
) -> None:
    project.revision(
        "b1",
        "a1",
        up="op.execute('CREATE VIEW v AS SELECT 1 AS one')",
        undo="op.execute('DROP VIEW v')",
    )
    assert check(code=0)[0] == []
    asyncio.run(first_column(live, "ALTER TABLE notes ADD by_hand int"))
    findings, _ = check(code=0)
    assert rules(findings) == ["unmanaged-object"]
    assert (
        "column public.notes.by_hand: the database has it, the migrations do not"
        in (findings[0]["message"])
    )


def test_two_heads_are_one_finding(project: ScratchProject) -> None:
    project.revision("b1", "a1")
    project.revision("b2", "a1")
    (findings, _) = check(code=1)
    assert rules(findings) == ["several-heads"]
    assert "b1" in findings[0]["message"]


def test_models_that_nothing_imports_are_found_without_importing_them(
    project: ScratchProject,
) -> None:
    path = project.folder / "src/app/models/tag.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "raise SystemExit('imported')\n"
        'class One(Base):\n    __tablename__ = "one"\n'
        "class Two(SQLModel, table=True):\n    pass\n"
        'three = sa.Table("three", metadata, sa.Column("id", sa.Integer))\n'
    )
    (project.folder / "src/shop/stock").mkdir(parents=True)
    (project.folder / "src/shop/stock/models.py").write_text(
        'class Four(Base):\n    __tablename__ = "four"\n'
    )
    (path.parent / "note.py").write_text('class Note(Base):\n    __tablename__ = "notes"\n')
    findings, _ = check(code=1)
    assert [(each["rule"], each["file"], each["line"]) for each in findings] == [
        *(("unregistered-model", "src/app/models/tag.py", line) for line in (2, 4, 6)),
        ("unregistered-model", "src/shop/stock/models.py", 1),
    ]


def test_migrations_that_do_not_run_are_a_finding_among_the_others(
    project: ScratchProject,
) -> None:
    project.revision("b1", "a1", up='op.execute("DELETE FROM u")', undo="op.execute('')")
    findings, _ = check(code=1)
    assert sorted(rules(findings)) == ["not-migrated", "whole-table-write"]


def test_only_pending_revisions_are_linted_unless_told_otherwise(project: ScratchProject) -> None:
    project.revision("b1", "a1", up='op.execute("TRUNCATE notes CASCADE")', undo="op.execute('')")
    assert rules(check(code=1)[0]) == ["ban-truncate-cascade"]
    assert rules(check("--since", "a1", code=1)[0]) == ["ban-truncate-cascade"]
    assert check("--since", "b1", code=0)[0] == []
    upgraded = CliRunner().invoke(app, ["upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    assert check(code=0)[0] == []
    assert rules(check("--all", code=1)[0]) == ["ban-truncate-cascade"]
    assert CliRunner().invoke(app, ["downgrade", "base"]).exit_code == 0


def test_where_the_database_cannot_be_reached_every_revision_is_linted(
    project: ScratchProject,
) -> None:
    url = "postgresql://u:secret@127.0.0.1:1/x"
    (findings, said) = check(code=0, DATABASE_URL=url)
    assert findings == []
    assert "every revision is linted" in said
    assert "secret" not in said


def test_a_finding_has_the_shape_of_the_report(project: ScratchProject) -> None:
    project.revision("b1", "a1", up='op.execute("DELETE FROM notes")', undo="op.execute('')")
    findings, _ = check(code=1)
    worst = findings[0]
    assert worst.keys() == {
        "rule", "severity", "message", "revision", "file", "line", "hint", "source",
    }  # fmt: skip
    assert (worst["rule"], worst["revision"], worst["source"]) == (
        "whole-table-write",
        "b1",
        "lint",
    )


def test_on_github_findings_are_annotations(project: ScratchProject) -> None:
    project.models(MODELS.format(more=', sa.Column("title", sa.Text)'))
    for arguments, environment in (([], {"GITHUB_ACTIONS": "true"}), (["--github"], {})):
        _, said = check(*arguments, code=1, **environment)
        assert "::error title=drift::Models and migrations differ: db revision would" in said
    _, said = check(code=1)
    assert "::error" not in said


def test_an_annotation_is_escaped() -> None:
    finding = Finding("r", "info", "50% of\nit", file="a,b:c.py", line=3, hint="Do: that.")
    assert annotation(finding) == (
        "::notice file=a%2Cb%3Ac.py,line=3,title=r::50%25 of%0Ait Do: that."
    )
