"""`db revision` over changes of models that others had trouble with: right, or refused in a line.

Each case is a module of models in stages. For every stage the revision that is handed over has been
run on tables with rows, up, down and up again; a second `db revision` then writes nothing, and
`db check` finds no drift.
"""

# ruff: noqa: E501 - a model is read best on one line

import json
from collections.abc import Iterator
from typing import Final

import pytest
from alembic_neon.cli.app import app
from alembic_neon.embedded.server import LocalServer
from alembic_neon.errors import ToolkitError
from scratch_project import ScratchProject
from typer.testing import CliRunner, Result

HEAD: Final = """
import enum
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql as pg

metadata = sa.MetaData()
ID = lambda: sa.Column("id", sa.Integer, primary_key=True)


def t(*items, name="t", **options):
    return sa.Table(name, metadata, ID(), *items, **options)

"""
DECORATED = """
class Colour(enum.StrEnum):
    RED = "red"
    {more}

class Strict(sa.TypeDecorator):
    impl = sa.Enum
    cache_ok = True

class Short(sa.TypeDecorator):
    impl = sa.String
    cache_ok = True

t(sa.Column("e", Strict(Colour, name="colour")), sa.Column("s", Short({length})),
  sa.Column("many", pg.ARRAY(Short(3))))
"""
LAMP = (
    't(sa.Column("st", sa.Enum({values}, name="st"), nullable=False, server_default="{default}"))'
)
MUTUAL = """
t(sa.Column("boss_id", sa.Integer, sa.ForeignKey("emp.id"{options})), name="dept")
t(sa.Column("dept_id", sa.Integer, sa.ForeignKey("dept.id"), nullable=False), name="emp")
"""
PARTITIONED = """
m = sa.Table("m", metadata, sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True), sa.Column("v", sa.{type}),
    postgresql_partition_by="RANGE (day)")
t(sa.Column("m_id", sa.BigInteger), sa.Column("m_day", sa.Date),
  sa.ForeignKeyConstraint(["m_id", "m_day"], ["m.id", "m.day"], name="fk_m"))
"""
OF_DRIFT = ("drift", "hidden-drift", "not-compared", "not-migrated", "other-name")
# A case is its stages; a stage that is to be refused is a pair with a part of the line.
CASES: Final[dict[str, list[str | tuple[str, str]]]] = {
    "a boolean with a CHECK": [
        't(sa.Column("b", sa.Boolean(create_constraint=True, name="b_bool")))',
    ],
    "an enum that is a CHECK": [
        't(sa.Column("m", sa.Enum("a", "b", native_enum=False, create_constraint=True, length=9, name="m")))',
        't(sa.Column("m", sa.Enum("a", "b", "c", native_enum=False, create_constraint=True, length=9, name="m")))',
    ],
    "the text of a CHECK": [
        't(sa.Column("n", sa.Integer), sa.CheckConstraint("n > 0", name="c"))',
        't(sa.Column("n", sa.Integer), sa.CheckConstraint("n > 5", name="c"))',
    ],
    "a CHECK inside a column": [
        "t(sa.Column('n', sa.String(9), sa.CheckConstraint(\"n <> ''\", name='n_set')))",
        "t(sa.Column('n', sa.String(9), sa.CheckConstraint(\"n <> ':x'\", name='n_set')))",
    ],
    "a generated column": [
        't(sa.Column("q", sa.Integer), sa.Column("s", sa.Integer, sa.Computed("q * 2", persisted=True)))',
        't(sa.Column("q", sa.Integer), sa.Column("s", sa.Integer, sa.Computed("q * 3", persisted=True)))',
    ],
    "REAL by its precision": ['t(sa.Column("f", sa.Float(24)), sa.Column("g", sa.Float(53)))'],
    "a serial that becomes an identity": [
        "t()",
        'sa.Table("t", metadata, sa.Column("id", sa.Integer, sa.Identity(), primary_key=True))',
        "t()",
    ],
    "a schema with a space": [
        't(name="parent")\nt(sa.Column("p", sa.ForeignKey("parent.id")), schema="Sales Dept")',
    ],
    "an enum in another schema": [
        't(sa.Column("c", sa.Enum("a", "b", name="c", schema="paint")), schema="paint")',
        't(sa.Column("c", sa.Enum("a", "b", "x y", name="c", schema="paint")), schema="paint")',
    ],
    "an exclusion constraint with an operator class": [
        't(sa.Column("net", pg.INET), pg.ExcludeConstraint(("net", "&&"), using="gist", ops={"net": "inet_ops"}, name="x"))',
        't(sa.Column("net", pg.INET), pg.ExcludeConstraint(("net", "&&"), using="gist", ops={"net": "inet_ops"}, name="x", deferrable=True))',
    ],
    "an index on to_tsvector": [
        'd = t(sa.Column("body", sa.Text))\n'
        'sa.Index("fts", sa.func.to_tsvector("english", d.c.body), postgresql_using="gin")',
    ],
    "a partial index": [
        't(sa.Column("a", sa.Integer), sa.Index("i", "a", postgresql_where=sa.text("a > 1")))',
        't(sa.Column("a", sa.Integer), sa.Index("i", "a", postgresql_where=sa.text("a > 2")))',
    ],
    "a foreign key to a partitioned table": [
        PARTITIONED.format(type="Integer"),
        PARTITIONED.format(type="BigInteger"),
    ],
    "two tables that refer to each other": [
        MUTUAL.format(options=", use_alter=True, name='fk_boss'")
    ],
    "keys without names": [
        't(name="u")\nt(sa.Column("u_id", sa.Integer))',
        't(name="u")\nt(sa.Column("u_id", sa.Integer, sa.ForeignKey("u.id"), unique=True))',
        't(name="u")\nt(sa.Column("u_id", sa.Integer))',
    ],
    "an enum in a TypeDecorator": [
        DECORATED.format(more="", length=7),
        DECORATED.format(more='BLUE = "blue"', length=9),
    ],
    "a value removed from an enum, and the default with it": [
        LAMP.format(values='"off", "on", "dim"', default="off"),
        LAMP.format(values='"off", "on"', default="on"),
    ],
    "a value removed from an enum on which a CHECK stands": [
        't(sa.Column("s", sa.Enum("a", "b", name="s")), sa.CheckConstraint("s <> \'a\'", name="c"))',
        't(sa.Column("s", sa.Enum("a", name="s")), sa.CheckConstraint("s <> \'a\'", name="c"))',
    ],
    "no table at all": [
        't(name="a")\nt(name="b")',
        ("", "The metadata that env.py hands over has no table. Import every module"),
        (
            'sa.Table("c", metadata, sa.Column("k", sa.Text, primary_key=True))',
            "more would be dropped than stay",
        ),
    ],
    "a table that refers to none": [
        (
            't(sa.Column("u", sa.Integer, sa.ForeignKey("nowhere.id")))',
            "could not find table 'nowhere'",
        ),
    ],
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScratchProject]:
    project = ScratchProject.make(tmp_path_factory.mktemp("revision") / "project")
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


