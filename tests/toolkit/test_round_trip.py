"""The round trip: it lets right downgrades pass and catches every wrong one that is seeded here."""

from collections.abc import Callable, Iterator

import pytest
from db.connection.errors import MigrationError
from db.connection.url import DatabaseURL
from db.verification.databases import TestDatabases
from db.verification.pytest_plugin import round_trip
from db.verification.round_trip import (
    RoundTrip,
    ancestors,
    check_round_trip,
    revisions_in_order,
)
from scratch_project import ScratchProject

BASE = (
    "CREATE TABLE t (id int PRIMARY KEY, s varchar(10), n int NOT NULL DEFAULT 1, "
    "CONSTRAINT ck CHECK (n > 0), CONSTRAINT fk FOREIGN KEY (n) REFERENCES t ON DELETE CASCADE)",
    "CREATE INDEX ix ON t (n) WHERE n > 5",
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
    "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
)
NOTHING = "SELECT 1"
# What autogenerate or a hurried author leaves behind: upgrade, wrong downgrade, what differs.
FAULTS = {
    "a forgotten table": ("CREATE TABLE more ()", NOTHING, "table public.more"),
    "a leaked enum": ("CREATE TYPE mood AS ENUM ('ok')", NOTHING, "enum public.mood"),
    "an enum value that stays": (
        "CREATE TYPE mood AS ENUM ('ok')",
        "ALTER TYPE mood ADD VALUE 'bad'",
        "enum public.mood",
    ),
    "a forgotten column": ("ALTER TABLE t ADD c int", NOTHING, "column public.t.c"),
    "a lost default": ("ALTER TABLE t ALTER n DROP DEFAULT", NOTHING, "column public.t.n"),
    "a lost NOT NULL": ("ALTER TABLE t ALTER n DROP NOT NULL", NOTHING, "column public.t.n"),
    "a shorter type": (
        "ALTER TABLE t ALTER s TYPE varchar(20)",
        "ALTER TABLE t ALTER s TYPE varchar(5)",
        "column public.t.s",
    ),
    "a column that moved to the end": (
        "ALTER TABLE t DROP s",
        "ALTER TABLE t ADD s varchar(10)",
        "column public.t.s",
    ),
    "an index without its predicate": (
        "DROP INDEX ix",
        "CREATE INDEX ix ON t (n)",
        "index public.ix",
    ),
    "an index of another method": (
        "DROP INDEX ix",
        "CREATE INDEX ix ON t USING hash (n) WHERE n > 5",
        "index public.ix",
    ),
    "a CHECK of another meaning": (
        "ALTER TABLE t DROP CONSTRAINT ck",
        "ALTER TABLE t ADD CONSTRAINT ck CHECK (n >= 0)",
        "constraint public.t.ck",
    ),
    "a foreign key without its action": (
        "ALTER TABLE t DROP CONSTRAINT fk",
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (n) REFERENCES t",
        "constraint public.t.fk",
    ),
    "a constraint of another name": (
        "ALTER TABLE t DROP CONSTRAINT ck",
        "ALTER TABLE t ADD CONSTRAINT other CHECK (n > 0)",
        "constraint public.t.ck",
    ),
    "a trigger that stays off": (
        "ALTER TABLE t DISABLE TRIGGER tr",
        NOTHING,
        "trigger public.t.tr",
    ),
    "a function's new body": (
        BASE[2].replace("CREATE", "CREATE OR REPLACE").replace("NEW", "OLD"),
        NOTHING,
        "function public.f()",
    ),
    "a sequence that stays": ("CREATE SEQUENCE seq", NOTHING, "sequence public.seq"),
    "a comment that stays": ("COMMENT ON TABLE t IS 'new'", NOTHING, "comment public.t"),
    "a privilege that stays": ("GRANT SELECT ON t TO PUBLIC", NOTHING, "privileges public.t"),
}


def executes(*statements: str) -> str:
    """Return the body of a function that runs statements."""
    return "\n".join(f"op.execute({statement!r})" for statement in statements)


@pytest.fixture
def based(project: ScratchProject) -> ScratchProject:
    """A project whose first revision makes a table with everything on it."""
    undo = executes("DROP TABLE t", "DROP FUNCTION f()")
    project.revision("a1", up=executes(*BASE), undo=undo)
    return project


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_wrong_downgrade_is_caught(
    based: ScratchProject, database: DatabaseURL, fault: str
) -> None:
    up, undo, changed = FAULTS[fault]
    based.revision("b2", "a1", up=executes(up), undo=executes(undo))
    found = await check_round_trip(database, "b2")
    assert not found.ok
    assert changed in [difference.object for difference in found.after_downgrade]
    assert "b2.py" in str(found)
    assert changed in str(found)


