"""Renames: asked about, said by an option, or refused; and all that follows a new name."""

# ruff: noqa: E501 - a model is read best on one line

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import pytest
from alembic_neon.cli import rename_question
from alembic_neon.cli.app import app
from alembic_neon.embedded.server import LocalServer
from alembic_neon.errors import UsageError
from rendering import TOOLKIT_PARENT
from scratch_project import ScratchProject
from typer.testing import CliRunner, Result

HEAD: Final = """
import sqlalchemy as sa
from alembic_neon import NAMING_CONVENTION
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)


def t(name, *items, **options):
    return sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *items, **options)


"""
TASKS: Final = 't("tasks", sa.Column("{}", sa.String(50), nullable=False))'
EVERYTHING: Final = """
t("{table}",
  sa.Column("{column}", sa.Integer, sa.CheckConstraint("{column} > 0", name="positive"), nullable=False),
  sa.Column("b", sa.Integer, nullable=False),
  sa.Column("twice", sa.Integer, sa.Computed("{column} * 2", persisted=True)),
  sa.UniqueConstraint("{column}", "b"),
  sa.Index("ix_{table}_part", "{column}", postgresql_where=sa.text("{column} > 5")),
  sa.Index(None, "b"))
t("lines", sa.Column("task_id", sa.ForeignKey("{table}.id"), nullable=False))
"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("renames") / "project")
    yield project
    LocalServer(project.folder / ".neon-local", "development", 18).stop()


@pytest.fixture
def project(shared: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchProject]:
    """A project without a revision, on a server that all tests here share."""
    monkeypatch.chdir(shared.folder)
    yield shared
    for path in shared.versions.glob("*.py"):
        path.unlink()


def db(*arguments: str, answers: str = "") -> Result:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [*arguments], input=answers)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def migrate(project: ScratchProject, models: str, *options: str, answers: str = "") -> str:
    """Write the revision for these models and return its text; a second run then writes nothing."""
    project.models(HEAD + models)
    before = set(project.revision_files)
    db("revision", "-m", "change", *options, answers=answers)
    text = "\n".join(path.read_text() for path in set(project.revision_files) - before)
    assert "no revision was written" in db("revision", "-m", "again").output
    findings = json.loads(CliRunner().invoke(app, ["check", "--json", "-"]).stdout)
    drift = [each for each in findings if "drift" in each["rule"] or each["rule"] == "other-name"]
    assert drift == []
    return text


def test_a_column_is_renamed_where_an_option_says_so(project: ScratchProject) -> None:
    migrate(project, TASKS.format("title"))
    text = migrate(project, TASKS.format("headline"), "--rename", "tasks.title=headline")
    assert 'op.alter_column("tasks", "title", new_column_name="headline")' in text
    assert 'op.alter_column("tasks", "headline", new_column_name="title")' in text
    assert "tasks_title_not_null TO tasks_headline_not_null" in text
    assert "drop_column" not in text
    assert "add_column" not in text


def test_without_an_answer_nothing_is_written(project: ScratchProject) -> None:
    migrate(project, TASKS.format("title"))
    project.models(HEAD + TASKS.format("headline"))
    before = set(project.revision_files)
    with pytest.raises(UsageError) as error:
        db("revision", "-m", "change")
    assert str(error.value) == (
        "In the models tasks.title is gone and headline is new: a rename keeps the values, a drop "
        "does not. Give --rename tasks.title=headline, or --no-rename."
    )
    assert error.value.exit_code == 2
    assert set(project.revision_files) == before


def test_no_rename_drops_and_adds(project: ScratchProject) -> None:
    migrate(project, 't("tasks", sa.Column("title", sa.Text))')
    text = migrate(project, 't("tasks", sa.Column("headline", sa.Text))', "--no-rename")
    assert 'op.drop_column("tasks", "title")' in text
    assert 'op.add_column("tasks", sa.Column("headline"' in text


@pytest.mark.parametrize(("answers", "is_renamed"), [("perhaps\ny\n", True), ("n\n", False)])
def test_a_person_is_asked(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, answers: str, is_renamed: bool
) -> None:
    migrate(project, 't("tasks", sa.Column("title", sa.Text))')
    monkeypatch.setattr(rename_question, "_is_terminal", lambda: True)
    text = migrate(project, 't("tasks", sa.Column("headline", sa.Text))', answers=answers)
    assert ("new_column_name" in text) == is_renamed
    assert ("drop_column" in text) != is_renamed


def test_an_input_that_ends_is_no_answer(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(project, TASKS.format("title"))
    monkeypatch.setattr(rename_question, "_is_terminal", lambda: True)
    project.models(HEAD + TASKS.format("headline"))
    with pytest.raises(UsageError, match="There was no answer"):
        db("revision", "-m", "change")


def test_all_that_stands_on_a_table_and_a_column_follows(project: ScratchProject) -> None:
    migrate(project, EVERYTHING.format(table="tasks", column="rank"))
    models = EVERYTHING.format(table="jobs", column="place")
    text = migrate(project, models, "--rename", "tasks=jobs", "--rename", "tasks.rank=place")
    assert 'op.rename_table("tasks", "jobs")' in text
    for old, new in (
        ("pk_tasks", "pk_jobs"),
        ("uq_tasks_rank_b", "uq_jobs_place_b"),
        ("ck_tasks_positive", "ck_jobs_positive"),
        ("fk_lines_task_id_tasks", "fk_lines_task_id_jobs"),
        ("ix_tasks_part", "ix_jobs_part"),
        ("ix_tasks_b", "ix_jobs_b"),
        ("tasks_id_seq", "jobs_id_seq"),
        ("tasks_rank_not_null", "jobs_place_not_null"),
    ):
        assert re.search(rf"{old} (RENAME )?TO {new}", text), text
        assert re.search(rf"{new} (RENAME )?TO {old}", text), text
    for word in ("drop_", "create_", "add_column", "DROP", "CREATE", "ADD"):
        assert word not in text


KEYS: Final = """
sa.Table("seats", metadata, sa.Column("{0}", sa.Integer, primary_key=True), sa.Column("row", sa.Integer, primary_key=True))
t("tickets", sa.Column("hall", sa.Integer), sa.Column("row", sa.Integer),
  sa.ForeignKeyConstraint(["hall", "row"], ["seats.{0}", "seats.row"]))
