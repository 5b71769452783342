"""Rehearsals: risky revisions are blocked, the same in safe steps are not."""

import json
from pathlib import Path

import pytest
from alembic_neon.branches.provider import BranchProvider
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import UsageError
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.rehearsal.result import Rehearsal
from alembic_neon.rehearsal.run import Options, rehearse
from queries import first_column
from scratch_project import ScratchProject

on_both = pytest.mark.parametrize("provider", ["local", "neon"], indirect=True)

# Some 20 MiB, which is more than the table may have that is rewritten.
MODELS = """
from sqlalchemy import Column, Identity, Index, Integer, MetaData, Table

metadata = MetaData()
Table("t", metadata, Column("id", Integer, Identity(always=True), primary_key=True),
      Column("v", Integer{rest}))
"""
LARGE = "INSERT INTO t (v) SELECT g FROM generate_series(1, 500000) g"


@pytest.fixture
async def parent(provider: BranchProvider, project: ScratchProject) -> DatabaseURL:
    """The default branch, at revision a1, with a table of half a million rows."""
    url = await provider.url("main")
    project.revision(
        "a1",
        up='op.execute("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v int)")',
        undo='op.execute("DROP TABLE t")',
    )
    project.models(MODELS.format(rest=""))
    await upgrade(url)
    await first_column(url, LARGE, "ANALYZE t")
    return url


async def run(provider: BranchProvider, **options: object) -> Rehearsal:
    said: list[str] = []
    return await rehearse(provider, Options(**options), said.append)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("up", "undo", "rule"),
    [
        (
            'op.alter_column("t", "v", type_=sa.BigInteger())',
            'op.alter_column("t", "v", type_=sa.Integer())',
            "rewrites-table",
        ),
        (
            'op.alter_column("t", "v", nullable=False)',
            'op.alter_column("t", "v", nullable=True)',
            "scans-under-lock",
        ),
        ('op.create_index("i", "t", ["v"])', 'op.drop_index("i")', "scans-under-lock"),
        (
            "op.execute(\"DO $$ BEGIN EXECUTE 'ALTER TABLE t ALTER v TYPE bigint'; END $$\")",
            'op.alter_column("t", "v", type_=sa.Integer())',
            "rewrites-table",
        ),
    ],
    ids=["type", "not null", "index", "hidden in DO"],
)
async def test_a_risky_revision_is_blocked(
    parent: DatabaseURL,
    provider: BranchProvider,
    project: ScratchProject,
    up: str,
    undo: str,
    rule: str,
) -> None:
    project.revision("b2", "a1", up=up, undo=undo)
    found = await run(provider)
    assert found.verdict == "blocked"
    assert rule in {reason.rule for reason in found.reasons}
    assert found.round_trip.checked == 1
    assert found.round_trip.differences == ()
    (lock,) = [
        lock for lock in found.revisions[0].statements[0].locks if lock.relation == "public.t"
    ]
    assert lock.held_ms > 1
    assert [branch.name for branch in await provider.list()] == ["main"]


