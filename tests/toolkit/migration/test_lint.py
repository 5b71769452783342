"""The linter: what each rule finds and leaves alone, where it points to, and what silences it."""

import sys
from collections.abc import Sequence
from shutil import copytree

import pytest
from alembic_neon.errors import ConfigurationError
from alembic_neon.migration.commands import script_directory
from alembic_neon.migration.lint import Finding, lint_revisions
from alembic_neon.migration.lint.rules import RULES, SQUAWK_RULES
from rendering import ROOT
from scratch_project import ScratchProject

GUIDE = ROOT / "docs/writing-safe-revisions.md"
CONCURRENT = 'op.create_index("i{n}", "t", ["a"], postgresql_concurrently=True)'
BLOCK = "with op.get_context().autocommit_block():\n    "


def lint(project: ScratchProject) -> list[Finding]:
    """Lint every revision of the project."""
    return lint_revisions(project.config, list(script_directory(project.config).walk_revisions()))


def rules(findings: Sequence[Finding], *, infos: bool = False) -> list[str]:
    return [each.rule for each in findings if infos or each.severity != "info"]


def found(
    project: ScratchProject, up: str, *, undo: str = "op.execute('')", extra: str = ""
) -> str:
    """Return the rules that a revision breaks, sorted, beside the infos."""
    project.revision("a1", up=up, undo=undo, extra=extra)
    return " ".join(sorted(rules(lint(project))))


@pytest.mark.parametrize(
    ("up", "expected"),
    [
        ('op.create_table("t", sa.Column("id", sa.BigInteger, primary_key=True))', ""),
        ('op.create_index("i", "t", ["a"])', "require-concurrent-index-creation"),
        (BLOCK + CONCURRENT, ""),
        (CONCURRENT, "concurrent-in-transaction"),
        ('op.execute("DROP INDEX CONCURRENTLY i")', "concurrent-in-transaction"),
        (
            f"{BLOCK}{CONCURRENT}\n    {CONCURRENT.replace('{n}', '2')}",
            "several-concurrent-operations",
        ),
        (
            'op.add_column("t", sa.Column("a", sa.Text))\n' + BLOCK + CONCURRENT,
            "sql-before-autocommit",
        ),
        (BLOCK + 'op.create_index("i", "t", ["a"])', "require-concurrent-index-creation"),
        ('op.execute("SET lock_timeout = 0")\n' + BLOCK + CONCURRENT, ""),
        (
            'op.add_column("t", sa.Column("a", sa.Text))\n'
            "op.execute(\"UPDATE t SET a = 'x' WHERE a IS NULL\")",
            "data-and-ddl",
        ),
        (
            'op.create_table("t", sa.Column("id", sa.BigInteger, primary_key=True))\n'
            'op.execute("INSERT INTO t VALUES (1)")\nop.execute("UPDATE t SET id = 2")',
            "",
        ),
        ('op.execute("UPDATE t SET a = 1")', "whole-table-write"),
        ('op.execute("DELETE FROM t")', "whole-table-write"),
        ('op.execute(sa.update(sa.table("t", sa.column("a"))).values(a=1))', "whole-table-write"),
        (
            'op.get_bind().execute(sa.text("UPDATE t SET a = :a"), {"a": "x"})',
            "whole-table-write",
        ),
        ('op.execute("UPDATE t SET a = 1 WHERE id < 1000")', ""),
        ('op.execute("DO $$ BEGIN PERFORM 1; END $$")', "do-block"),
        ('op.drop_column("t", "a")', "ban-drop-column"),
        ('op.execute("drop /* all */ view v, w cascade")', "ban-drop-view drop-cascade"),
        (
            'op.execute("ALTER TABLE t DROP CONSTRAINT c, DROP a CASCADE")',
            "ban-drop-column ban-drop-constraint drop-cascade",
        ),
        (
            'op.execute("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u ON DELETE CASCADE")',
            "adding-foreign-key-constraint",
        ),
        ('op.execute("DROP VIEW \\"CASCADE\\"")', "ban-drop-view"),
        ('op.rename_table("t", "u")', "renaming-table"),
        ('op.add_column("t", sa.Column("a", sa.Text, nullable=False))', "adding-required-field"),
    ],
)
def test_a_rule_finds_what_it_is_for_and_nothing_else(
    project: ScratchProject, up: str, expected: str
) -> None:
    assert found(project, up) == expected