"""
# Models before and after, the options, and what the revision says.
CASES: Final = {
    "a column of a composite key": (
        KEYS.format("hall"),
        KEYS.format("room"),
        ["seats.hall=room"],
        "new_column_name",
    ),
    "a column and its type": (
        't("tasks", sa.Column("a", sa.Integer))',
        't("tasks", sa.Column("b", sa.BigInteger))',
        ["tasks.a=b"],
        "sa.BigInteger()",
    ),
    "a column and its family of types": (
        't("tasks", sa.Column("a", sa.Date))',
        't("tasks", sa.Column("b", sa.DateTime))',
        ["tasks.a=b"],
        "sa.DateTime()",
    ),
    "names that need quotes": (
        't("Old Tasks", sa.Column("Due.Date", sa.Date, nullable=False), schema="Sales Dept")',
        't("order", sa.Column("a\'b", sa.Date, nullable=False), schema="Sales Dept")',
        ["Sales Dept.Old Tasks=order", 'Sales Dept.order."Due.Date"=a\'b'],
        'new_column_name="a\'b"',
    ),
    "two columns": (
        't("tasks", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer))',
        't("tasks", sa.Column("c", sa.Integer), sa.Column("d", sa.Integer))',
        ["tasks.a=d", "tasks.b=c"],
        'new_column_name="d"',
    ),
    "an enum": (
        't("tasks", sa.Column("a", sa.Enum("x", "y", name="status"), server_default="x"), sa.Column("many", pg.ARRAY(sa.Enum("x", "y", name="status"))))',
        't("tasks", sa.Column("a", sa.Enum("x", "y", name="state"), server_default="x"), sa.Column("many", pg.ARRAY(sa.Enum("x", "y", name="state"))))',
        [],
        "ALTER TYPE status RENAME TO state",
    ),
    "an index and a constraint alone": (
        't("tasks", sa.Column("a", sa.Integer), sa.Index("one", "a"), sa.UniqueConstraint("a", name="two"))',
        't("tasks", sa.Column("a", sa.Integer), sa.Index("uno", "a"), sa.UniqueConstraint("a", name="due"))',
        [],
        "ALTER INDEX one RENAME TO uno",
    ),
    "an identity": (
        'sa.Table("a", metadata, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True))',
        'sa.Table("b", metadata, sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True))',
        ["a=b"],
        "ALTER SEQUENCE a_id_seq RENAME TO b_id_seq",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_rename_keeps_what_is_there(project: ScratchProject, name: str) -> None:
    before, after, renames, said = CASES[name]
    migrate(project, before)
    text = migrate(project, after, *(word for each in renames for word in ("--rename", each)))
    assert said in text
    assert "drop_column" not in text
    assert "drop_table" not in text


WRONG: Final = {
    "tasks.title": "--rename tasks.title is not understood.",
    "tasks.titel=headline": "the migrations have no column tasks.titel.",
    "task.title=headline": "the migrations have no table task.",
    "tasks.id=headline": "column tasks.id is not gone, the models have it.",
    "tasks.title=id": "column tasks.id is not new, the migrations have it.",
    "tasks.title=headlin": "the models have no column tasks.headlin.",
    "jobs=tasks": "the migrations have no table jobs.",
    "tasks=others": "table tasks is not gone, the models have it.",
    "tasks=x.others": "moves a table to another schema.",
}


@pytest.mark.parametrize("value", WRONG)
def test_a_wrong_value_is_refused_in_one_line(project: ScratchProject, value: str) -> None:
    migrate(project, TASKS.format("title"))
    project.models(HEAD + TASKS.format("headline"))
    with pytest.raises(UsageError) as error:
        db("revision", "-m", "change", "--rename", value)
    assert WRONG[value] in str(error.value)
    assert "\n" not in str(error.value)


def test_what_may_be_either_of_two_is_listed(project: ScratchProject) -> None:
    migrate(project, 't("tasks", sa.Column("a", sa.Text))')
    project.models(HEAD + 't("tasks", sa.Column("b", sa.Text), sa.Column("c", sa.String(9)))')
    with pytest.raises(UsageError) as error:
        db("revision", "-m", "change")
    assert "tasks.a is gone and b or c is new" in str(error.value)
    assert "Give --rename tasks.a=b or --rename tasks.a=c, or --no-rename." in str(error.value)


def test_a_column_of_another_kind_is_not_asked_about(project: ScratchProject) -> None:
    migrate(project, 't("tasks", sa.Column("a", sa.Text))')
    text = migrate(project, 't("tasks", sa.Column("b", sa.Boolean))')
    assert "drop_column" in text


def test_what_a_hook_leaves_out_is_not_gone(project: ScratchProject) -> None:
    migrate(project, 't("old", sa.Column("a", sa.Text))\nt("stays")')
    hooks: Any = project.folder / "migrations/hooks.py"
    hooks.write_text(
        "def include_object(object, name, type_, reflected, compare_to):\n"
        '    return name != "old"\n'
    )
    try:
        project.models(HEAD + 't("new", sa.Column("a", sa.Text))\nt("stays")')
        db("revision", "-m", "change")
    finally:
        hooks.unlink()
    assert "create_table" in "\n".join(path.read_text() for path in project.revision_files)


def test_ctrl_c_at_the_question_ends_the_command_and_leaves_no_file(
    project: ScratchProject,
) -> None:
    migrate(project, TASKS.format("title"))
    project.models(HEAD + TASKS.format("headline"))
    before = set(project.revision_files)
    terminal, stdin = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "alembic_neon", "revision", "-m", "change"],
        cwd=project.folder,
        env=os.environ | {"PYTHONPATH": str(TOOLKIT_PARENT)},
        stdin=stdin,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        said = ""
        while "[y/n]" not in said:
            said += process.stderr.read(1)
            assert process.poll() is None, said
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        os.close(terminal)
        os.close(stdin)
    assert "Was tasks.title renamed to headline?" in said
    assert set(project.revision_files) == before
