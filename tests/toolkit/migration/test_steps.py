"""`db revision` writes what touches tables that exist in steps: each change, and the chain it is.

A case is the models before and after, and the chain expected. Every chain has been run by the
command itself: linted, upgraded on tables with rows, taken back, upgraded again and compared.
"""

# ruff: noqa: E501 - a model is read best on one line

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from alembic_neon.cli.app import app
from alembic_neon.embedded.server import LocalServer
from alembic_neon.errors import ToolkitError
from scratch_project import ScratchProject
from typer.testing import CliRunner, Result

HEAD: Final = """
import sqlalchemy as sa
from alembic_neon import NAMING_CONVENTION
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData(naming_convention=NAMING_CONVENTION)


def users(*items):
    return sa.Table("users", metadata, sa.Column("id", sa.BigInteger, primary_key=True), *items)

def tasks(*items):
    return sa.Table("tasks", metadata, sa.Column("id", sa.BigInteger, primary_key=True), *items)

OWNER = sa.Column("owner_id", sa.BigInteger, nullable=False)
N = lambda **options: sa.Column("n", options.pop("type_", sa.Integer), **options)

"""


@dataclass(frozen=True)
class Case:
    """Models before and after, and the steps; those that contract are in brackets."""

    before: str
    after: str
    steps: str
    options: tuple[str, ...] = ()
    says: str = ""


CASES: Final = {
    "a new table with keys and indexes is one revision": Case(
        "users()",
        "users()\ntasks(sa.Column('user_id', sa.ForeignKey('users.id'), index=True), sa.Column('n', sa.Integer, unique=True, nullable=False))",
        "tables",
    ),
    "a nullable column": Case("tasks()", "tasks(N())", "column"),
    "a required column with a constant default": Case(
        "tasks()", "tasks(N(nullable=False, server_default='0'))", "column"
    ),
    "a required column, which is filled": Case(
        "tasks(OWNER)",
        "tasks(OWNER, sa.Column('reviewer_id', sa.BigInteger, nullable=False))",
        "nullable, backfill, required, [trigger]",
        ("--fill", "tasks.reviewer_id=owner_id"),
    ),
    "a volatile default": Case(
        "tasks()",
        "tasks(sa.Column('token', sa.Uuid, server_default=sa.text('gen_random_uuid()'), nullable=False))",
        "nullable, backfill, not null, required",
    ),
    "a column that becomes required when all releases write it": Case(
        "tasks(sa.Column('n', sa.Integer, server_default='0'))",
        "tasks(sa.Column('n', sa.Integer, server_default='0', nullable=False))",
        "[not null], [required]",
        says="contains null values",
    ),
    "a column that becomes required, and is filled": Case(
        "tasks(N())",
        "tasks(N(nullable=False))",
        "not null, backfill, required, [trigger]",
        ("--fill", "tasks.n=0"),
    ),
    "an index": Case("tasks(N())", "tasks(N(index=True))", "index"),
    "an index that goes": Case("tasks(N(index=True))", "tasks(N())", "[drop index]"),
    "an index that is replaced": Case(
        "t = tasks(N())\nsa.Index('ix_n', t.c.n)",
        "t = tasks(N())\nsa.Index('ix_n', t.c.n, t.c.id)",
        "new index, drop old index, rename index",
    ),
    "a foreign key": Case(
        "users()\ntasks(sa.Column('user_id', sa.BigInteger))",
        "users()\ntasks(sa.Column('user_id', sa.BigInteger, sa.ForeignKey('users.id')))",
        "foreign key, validate",
        says="violates foreign key constraint",
    ),
    "a CHECK": Case(
        "tasks(N())",
        "tasks(N(), sa.CheckConstraint('n > -3000000000', name='n_big'))",
        "check, validate",
    ),
    "a CHECK that changes": Case(
        "tasks(N(), sa.CheckConstraint('n > -3000000000', name='n_big'))",
        "tasks(N(), sa.CheckConstraint('n > -4000000000', name='n_big'))",
        "replace and check, validate",
    ),
    "a unique constraint": Case(
        "tasks(OWNER)",
        "tasks(OWNER, sa.UniqueConstraint('owner_id', 'id'))",
        "unique index, unique",
    ),
    "a type that writes no row anew": Case(
        "tasks(N(type_=sa.String(20)))", "tasks(N(type_=sa.Text))", "column"
    ),
    "a type that writes every row anew": Case(
        "tasks(N(index=True))",
        "tasks(N(type_=sa.BigInteger, index=True))",
        "type",
        says="--online does it without",
    ),
    "a type that changes beside the column": Case(
        "tasks(N())",
        "tasks(N(type_=sa.BigInteger))",
        "new column, backfill, switch, [drop]",
        ("--online",),
    ),
    "the type of a required column that changes beside it": Case(
        "tasks(N(nullable=False, server_default='5'))",
        "tasks(N(type_=sa.BigInteger, nullable=False, server_default='5'))",
        "new column, backfill, required, switch, [drop]",
        ("--online",),
    ),
    "a column that goes": Case("tasks(N())", "tasks()", "[drop]"),
    "a required column that goes": Case("tasks(OWNER)", "tasks()", "optional, [drop]"),
    "a table that goes": Case("users()\ntasks()", "tasks()", "[drop]"),
    "several changes of a table": Case(
        "users()\ntasks(OWNER, N())",
        "users()\ntasks(sa.Column('owner_id', sa.BigInteger, sa.ForeignKey('users.id'), nullable=False), sa.Column('a', sa.Integer), sa.Column('b', sa.Integer), sa.CheckConstraint('id > -5', name='id_big'))",
        "column, check and foreign key, validate, [drop]",
        ("--no-rename",),
        says="violates foreign key constraint",
    ),
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("steps") / "project")
    yield project
    LocalServer(project.folder / ".neon-local", "development", 18).stop()