@pytest.mark.parametrize(
    "sql",
    [
        *(
            f"DROP {name}"
            for name in (
                *("VIEW v", "MATERIALIZED VIEW v", "FUNCTION f()", "TYPE y", "DOMAIN d"),
                *("SEQUENCE s", "EXTENSION e", "SCHEMA s", "TABLE t", "FOREIGN TABLE t"),
            )
        ),
        "ALTER TABLE t SET SCHEMA s",
        "ALTER TABLE t ALTER a DROP EXPRESSION",
        "ALTER TABLE t ALTER a DROP IDENTITY",
        "ALTER INDEX i RENAME TO j",
    ],
)
def test_what_running_code_may_still_ask_for_is_found_with_a_hint_of_ours(
    project: ScratchProject, sql: str
) -> None:
    project.revision("a1", up=f'op.execute("{sql}")', undo="op.execute('')")
    (finding,) = lint(project)
    assert finding.rule in SQUAWK_RULES
    assert finding.severity in {"warning", "error"}


@pytest.mark.parametrize(
    ("undo", "extra", "expected"),
    [
        ("pass", "", "no-downgrade"),
        ("pass", 'irreversible = "the rows are gone"', ""),
        ("op.execute('')", "", ""),
        ('raise NotImplementedError("never")', "", ""),
    ],
)
def test_a_downgrade_that_does_nothing_says_why(
    project: ScratchProject, undo: str, extra: str, expected: str
) -> None:
    up = "op.execute(\"COMMENT ON SCHEMA public IS 'x'\")"
    assert found(project, up, undo=undo, extra=extra) == expected


def test_a_revision_that_does_nothing_needs_no_downgrade(project: ScratchProject) -> None:
    assert found(project, "pass", undo="pass") == ""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("import app.models", "model-import"),
        ("from app.models import metadata", "model-import"),
        ("from app import models", "model-import"),
        ("from app.models import Base", "model-import"),
        ("from app.models import *", "model-import"),
        ("from app.models import Money, State", "model-import"),
        ("from app.models import Money", ""),
        ("from app.models import now", ""),
        ("from app.helpers import Vector, to_slug", ""),
        ("import app.types", ""),
        ("from sqlalchemy.dialects import postgresql", ""),
        ("import json", ""),
    ],
)
def test_a_revision_stands_without_the_projects_code(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch, line: str, expected: str
) -> None:
    package = project.folder / "src/app/models"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "import enum, sqlalchemy as sa\n"
        "from sqlalchemy.orm import DeclarativeBase\n"
        "metadata = sa.MetaData()\n"
        "class Base(DeclarativeBase): pass\n"
        "class State(enum.Enum): new = 1\n"
        "class Money(sa.TypeDecorator): impl = sa.Numeric\n"
        "def now(): return 1\n"
    )
    (package.parent / "helpers.py").write_text(
        "from sqlalchemy.types import UserDefinedType\nfrom app.models import Base as _Base\n"
        "class Vector(UserDefinedType): pass\n"
        "def to_slug(text): return text\n"
    )
    (package.parent / "types.py").write_text("from enum import StrEnum\nimport sqlalchemy as sa\n")
    (package.parent / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(project.folder / "src"))
    for name in ("app", "app.models", "app.helpers", "app.types"):
        monkeypatch.delitem(__import__("sys").modules, name, raising=False)
    assert found(project, "pass", extra=line) == expected


def test_a_finding_points_to_the_operation_in_the_python_file(project: ScratchProject) -> None:
    up = (
        'op.create_table(\n    "u",\n    sa.Column("id", sa.BigInteger, primary_key=True),\n)\n\n'
        'op.execute(\n    """\n    ALTER TABLE t\n\n    ADD CONSTRAINT c CHECK (a > 0)"""\n)\n'
        'op.drop_column(\n    "t",\n    "b",\n)'
    )
    path = project.revision("a1", up=up, undo="op.execute('')")
    lines = path.read_text().splitlines()
    places = {each.rule: each for each in lint(project)}
    assert lines[(places["constraint-missing-not-valid"].line or 0) - 1].strip() == "op.execute("
    dropped = places["ban-drop-column"]
    assert lines[(dropped.line or 0) - 1].strip() == "op.drop_column("
    assert dropped.file == "migrations/versions/2026_01_01_0000-a1.py"
    assert (dropped.revision, dropped.severity, dropped.source) == ("a1", "error", "lint")
    assert dropped.hint