def db(*arguments: str, code: int = 0) -> Result:
    """Run a command in this process."""
    result = CliRunner().invoke(app, [*arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.mark.parametrize("name", CASES)
def test_what_is_handed_over_is_right_or_refused_in_one_line(
    project: ScratchProject, name: str
) -> None:
    for number, stage in enumerate(CASES[name]):
        models, refusal = stage if isinstance(stage, tuple) else (stage, "")
        project.models(HEAD + models)
        before = set(project.revision_files)
        if refusal:
            with pytest.raises(ToolkitError) as error:
                db("revision", "-m", f"stage {number}")
            assert refusal in str(error.value)
            assert "\n" not in str(error.value)
            assert set(project.revision_files) == before
            continue
        written = db("revision", "-m", f"stage {number}")
        assert "Warning" not in written.output
        assert set(project.revision_files) - before
        text = "\n".join(path.read_text() for path in set(project.revision_files) - before)
        assert "drop_constraint(None" not in text
        assert "no revision was written" in db("revision", "-m", "again").output
        findings = json.loads(CliRunner().invoke(app, ["check", "--json", "-"]).stdout)
        assert [each for each in findings if each["rule"] in OF_DRIFT] == []


def test_an_empty_one_keeps_what_its_author_needs(project: ScratchProject) -> None:
    db("revision", "-m", "move data", "--empty")
    [path] = project.revision_files
    assert "import sqlalchemy as sa\n" in path.read_text()
    assert "from alembic import op\n" in path.read_text()