@pytest.fixture
def project(shared: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchProject]:
    """A project without a model and a revision, on a server that all tests here share."""
    monkeypatch.chdir(shared.folder)
    yield shared
    for path in shared.versions.glob("*.py"):
        path.unlink()


def db(*arguments: str, code: int = 0) -> Result:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [*arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def revise(project: ScratchProject, models: str, *options: str) -> tuple[dict[str, Any], str]:
    """Change the models and write the revisions; return the JSON and what a person reads."""
    project.models(HEAD + models)
    result = db("revision", "-m", "change it", *options, "--json", "-")
    return json.loads(result.stdout), result.stderr


def chain_of(written: dict[str, Any]) -> str:
    """Return the steps in their order, those that contract in brackets."""
    names = [
        f"[{each['step']}]" if each["phase"] == "contract" else each["step"]
        for each in written["revisions"]
    ]
    return ", ".join(names)


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_written_as_this_chain(project: ScratchProject, name: str) -> None:
    case = CASES[name]
    revise(project, case.before)
    written, said = revise(project, case.after, *case.options)
    assert chain_of(written) == case.steps
    assert written["findings"] == []
    assert case.says in said
    if not case.says:
        assert "fails" not in said
        assert "differ" not in said
    assert revise(project, case.after)[0]["revisions"] == []


def test_a_required_column_without_a_value_is_refused_in_one_line(project: ScratchProject) -> None:
    revise(project, "tasks()")
    before = project.revision_files
    with pytest.raises(ToolkitError, match=r'--fill tasks.n="EXPRESSION"') as error:
        revise(project, "tasks(N(nullable=False))")
    assert "\n" not in str(error.value)
    assert project.revision_files == before


def test_a_column_that_something_stands_on_is_not_changed_online(project: ScratchProject) -> None:
    revise(project, "tasks(N(index=True))")
    with pytest.raises(ToolkitError, match="as index ix_tasks_n stands on it"):
        revise(project, "tasks(N(type_=sa.BigInteger, index=True))", "--online")


def test_a_person_is_asked_for_the_value_on_a_terminal(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    revise(project, "tasks(OWNER)")
    monkeypatch.setattr("alembic_neon.cli.fill_question._ask", lambda column: f"length('{column}')")
    written, _ = revise(project, "tasks(OWNER, N(nullable=False))", "--no-proof")
    assert "length('tasks.n')" in Path(written["revisions"][1]["path"]).read_text()


def test_a_folder_that_cannot_be_written_is_named_in_one_line(
    project: ScratchProject, tmp_path: Path
) -> None:
    moved = project.versions.rename(tmp_path / "versions")
    project.versions.symlink_to("/proc/sys")
    try:
        with pytest.raises(ToolkitError, match=r"versions/.* cannot be used: ") as error:
            revise(project, "tasks()")
    finally:
        project.versions.unlink()
        moved.rename(project.versions)
    assert "\n" not in str(error.value)


def test_ctrl_c_in_the_proof_leaves_no_file(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    revise(project, "tasks(OWNER)")
    before = project.revision_files

    async def interrupted(*_: object) -> None:
        assert len(project.revision_files) == len(before) + 2
        raise KeyboardInterrupt

    monkeypatch.setattr("alembic_neon.branches.revision_writing.check_chain", interrupted)
    project.models(HEAD + "tasks()")
    CliRunner().invoke(app, ["revision", "-m", "interrupted"])
    assert project.revision_files == before


def test_one_revision_is_written_for_those_who_ask_for_it(project: ScratchProject) -> None:
    revise(project, "tasks(N())")
    written, _ = revise(project, "tasks(N(index=True), sa.Column('m', sa.Integer))", "--single")
    [revision] = written["revisions"]
    assert "step" not in revision
    assert "CONCURRENTLY" not in Path(revision["path"]).read_text().upper()


def test_a_chain_is_read_off_the_names_of_its_files(project: ScratchProject) -> None:
    revise(project, "tasks(OWNER)")
    reviewed = "tasks(OWNER, sa.Column('reviewer_id', sa.BigInteger, nullable=False))"
    revise(project, reviewed, "--fill", "tasks.reviewer_id=owner_id")
    names = sorted(path.stem.partition("_change_it_")[2] for path in project.revision_files)
    assert names[1:] == ["1_of_4_nullable", "2_of_4_backfill", "3_of_4_required", "4_of_4_trigger"]
    by_name = [path.stem for path in sorted(project.revision_files)]
    assert [name[-1] for name in by_name if "_of_4_" in name] != []
    numbers = [name.partition("_change_it_")[2][:1] for name in by_name]
    assert [each for each in numbers if each] == ["1", "2", "3", "4"]


def test_nothing_is_run_and_that_is_said_where_no_proof_is_asked_for(
    project: ScratchProject,
) -> None:
    _, said = revise(project, "tasks(N())", "--no-proof")
    assert "Nothing was run: --no-proof." in said


def test_what_expands_must_not_wait_for_what_contracts(project: ScratchProject) -> None:
    """A chain that was not applied yet, and a second one behind its contracting end."""
    revise(project, "tasks(N())")
    revise(project, "tasks()")
    revise(project, "tasks(sa.Column('m', sa.Integer))")
    found = json.loads(CliRunner().invoke(app, ["check", "--all", "--json", "-"]).stdout)
    [finding] = [each for each in found if each["severity"] == "error"]
    assert finding["rule"] == "expand-after-contract"
    assert finding["file"].endswith("_change_it.py")


def test_what_expands_may_need_what_contracts(project: ScratchProject) -> None:
    revise(project, "tasks(N())")
    revise(project, "tasks()")
    revise(project, "tasks(sa.Column('n', sa.Text))")
    found = json.loads(CliRunner().invoke(app, ["check", "--all", "--json", "-"]).stdout)
    assert [each for each in found if each["severity"] == "error"] == []


def test_an_expanding_upgrade_stops_before_the_first_contracting_revision(
    project: ScratchProject,
) -> None:
    revise(project, "tasks(OWNER)")
    chain, _ = revise(project, "tasks(sa.Column('note', sa.Text))", "--no-rename")
    assert chain_of(chain) == "column and optional, [drop]"
    last = chain["revisions"][-1]["revision"]
    expanded = db("upgrade", "--phase", "expand")
    assert f"1 revision waits for the contract phase, from {last}" in expanded.output
    assert "1 revision waits" in db("status").output
    assert "Already at that revision." in db("upgrade", "--phase", "expand").output
    assert last in db("upgrade").output
    assert "waits" not in db("status").output
    db("downgrade", "base")


def test_what_expands_is_rehearsed_and_promoted_alone(project: ScratchProject) -> None:
    revise(project, "tasks(OWNER)")
    db("upgrade")
    revise(project, "tasks(sa.Column('note', sa.Text))", "--no-rename")
    db("rehearse")
    with pytest.raises(ToolkitError, match="db rehearse --phase expand"):
        db("promote", "--phase", "expand")
    rehearsed = json.loads(db("rehearse", "--phase", "expand", "--json", "-").stdout)
    assert (rehearsed["verdict"], len(rehearsed["waiting"])) == ("safe", 1)
    assert "promoted" in db("promote", "--phase", "expand").output
    assert "1 revision waits" in db("status").output
    db("rehearse")
    db("promote")
    assert "nothing is pending" in db("status").output
    db("downgrade", "base")