@pytest.mark.parametrize(
    "up",
    [
        '# squawk-ignore ban-drop-column: unread since 1.4\nop.drop_column("t", "b")',
        '# db-ignore ban-drop-column - unread since 1.4\n\nop.drop_column("t", "b")',
        'op.drop_column("t", "b")  # db-ignore ban-drop-column: unread since 1.4',
        'op.drop_column(\n    "t",\n    "b",  # squawk-ignore ban-drop-column: unread\n)',
        "# db-ignore ban-drop-column, require-concurrent-index-creation: it is empty\n"
        'op.execute("ALTER TABLE t DROP b; CREATE INDEX i ON t (a)")',
    ],
)
def test_an_ignore_with_a_reason_silences_its_statement(project: ScratchProject, up: str) -> None:
    assert found(project, up) == ""


def test_an_ignore_holds_for_its_own_statement_alone(project: ScratchProject) -> None:
    up = '# db-ignore ban-drop-column: unread\nop.drop_column("t", "a")\nop.drop_column("t", "b")'
    assert found(project, up) == "ban-drop-column"


def test_an_ignore_at_the_margin_holds_for_the_file(project: ScratchProject) -> None:
    up = 'op.drop_column("t", "a")\nop.drop_column("t", "b")'
    assert found(project, up, extra="# squawk-ignore ban-drop-column: unread since 1.4") == ""


def test_an_ignore_without_a_reason_is_a_finding_and_silences_nothing(
    project: ScratchProject,
) -> None:
    up = '# squawk-ignore ban-drop-column\nop.drop_column("t", "a")'
    assert found(project, up) == "ban-drop-column ignore-without-reason"


def test_an_ignore_that_silences_nothing_is_a_finding(project: ScratchProject) -> None:
    up = '# db-ignore ban-drop-column: old\nop.create_index("i", "t", ["a"])'
    assert found(project, up) == "require-concurrent-index-creation unused-ignore"


def test_an_ignore_in_a_downgrade_is_no_finding_as_that_is_not_linted(
    project: ScratchProject,
) -> None:
    undo = '# db-ignore ban-drop-column: unread\nop.drop_column("t", "a")'
    assert found(project, "pass", undo=undo) == ""


def test_a_revision_that_asks_for_data_is_read_as_text_from_there_on(
    project: ScratchProject,
) -> None:
    up = (
        'op.drop_column("t", "a")\n'
        'rows = op.get_bind().execute(sa.text("SELECT 1")).fetchall()\n'
        'for row in rows:\n    op.execute("UPDATE t SET a = 1")\n'
        "with op.get_context().autocommit_block():\n    "
        'op.execute(sa.text("DROP INDEX CONCURRENTLY i"))'
    )
    project.revision("a1", up=up, undo="op.execute('')")
    findings = lint(project)
    assert sorted(rules(findings)) == [
        "ban-drop-column",
        "data-and-ddl",
        "sql-before-autocommit",
        "whole-table-write",
    ]
    (partly,) = [each for each in findings if each.rule == "not-rendered"]
    lines = (project.versions / "2026_01_01_0000-a1.py").read_text().splitlines()
    assert "fetchall" in lines[(partly.line or 0) - 1]
    assert "fetchall" in partly.message


TYPE = 'op.alter_column("t", "a", existing_type={}, type_={})'
ADD = 'op.execute("ALTER TABLE t ADD CONSTRAINT c {}")'


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sa.VARCHAR(length=20)", "sa.Text()", ""),
        ("sa.Text()", "sa.String()", ""),
        ("sa.String(20)", "sa.String(40)", ""),
        ("sa.String(40)", "sa.String(20)", "changing-column-type"),
        ("sa.Text()", "sa.String(20)", "changing-column-type"),
        ("sa.Numeric(8, 2)", "sa.Numeric(10, 2)", ""),
        ("sa.Numeric(8, 2)", "sa.Numeric()", ""),
        ("sa.Numeric(8, 2)", "sa.Numeric(10, 3)", "changing-column-type"),
        ("postgresql.TIMESTAMP(True, 3)", "postgresql.TIMESTAMP(True, 6)", ""),
        ("sa.DateTime()", "sa.DateTime(timezone=True)", "changing-column-type"),
        ("sa.Integer()", "sa.BigInteger()", "changing-column-type"),
        ("postgresql.CIDR()", "postgresql.INET()", ""),
        ("sa.ARRAY(sa.Integer)", "sa.ARRAY(sa.BigInteger)", "changing-column-type"),
        ('sa.String(20, collation="C")', "sa.Text()", "changing-column-type"),
    ],
)
def test_a_type_change_is_found_where_it_rewrites_or_scans_the_table(
    project: ScratchProject, old: str, new: str, expected: str
) -> None:
    dialect = "from sqlalchemy.dialects import postgresql"
    assert found(project, TYPE.format(old, new), extra=dialect) == expected


