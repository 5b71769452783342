"""`db revision` over changes that Alembic writes wrong or not at all: keys, order, enums, and more.

Each case is a module of models in stages, as in test_revision.py.
"""

# ruff: noqa: E501 - a model is read best on one line

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from alembic_neon.cli.app import app
from alembic_neon.embedded.server import LocalServer
from alembic_neon.errors import MigrationError
from scratch_project import ScratchProject
from typer.testing import CliRunner, Result

HEAD: Final = """
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData()
ID = lambda: sa.Column("id", sa.Integer, primary_key=True)


def t(*items, name="t", **options):
    return sa.Table(name, metadata, ID(), *items, **options)


def plain(name, *items, **options):
    return sa.Table(name, metadata, *items, **options)

"""
OF_DRIFT: Final = ("drift", "hidden-drift", "not-compared", "not-migrated", "other-name")
CASES: Final[dict[str, list[str]]] = {
    "primary keys are added, dropped and changed, with keys that lead to them": [
        """
plain("added", sa.Column("a", sa.Integer, nullable=False), sa.Column("b", sa.Integer))
plain("dropped", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), sa.PrimaryKeyConstraint("a", name="dropped_pk"))
plain("changed", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer, nullable=False), sa.PrimaryKeyConstraint("a", name="changed_pkey"))
plain("natural", sa.Column("code", sa.String(9), primary_key=True), sa.Column("v", sa.Integer))
plain("child", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("x", sa.Integer, sa.ForeignKey("changed.a", name="child_fk")))
""",
        """
plain("added", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer), sa.PrimaryKeyConstraint("a", name="added_pk"))
plain("dropped", sa.Column("a", sa.Integer, nullable=False), sa.Column("b", sa.Integer))
plain("changed", sa.Column("a", sa.Integer, unique=True), sa.Column("b", sa.Integer), sa.PrimaryKeyConstraint("a", "b", name="changed_pkey"))
plain("natural", sa.Column("id", sa.Integer, primary_key=True), sa.Column("code", sa.String(9), nullable=False), sa.Column("v", sa.Integer))
plain("child", sa.Column("id", sa.BigInteger, primary_key=True), sa.Column("x", sa.Integer, sa.ForeignKey("changed.a", name="child_fk")))
""",
    ],
    "types change under what stands on the columns": [
        """
kind = lambda *v: sa.Enum(*v, name="kind")
t(sa.Column("status", sa.String(20), nullable=False, server_default="new"),
  sa.Column("n", sa.Integer, server_default="0"), sa.Column("twice", sa.Integer, sa.Computed("n * 2", persisted=True)),
  sa.Column("code", sa.Text), sa.Column("gone", sa.Integer),
  sa.CheckConstraint("status <> ''", name="status_set"), sa.CheckConstraint("n >= 0", name="n_pos"),
  sa.CheckConstraint("gone > 0", name="gone_pos"),
  sa.Index("i_status", "status", postgresql_where=sa.text("status = 'new'")), sa.Index("i_lower", sa.func.lower(sa.column("code"))),
  sa.Index("i_gone", "gone", "n"))
t(sa.Column("t_id", sa.Integer, sa.ForeignKey("t.id", name="c_t")), sa.Column("u", sa.Integer), name="c")
plain("k", sa.Column("k", sa.Integer, primary_key=True))
plain("r", sa.Column("k", sa.Integer, sa.ForeignKey("k.k", name="r_k"), primary_key=True))
""",
        """
kind = lambda *v: sa.Enum(*v, name="kind")
t(sa.Column("status", kind("new", "old"), nullable=False, server_default="new"),
  sa.Column("n", sa.BigInteger, server_default="0"), sa.Column("twice", sa.BigInteger, sa.Computed("n * 2", persisted=True)),
  sa.Column("code", pg.UUID),
  sa.CheckConstraint("status <> 'old'", name="status_set"), sa.CheckConstraint("n >= 0", name="n_pos"),
  sa.Index("i_status", "status", postgresql_where=sa.text("status = 'new'")))
t(sa.Column("t_id", sa.Integer, sa.ForeignKey("t.id", name="c_t")), sa.Column("u", sa.Numeric(9, 2)), name="c")
plain("k", sa.Column("k", sa.String(40), primary_key=True))
plain("r", sa.Column("k", sa.String(40), sa.ForeignKey("k.k", name="r_k"), primary_key=True))
""",
    ],
    "values of enums come and go, under all that compares with them": [
        """
def tables(values, default, extra=(), check="s <> 'done'", where="s = 'todo'"):
    s = sa.Enum(*values, name="state")
    p = sa.Enum(*values, name="state", schema="Other One")
    t(sa.Column("s", s, nullable=False, server_default=default), sa.Column("many", pg.ARRAY(s), server_default="{}"),
      sa.Column("is_open", sa.Boolean, sa.Computed("s = 'todo'", persisted=True)),
      sa.CheckConstraint(check, name="not_done"), sa.Index("i_todo", "id", postgresql_where=sa.text(where)), sa.Index("i_s", "s"),
      sa.UniqueConstraint("s", "id", name="u_s"))
    t(sa.Column("order", p, server_default=default), schema="Other One", name="p q")
    t(sa.Column("a", s, sa.CheckConstraint("a IS NOT NULL", name="a_set")), name="second")
tables(["todo", "done"], "todo")
""",
        """
def tables(values, default, extra=(), check="s <> 'done'", where="s = 'todo'"):
    s = sa.Enum(*values, name="state")
    p = sa.Enum(*values, name="state", schema="Other One")
    t(sa.Column("s", s, nullable=False, server_default=default), sa.Column("many", pg.ARRAY(s), server_default="{}"),
      sa.Column("is_open", sa.Boolean, sa.Computed("s = 'todo'", persisted=True)),
      sa.CheckConstraint(check, name="not_done"), sa.Index("i_todo", "id", postgresql_where=sa.text(where)), sa.Index("i_s", "s"),
      sa.UniqueConstraint("s", "id", name="u_s"))
    t(sa.Column("order", p, server_default=default), schema="Other One", name="p q")
    t(sa.Column("a", s, sa.CheckConstraint("a IS NOT NULL", name="a_set")), name="second")
tables(["urgent", "todo", "doing", "done"], "todo")
""",
        """
def tables(values, default, extra=(), check="s <> 'done'", where="s = 'todo'"):
    s = sa.Enum(*values, name="state")
    p = sa.Enum(*values, name="state", schema="Other One")
    t(sa.Column("s", s, nullable=False, server_default=default), sa.Column("many", pg.ARRAY(s), server_default="{}"),
      sa.Column("is_open", sa.Boolean, sa.Computed("s = 'todo'", persisted=True)),
      sa.CheckConstraint(check, name="not_done"), sa.Index("i_todo", "id", postgresql_where=sa.text(where)), sa.Index("i_s", "s"),
      sa.UniqueConstraint("s", "id", name="u_s"))
    t(sa.Column("order", p, server_default=default), schema="Other One", name="p q")
    t(sa.Column("a", s, sa.CheckConstraint("a IS NOT NULL", name="a_set")), name="second")
tables(["todo", "doing"], "doing", check="s <> 'doing' OR id > 0")
""",
        """
def tables(values, default, extra=(), check="s <> 'done'", where="s = 'todo'"):
    s = sa.Enum(*values, name="state")
    p = sa.Enum(*values, name="state", schema="Other One")
    t(sa.Column("s", s, nullable=False, server_default=default), sa.Column("many", pg.ARRAY(s), server_default="{}"),
      sa.Column("is_open", sa.Boolean, sa.Computed("s = 'todo'", persisted=True)),
      sa.CheckConstraint(check, name="not_done"), sa.Index("i_todo", "id", postgresql_where=sa.text(where)), sa.Index("i_s", "s"),
      sa.UniqueConstraint("s", "id", name="u_s"))
    t(sa.Column("order", p, server_default=default), schema="Other One", name="p q")
    t(sa.Column("a", s, sa.CheckConstraint("a IS NOT NULL", name="a_set")), name="second")
tables(["todo", "doing", "blocked"], "blocked", check="s <> 'blocked' OR id > 0", where="s = 'blocked'")
""",
    ],
    "what Alembic does not compare": [
        """
seq = sa.Sequence("numbers", metadata=metadata, start=5)
t(sa.Column("a", sa.Integer), sa.Column("b", sa.String(9)), sa.Column("c", sa.Text), sa.Column("g", pg.TIMESTAMP(precision=3)), sa.Column("h", sa.Integer, sa.Identity(always=True, start=5)), sa.Column("w", sa.Integer),
  sa.UniqueConstraint("a", name="u_a"), sa.UniqueConstraint("b", name="u_b", deferrable=True),
  sa.Index("i_m", "a"), sa.Index("i_inc", "a", postgresql_include=["b"]), sa.Index("i_ops", "c"), sa.Index("i_with", "a", postgresql_with={"fillfactor": 70}),
  sa.Column("rr", pg.INT4RANGE), pg.ExcludeConstraint((sa.column("rr"), "&&"), name="x_a", where=sa.text("a > 3")))
plain("mode", sa.Column("id", sa.Integer, primary_key=True), prefixes=["UNLOGGED"], postgresql_with={"fillfactor": 70})
t(sa.Column("t_id", sa.Integer, sa.ForeignKey("t.id", name="c_t", ondelete="CASCADE", deferrable=True, initially="DEFERRED", match="FULL")), name="c", comment="one")
""",
        """
seq = sa.Sequence("numbers", metadata=metadata, start=5, increment=2, cycle=True, maxvalue=1000)
more = sa.Sequence("more numbers", metadata=metadata)
t(sa.Column("a", sa.Integer), sa.Column("b", sa.String(9, collation="C")), sa.Column("c", sa.Text), sa.Column("g", pg.TIMESTAMP(precision=6)), sa.Column("h", sa.Integer, sa.Identity(start=5, increment=3)), sa.Column("w", sa.Integer, more, server_default=more.next_value()),
  sa.UniqueConstraint("a", name="u_a", postgresql_nulls_not_distinct=True), sa.UniqueConstraint("b", name="u_b", deferrable=True, initially="DEFERRED"),
  sa.Index("i_m", "a", postgresql_using="hash"), sa.Index("i_inc", "a", postgresql_include=["c"]), sa.Index("i_ops", "c", postgresql_ops={"c": "text_pattern_ops"}), sa.Index("i_with", "a", postgresql_with={"fillfactor": 80}),
  sa.Column("rr", pg.INT4RANGE), pg.ExcludeConstraint((sa.column("rr"), "&&"), name="x_b", where=sa.text("a > 4"), deferrable=True))
plain("mode", sa.Column("id", sa.Integer, primary_key=True), postgresql_with={"fillfactor": 90})
t(sa.Column("t_id", sa.Integer, sa.ForeignKey("t.id", name="c_t", ondelete="SET NULL")), name="c", comment="two")
""",
    ],
    "domains": [
        "t()",
        """
z = pg.DOMAIN("zipcode", sa.String(10), check="VALUE ~ '^[0-9]+$'", not_null=False)
t(sa.Column("zip", z))
t(sa.Column("zip", z), name="other")
""",
        """
z = pg.DOMAIN("zipcode", sa.String(10), check="VALUE ~ '^[0-9]*$'", not_null=False)
t(sa.Column("zip", z))
t(sa.Column("zip", z), name="other")
""",
    ],
    "an interval that gets a length": [
        't(sa.Column("i", sa.Interval, server_default="1 day"))',
        't(sa.Column("i", sa.Interval(second_precision=3), server_default="2 days"))',
    ],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("changes") / "project")
    yield project
    LocalServer(project.folder / ".neon-local", "development", 18).stop()