async def test_a_right_downgrade_passes(based: ScratchProject, database: DatabaseURL) -> None:
    based.revision(
        "b2",
        "a1",
        up=executes("CREATE TYPE mood AS ENUM ('ok')", "ALTER TABLE t ADD m mood"),
        undo=executes("ALTER TABLE t DROP m", "DROP TYPE mood"),
    )
    for revision in ("a1", "b2"):
        found = await check_round_trip(database, revision)
        assert found.ok, str(found)


async def test_a_second_upgrade_that_makes_something_else_is_caught(
    based: ScratchProject, database: DatabaseURL
) -> None:
    """The downgrade gives back the schema, and loses what the upgrade counted on."""
    based.revision("b2", "a1", up=executes("CREATE TABLE seen (n int)"))
    based.revision(
        "c3",
        "b2",
        up="""
            first = op.get_bind().exec_driver_sql("SELECT count(*) FROM seen").scalar() == 0
            op.execute("INSERT INTO seen VALUES (1)")
            op.create_table("once" if first else "twice")
        """,
        undo="op.execute('DROP TABLE IF EXISTS once, twice')",
    )
    found = await check_round_trip(database, "c3")
    assert [str(each)[:1] for each in found.after_second_upgrade] == ["-", "+"]
    assert not found.ok


async def test_an_irreversible_revision_is_skipped_and_says_why(
    based: ScratchProject, database: DatabaseURL
) -> None:
    based.revision(
        "b2",
        "a1",
        up=executes("ALTER TABLE t DROP s"),
        undo='raise NotImplementedError("the column is gone")',
        extra='irreversible = "the texts are not kept"',
    )
    found = await check_round_trip(database, "b2")
    assert found.ok
    assert str(found) == "b2 is irreversible: the texts are not kept"


async def test_a_downgrade_that_fails_is_told_as_such(
    based: ScratchProject, database: DatabaseURL
) -> None:
    based.revision("b2", "a1", up=executes(NOTHING), undo=executes("DROP TABLE not_there"))
    with pytest.raises(MigrationError, match=r'b2\.py, line \d+: table "not_there" does not exist'):
        await check_round_trip(database, "b2")


@pytest.fixture
def forked(project: ScratchProject) -> ScratchProject:
    """A history that parts in two and is merged: a1, then b2 and c3, then d4."""
    downs: dict[str, str | tuple[str, ...] | None] = {
        "a1": None,
        "b2": "a1",
        "c3": "a1",
        "d4": ("b2", "c3"),
    }
    for name, down in downs.items():
        up, undo = executes(f"CREATE TABLE {name} ()"), executes(f"DROP TABLE {name}")
        project.revision(name, down, up=up, undo=undo)
    return project


def test_revisions_come_after_those_that_they_build_on(forked: ScratchProject) -> None:
    order = [script.revision for script in revisions_in_order()]
    assert order[0] == "a1"
    assert sorted(order[1:3]) == ["b2", "c3"]
    assert order[3] == "d4"
    assert ancestors("d4") == {"a1", "b2", "c3"}
    assert ancestors("b2") == {"a1"}


@pytest.fixture
def fixture_check(databases: TestDatabases) -> Iterator[Callable[[str], RoundTrip]]:
    """What the plugin's fixture `round_trip` hands to a test."""
    generator = round_trip.__wrapped__(databases)  # type: ignore[attr-defined]
    yield next(generator)
    assert next(generator, None) is None, "what follows the tests drops the database"


@pytest.mark.parametrize("order", ["a1 b2 c3 d4", "c3 a1 b2 d4", "d4 c3 b2 a1"])
def test_a_history_of_branches_is_checked_in_any_order(
    forked: ScratchProject, fixture_check: Callable[[str], RoundTrip], order: str
) -> None:
    for revision in order.split():
        found = fixture_check(revision)
        assert found.ok, str(found)


def test_a_wrong_revision_does_not_fail_those_after_it(
    forked: ScratchProject, fixture_check: Callable[[str], RoundTrip]
) -> None:
    forked.revision("b2", "a1", up=executes("CREATE TABLE b2 ()"))
    outcomes = {revision: fixture_check(revision).ok for revision in ("a1", "b2", "c3", "d4")}
    assert outcomes == {"a1": True, "b2": False, "c3": True, "d4": True}