def test_a_type_change_by_an_expression_is_found(project: ScratchProject) -> None:
    up = TYPE.format("sa.String(20)", 'sa.Text(), postgresql_using="upper(a)"')
    assert found(project, up) == "changing-column-type"


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ("UNIQUE (a)", "disallowed-unique-constraint"),
        ("PRIMARY KEY (a)", "adding-serial-primary-key-field"),
        ("FOREIGN KEY (a) REFERENCES u (id)", "adding-foreign-key-constraint"),
        ("CHECK (a > 0)", "constraint-missing-not-valid"),
        ("NOT NULL a", "constraint-missing-not-valid"),
    ],
)
def test_a_constraint_has_one_finding_and_not_valid_is_asked_where_it_is_possible(
    project: ScratchProject, constraint: str, expected: str
) -> None:
    assert found(project, ADD.format(constraint)) == expected


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        ('op.drop_table("t")', "ban-drop-table"),
        ('op.drop_table("u")', "ban-drop-table require-concurrent-index-deletion"),
    ],
)
def test_an_index_that_is_dropped_with_its_table_stops_nobody(
    project: ScratchProject, dropped: str, expected: str
) -> None:
    assert found(project, 'op.drop_index("i", table_name="t")\n' + dropped) == expected


@pytest.mark.parametrize(
    "up",
    [
        """
        if op.get_bind().dialect.name == "sqlite":
            op.execute("DELETE FROM t")
        else:
            op.execute("CREATE INDEX i ON t (a)")
        """,
        # Here rendering ends, and the rest is read as text.
        """
        bind = op.get_bind()
        tables = sa.inspect(bind).get_table_names()
        if bind.dialect.name in ("mysql", "sqlite"):
            bind.execute(sa.text("DELETE FROM t"))
        elif not bind.dialect.name != "postgresql":
            bind.execute(sa.text("CREATE INDEX i ON t (a)"))
        else:
            bind.execute(sa.text("UPDATE t SET a = 1"))
        """,
        """
        from sqlalchemy import orm
        bind = op.get_bind()
        with orm.Session(bind=bind) as session:
            session.execute(sa.text("SELECT set_config('a.b', :v, false)"), {"v": "x"})
            session.commit()
        bind.commit()
        op.create_index("i", "t", ["a"])
        """,
        """
        sa.Enum("a", "b", name="e").create(op.get_bind(), checkfirst=True)
        op.create_index("i", "t", ["a"])
        """,
    ],
)
def test_branches_of_other_databases_sessions_and_commits_are_understood(
    project: ScratchProject, up: str
) -> None:
    assert found(project, up) == "require-concurrent-index-creation"


def test_what_follows_a_session_is_rendered_to_the_end(project: ScratchProject) -> None:
    up = (
        "from sqlalchemy import orm\n"
        "session = orm.Session(bind=op.get_bind())\n"
        'session.execute(sa.text("SELECT 1"))\nsession.commit()\n'
        'op.create_index("i", "t", ["a"])\nop.drop_column("t", "a")'
    )
    project.revision("a1", up=up, undo="op.execute('')")
    assert rules(lint(project), infos=True) == [
        "require-concurrent-index-creation",
        "ban-drop-column",
    ]


def test_settings_of_squawk_in_the_project_count_from_wherever_it_is_run(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder.parent)
    (project.folder / ".squawk.toml").write_text('excluded_rules = ["ban-drop-column"]\n')
    assert found(project, 'op.drop_column("t", "a")') == ""


def test_without_squawk_it_says_so(
    project: ScratchProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigurationError, match="squawk is not installed"):
        found(project, "pass")


def test_the_sample_of_the_template_has_no_error(project: ScratchProject) -> None:
    sample = ROOT / "template/{{ environment_folder }}/versions"
    copytree(sample, project.versions, dirs_exist_ok=True)
    config = project.config
    findings = lint_revisions(config, list(script_directory(config).walk_revisions()))
    assert rules(findings) == []


def test_every_rule_has_its_entry_in_the_guide() -> None:
    guide = GUIDE.read_text()
    assert [rule for rule in RULES if RULES[rule].severity and f"`{rule}`" not in guide] == []