@pytest.fixture
def project(shared: ScratchProject, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScratchProject]:
    """A project without a model and a revision, on a server that all tests here share."""
    monkeypatch.chdir(shared.folder)
    shared.models(HEAD)
    yield shared
    for path in shared.versions.glob("*.py"):
        path.unlink()


def db(*arguments: str) -> Result:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [*arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def revise(project: ScratchProject, models: str, *options: str) -> str:
    """Write the revisions for these models; return their text, in the order of the files."""
    project.models(HEAD + models)
    before = set(project.revision_files)
    db("revision", "-m", "change", "--no-rename", *options)
    return "\n".join(path.read_text() for path in sorted({*project.revision_files} - before))


def assert_nothing_is_left() -> None:
    assert "no revision was written" in db("revision", "-m", "again").output
    findings = json.loads(CliRunner().invoke(app, ["check", "--json", "-"]).stdout)
    assert [each for each in findings if each["rule"] in OF_DRIFT] == []


@pytest.mark.parametrize("name", CASES)
def test_each_stage_is_written_so_that_nothing_is_left(project: ScratchProject, name: str) -> None:
    for stage in CASES[name]:
        text = revise(project, stage)
        assert text
        assert "(None" not in text
        assert_nothing_is_left()


def test_a_value_is_added_where_it_belongs(project: ScratchProject) -> None:
    state = 't(sa.Column("s", sa.Enum({}, name="state")))'
    revise(project, state.format('"a", "c"'))
    text = revise(project, state.format('"a", "b\'s", "c", "d"'))
    assert "ALTER TYPE public.state ADD VALUE 'b''s' BEFORE 'c'" in text
    assert "ALTER TYPE public.state ADD VALUE 'd'" in text
    assert "alembic_postgresql_enum" not in text


def test_a_view_that_reads_a_changed_column_is_made_again(project: ScratchProject) -> None:
    table = 't(sa.Column("n", sa.{}))'
    revise(project, table.format("Integer"))
    [first] = project.revision_files
    [head] = re.findall(r'^revision: str = "(\w+)"', first.read_text(), re.MULTILINE)
    view = 'op.execute("CREATE VIEW v AS SELECT n + 1 AS more FROM t")'
    project.revision("view", head, up=view, undo='op.execute("DROP VIEW v")')
    text = revise(project, table.format("BigInteger"))
    assert text.index("DROP VIEW public.v") < text.index("BigInteger") < text.index("CREATE VIEW")
    with pytest.raises(MigrationError, match=r"view public\.v reads column t\.n"):
        revise(project, "t()")
    assert len(project.revision_files) == 3


def test_the_same_models_give_the_same_operations_each_time(project: ScratchProject) -> None:
    texts = set()
    for seed in ("1", "2", "3"):
        for path in project.revision_files:
            path.unlink()
        project.models(HEAD + CASES["what Alembic does not compare"][0])
        project.db("revision", "-m", "first", "--no-proof", PYTHONHASHSEED=seed)
        [path] = [each for each in project.revision_files if each.suffix == ".py"]
        texts.add(operations(path))
    assert len(texts) == 1


def operations(path: Path) -> str:
    """Return what a revision file does, without its name and date."""
    return path.read_text().partition("def upgrade")[2]