@on_both
async def test_the_same_in_safe_steps_is_safe(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision(
        "b2",
        "a1",
        up='op.execute("ALTER TABLE t ADD CONSTRAINT n CHECK (v IS NOT NULL) NOT VALID")',
        undo='op.execute("ALTER TABLE t DROP CONSTRAINT n")',
    )
    project.revision(
        "c3",
        "b2",
        up='op.execute("ALTER TABLE t VALIDATE CONSTRAINT n")',
        undo='op.execute("ALTER TABLE t DROP CONSTRAINT n")\n'
        'op.execute("ALTER TABLE t ADD CONSTRAINT n CHECK (v IS NOT NULL) NOT VALID")',
    )
    project.revision(
        "d4",
        "c3",
        up='op.alter_column("t", "v", nullable=False)\n'
        "# squawk-ignore ban-drop-constraint: NOT NULL stands for it by now\n"
        'op.execute("ALTER TABLE t DROP CONSTRAINT n")',
        undo='op.execute("ALTER TABLE t ADD CONSTRAINT n CHECK (v IS NOT NULL)")\n'
        'op.alter_column("t", "v", nullable=True)',
    )
    project.revision(
        "e5",
        "d4",
        up="with op.get_context().autocommit_block():\n"
        '    op.create_index("ix_t_v", "t", ["v"], postgresql_concurrently=True)',
        undo="with op.get_context().autocommit_block():\n"
        '    op.drop_index("ix_t_v", postgresql_concurrently=True)',
    )
    project.models(MODELS.format(rest=", nullable=False, index=True"))
    found = await run(provider)
    assert [(reason.rule, reason.message) for reason in found.reasons] == []
    assert found.verdict == "safe"
    assert found.round_trip.checked == 4
    assert [revision.transactional for revision in found.revisions] == [True, True, True, False]


async def test_a_downgrade_that_leaves_something_blocks(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("CREATE TABLE x ()")', undo="pass")
    project.models(MODELS.format(rest="") + 'Table("x", metadata)\n')
    found = await run(provider)
    assert found.verdict == "blocked"
    assert "The downgrade leaves + table public.x" in found.reasons[0].message


async def test_lost_data_blocks_unless_it_is_declared(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    up = 'op.execute("DELETE FROM t WHERE id <= 10")'
    project.revision("b2", "a1", up=up)
    found = await run(provider)
    (reason,) = found.reasons
    assert (reason.rule, found.verdict) == ("data-loss", "blocked")
    assert "10 of 500000 rows are gone" in reason.message
    project.revision("b2", "a1", up=up, extra='data_loss = "they are empty"')
    found = await run(provider)
    assert found.verdict == "review"


async def test_a_declared_loss_excuses_no_other_revision(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision(
        "b2",
        "a1",
        up='op.execute("DELETE FROM t WHERE id <= 10")',
        extra='data_loss = "they are empty"',
    )
    project.revision("c3", "b2", up='op.execute("DELETE FROM t")')
    project.revision("d4", "c3", up='op.execute("SELECT 1")')
    found = await run(provider)
    assert found.verdict == "blocked"
    losses = [each for each in found.findings if each.rule == "data-loss"]
    assert [(each.revision, each.severity) for each in losses] == [
        ("b2", "warning"),
        ("c3", "error"),
    ]
    assert "they are empty" in losses[0].hint
    assert "499990 of 499990 rows are gone" in losses[1].message


async def test_the_order_of_columns_after_a_declared_drop_is_nobody_elses_fault(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    """c3's downgrade adds `v` again, behind what b2 added; b2's own downgrade is right."""
    project.revision(
        "b2", "a1", up='op.execute("ALTER TABLE t ADD w int")', undo='op.drop_column("t", "w")'
    )
    project.revision(
        "c3",
        "b2",
        up='op.drop_column("t", "v")',
        undo='op.execute("ALTER TABLE t ADD v int")',
        extra='data_loss = "unread"',
    )
    await first_column(parent, "ALTER TABLE t ADD u int")
    found = await run(provider)
    assert found.round_trip.differences == ()
    assert found.round_trip.checked == 2


async def test_a_table_without_statistics_is_reported_with_the_rows_that_were_counted(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    await first_column(parent, "CREATE TABLE fresh AS SELECT g AS n FROM generate_series(1, 9) g")
    up = 'op.execute("ALTER TABLE fresh ALTER n TYPE bigint")'
    undo = 'op.execute("ALTER TABLE fresh ALTER n TYPE int")'
    project.revision("b2", "a1", up=up, undo=undo)
    found = await run(provider)
    (rewrite,) = [each for each in found.findings if each.rule == "rewrites-table"]
    assert "public.fresh (0.0 MiB, 9 rows)" in rewrite.message


async def test_what_a_failing_revision_committed_by_itself_is_its_own_loss(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT 1")', extra='data_loss = "none"')
    up = """
    with op.get_context().autocommit_block():
        op.execute("DELETE FROM t")
        op.execute("SELECT 1 / 0")
    """
    project.revision("c3", "b2", up=up, extra='mixed = "for the test"')
    found = await run(provider)
    assert {(each.rule, each.revision) for each in found.reasons} == {
        ("data-loss", "c3"),
        ("upgrade-failed", "c3"),
        ("whole-table-write", "c3"),
    }


async def test_a_loss_before_a_revision_that_fails_is_a_finding_of_its_own(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("UPDATE t SET v = NULL WHERE id <= 10")')
    project.revision("c3", "b2", up='op.execute("SELECT 1 / 0")')
    found = await run(provider)
    assert {(each.rule, each.revision) for each in found.reasons} == {
        ("data-loss", "b2"),
        ("upgrade-failed", "c3"),
    }


@pytest.mark.parametrize(
    "up",
    [
        'op.execute("DO $$ BEGIN DELETE FROM t; END $$")',
        'with op.get_context().autocommit_block():\n    op.execute("DELETE FROM t")',
        'op.execute("DELETE FROM parents")',
        'op.execute("INSERT INTO parents (id) VALUES (2)")',
        'op.execute("SELECT pg_catalog.abs(empty_t())")',
    ],
    ids=["in DO", "committed by itself", "cascade", "at commit", "taken for the toolkit's own"],
)
async def test_a_loss_is_seen_however_it_came_about(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject, up: str
) -> None:
    await first_column(
        parent,
        "DELETE FROM t WHERE id > 10",
        "CREATE TABLE parents (id int PRIMARY KEY)",
        "INSERT INTO parents VALUES (1)",
        "ALTER TABLE t ADD parent int DEFAULT 1 REFERENCES parents ON DELETE CASCADE",
        "CREATE FUNCTION empty_t() RETURNS int LANGUAGE plpgsql AS "
        "'BEGIN DELETE FROM t; RETURN 1; END'",
        "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN DELETE FROM t; RETURN NULL; END'",
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON parents DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION later()",
    )
    project.revision("b2", "a1", up=up)
    touches_t = 'op.execute("UPDATE t SET v = v WHERE id < 0")'
    project.revision("c3", "b2", up=touches_t, extra='data_loss = "another one"')
    found = await run(provider)
    assert found.verdict == "blocked"
    losses = [each for each in found.findings if each.rule == "data-loss"]
    assert any("public.t: 10 of 10 rows are gone" in each.message for each in losses)
    assert {each.revision for each in losses} == {"b2"}


@pytest.mark.parametrize(
    ("up", "message", "severity"),
    [
        ("UPDATE t SET v = -1 WHERE id <= 3; INSERT INTO t VALUES (90)", "v changed", "warning"),
        (
            "UPDATE t SET v = NULL WHERE id <= 3; INSERT INTO t VALUES (90, 1), (91, 1), (92, 1)",
            "3 of 10 values of column v are gone",
            "error",
        ),
        (
            "DELETE FROM t WHERE id <= 3; INSERT INTO t SELECT g, g FROM generate_series(90, 99) g",
            "3 of 10 rows are gone",
            "error",
        ),
        (
            "DELETE FROM t WHERE id <= 3; INSERT INTO t VALUES (91, 0), (92, 0), (93, 0)",
            "3 of 10 rows are gone",
            "error",
        ),
        (
            "CREATE TABLE new AS SELECT id, 0 AS v FROM t; INSERT INTO new VALUES (90, 1); "
            "DROP TABLE t; ALTER TABLE new RENAME TO t",
            "v changed",
            "warning",
        ),
        (
            "DELETE FROM keyless WHERE v <= 3; INSERT INTO keyless SELECT generate_series(90, 99)",
            "3 of 10 rows are gone or changed",
            "error",
        ),
        ("UPDATE t SET id = id + 100; INSERT INTO t VALUES (1, 1)", "9 of 10 rows are", "error"),
        ("INSERT INTO t VALUES (90, 1)", None, None),
        (
            "ALTER TABLE t ADD w int; UPDATE t SET w = 1; INSERT INTO t VALUES (99, 9, 9)",
            None,
            None,
        ),
        ("INSERT INTO keyless VALUES (1)", None, None),
        ("UPDATE t SET v = v; INSERT INTO t VALUES (90, 1)", None, None),
    ],
)
async def test_rows_that_come_hide_none_that_go_or_are_overwritten(
    small: DatabaseURL,
    provider: BranchProvider,
    project: ScratchProject,
    up: str,
    message: str | None,
    severity: str | None,
) -> None:
    statements = "\n".join(f"op.execute({each.strip()!r})" for each in up.split(";"))
    project.revision("b2", "a1", up=statements)
    found = await run(provider)
    losses = {each.message: each.severity for each in found.findings if each.rule == "data-loss"}
    assert [losses[each] for each in losses if message and message in each] == [severity] * bool(
        message
    )
    assert len(losses) == bool(message)


@pytest.fixture
async def small(provider: BranchProvider, project: ScratchProject) -> DatabaseURL:
    """The default branch, at revision a1, with two tables of ten rows."""
    url = await provider.url("main")
    make = """
    op.execute("CREATE TABLE t (id int PRIMARY KEY, v int)")
    op.execute("CREATE TABLE keyless (v int)")
    """
    project.revision("a1", up=make, undo='op.execute("DROP TABLE t, keyless")')
    await upgrade(url)
    rows = "SELECT g, g FROM generate_series(1, 10) g"
    await first_column(
        url, f"INSERT INTO t {rows}", "INSERT INTO keyless SELECT generate_series(1, 10)"
    )
    return url


@pytest.mark.parametrize(
    ("kind", "using", "verdict"),
    [
        ("varchar(3)", "left(text, 3)", "review"),
        ("varchar(3)", "''", "review"),
        ("varchar(20)", "text", "safe"),
    ],
)
async def test_a_change_of_type_after_which_values_read_otherwise_is_reviewed(
    parent: DatabaseURL,
    provider: BranchProvider,
    project: ScratchProject,
    kind: str,
    using: str,
    verdict: str,
) -> None:
    await first_column(
        parent, "CREATE TABLE small AS SELECT 'value ' || g AS text FROM generate_series(1, 9) g"
    )
    project.revision(
        "b2",
        "a1",
        up=f'op.execute("ALTER TABLE small ALTER text TYPE {kind} USING {using}")',
        undo='op.execute("ALTER TABLE small ALTER text TYPE text")',
    )
    found = await run(provider)
    losses = [each.message for each in found.findings if each.rule == "data-loss"]
    assert losses == (
        [f"public.small: values of column text read otherwise as {_FULL[kind]}"]
        if verdict == "review"
        else []
    )


_FULL = {"varchar(3)": "character varying(3)"}


async def test_a_run_that_fails_after_its_last_revision_is_a_finding_of_none(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT 1")')
    with (project.folder / "migrations/env.py").open("a") as file:
        file.write("from alembic import util\nraise util.CommandError('too late')\n")
    found = await run(provider)
    assert ("upgrade-failed", None) in {(each.rule, each.revision) for each in found.reasons}


@on_both
async def test_a_failing_revision_is_a_finding_and_the_branch_is_deleted(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT 1")')
    project.revision("c3", "b2", up='op.execute("ALTER TABLE t ADD CHECK (v < 0)")')
    found = await run(provider)
    assert [(reason.rule, reason.revision) for reason in found.reasons][-1] == (
        "upgrade-failed",
        "c3",
    )
    assert [len(revision.statements) for revision in found.revisions] == [1, 1]
    assert found.revisions[1].statements[0].failed
    assert [branch.name for branch in await provider.list()] == ["main"]


@on_both
async def test_a_smoke_test_runs_on_the_upgraded_branch(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject, tmp_path: Path
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT 1")')
    found = await run(provider, run=f'echo "$DATABASE_URL" > {tmp_path}/url; exit 3')
    assert (tmp_path / "url").read_text().strip() not in ("", parent.render())
    assert [reason.rule for reason in found.reasons] == ["smoke-test"]


async def test_the_load_beside_the_upgrade_measures_the_longest_stall(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject, tmp_path: Path
) -> None:
    project.revision(
        "b2",
        "a1",
        up='op.execute("LOCK TABLE t")\nop.execute("SELECT pg_sleep(0.5)")',
    )
    (tmp_path / "load.sql").write_text(
        "SELECT v FROM t WHERE id = 1; -- one\nUPDATE t SET v = v WHERE id = 2;\n"
    )
    found = await run(provider, load=tmp_path / "load.sql")
    assert found.load is not None
    assert found.load.longest_read_ms > 300
    assert found.load.longest_write_ms > 300
    assert (found.load.reads > 10, found.load.failures) == (True, 0)
    with pytest.raises(UsageError, match="cannot be read"):
        await run(provider, load=tmp_path / "none.sql")


async def test_a_script_of_pgbench_is_run_by_pgbench(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject, tmp_path: Path
) -> None:
    project.revision(
        "b2", "a1", up='op.execute("LOCK TABLE t")\nop.execute("SELECT pg_sleep(0.5)")'
    )
    load = tmp_path / "load.sql"
    # So few transactions that pgbench, if it were killed, would not have written any of its log.
    load.write_text(
        "\\set id random(1, 100)\n\\sleep 50 ms\nBEGIN;\nUPDATE t SET v = v WHERE id = :id;\nEND;\n"
    )
    found = await run(provider, load=load)
    assert found.load is not None
    assert (found.load.reads, found.load.writes > 5) == (0, True)
    assert found.load.longest_write_ms > 300
    load.write_text("\\set id random(1, 100)\nSELECT v FROM t WHERE id = :id;\n")
    found = await run(provider, load=load)
    assert found.load is not None
    assert found.load.longest_read_ms > 300 > found.load.writes == 0
    load.write_text("\\nonsense\nSELECT 1;\n")
    with pytest.raises(UsageError, match=r"pgbench could not run load\.sql: .*nonsense"):
        await run(provider, load=load)
    assert [branch.name for branch in await provider.list()] == ["main"]


@pytest.mark.parametrize(
    ("content", "what"), [(b"", "holds no statement"), (b"\xff", "no text in")]
)
async def test_a_load_that_is_none_is_refused_before_anything_is_done(
    provider: BranchProvider, project: ScratchProject, tmp_path: Path, content: bytes, what: str
) -> None:
    (tmp_path / "load.sql").write_bytes(content)
    with pytest.raises(UsageError, match=what):
        await run(provider, load=tmp_path / "load.sql")


async def test_the_report_is_the_plan(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    project.revision("b2", "a1", up='op.execute("SELECT 1")')
    first, second = await run(provider), await run(provider)
    assert first.plan.plan_id == second.plan.plan_id
    report = json.loads(json.dumps(first.as_json()))
    assert report["revisions"][0]["statements"][0]["sql"] == "SELECT 1"
    project.revision("b2", "a1", up='op.execute("SELECT 2")')
    assert (await run(provider)).plan.plan_id != first.plan.plan_id


@on_both
async def test_drift_that_was_there_before_is_named_and_blames_no_revision(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    await first_column(parent, "CREATE TABLE stray ()", "ALTER TABLE t DROP CONSTRAINT t_pkey")
    found = await run(provider)
    drift = [(each.rule, each.severity, each.revision) for each in found.findings]
    assert drift == [("live-drift", "warning", None), ("unmanaged-object", "warning", None)]
    assert "t_pkey" in found.findings[0].message, "seen where nothing is pending"
    project.revision("b2", "a1", up='op.execute("SELECT 1")', undo='op.execute("SELECT 2")')
    found = await run(provider)
    assert (found.verdict, len(found.revisions)) == ("review", 1)
    assert [each.rule for each in found.reasons] == ["live-drift", "unmanaged-object"]
    project.models(MODELS.format(rest="") + 'Table("unwritten", metadata)\n')
    found = await run(provider)
    assert [each.rule for each in found.reasons] == ["drift"], "that no revision writes blocks"
    assert "unwritten" in found.reasons[0].message


async def test_what_cannot_be_run_on_an_empty_database_is_not_compared(
    parent: DatabaseURL, provider: BranchProvider, project: ScratchProject
) -> None:
    up = 'op.execute("SELECT 1 / (SELECT count(*) FROM t)")'
    project.revision("b2", "a1", up=up, undo='op.execute("SELECT 2")')
    await first_column(parent, "CREATE TABLE stray ()")
    found = await run(provider)
    (finding,) = [each for each in found.findings if each.rule == "not-compared"]
    assert "was not compared with the migrations" in finding.message
    assert "division by zero" in finding.message
