"""What a statement of SQL is, whatever its case, its comments and its quotes."""

from dataclasses import fields

import pytest
from alembic_neon.engine.sql_statement import SqlStatement, read_statements


def read(sql: str) -> SqlStatement:
    """Return the only statement in a text."""
    (statement,) = read_statements(sql)
    return statement


@pytest.mark.parametrize(
    "written",
    [
        "{sql}",
        "  {sql} ;",
        "-- DROP TABLE a;\n{sql} -- CONCURRENTLY",
        "/* one /* and */ ; */ {sql} /* two */;",
    ],
    ids=["plain", "spaces", "line comments", "nested comments"],
)
@pytest.mark.parametrize(
    "change", [str, str.lower, str.swapcase], ids=["as is", "lower", "swapped"]
)
@pytest.mark.parametrize(
    ("sql", "verb", "object_type", "names"),
    [
        ("CREATE TABLE t (a int)", "CREATE", "TABLE", "t"),
        ("CREATE TEMP TABLE IF NOT EXISTS s.t AS SELECT 1", "CREATE", "TABLE", "s.t"),
        ("DROP TABLE IF EXISTS a, s.b CASCADE", "DROP", "TABLE", "a s.b"),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", "CREATE", "VIEW", "v"),
        ("DROP MATERIALIZED VIEW v", "DROP", "MATERIALIZED VIEW", "v"),
        ("CREATE FOREIGN DATA WRAPPER w", "CREATE", "FOREIGN DATA WRAPPER", "w"),
        ("DROP TEXT SEARCH CONFIGURATION c", "DROP", "TEXT SEARCH CONFIGURATION", "c"),
        ("ALTER TABLE ONLY t ADD COLUMN a int", "ALTER", "TABLE", "t"),
        ("COMMENT ON COLUMN t.a IS $$it's$$", "COMMENT", "COLUMN", "t.a"),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "CREATE", "INDEX", "i"),
        ("REINDEX TABLE CONCURRENTLY t", "REINDEX", "TABLE", "t"),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "REFRESH", "MATERIALIZED VIEW", "v"),
        ("TRUNCATE TABLE ONLY a, b CASCADE", "TRUNCATE", "", "a b"),
        ("DO $$ BEGIN DROP TABLE t; END $$", "DO", "", ""),
        ("WITH d AS (SELECT 1) INSERT INTO t SELECT * FROM d", "INSERT", "", "t"),
    ],
)
def test_a_statement_has_a_verb_a_type_and_names(
    sql: str, verb: str, object_type: str, names: str, change: type[str], written: str
) -> None:
    statement = read(written.format(sql=change(sql)))
    assert (statement.verb, statement.object_type) == (verb, object_type)
    assert " ".join(name.plain for name in statement.names) == names
    assert statement.text == change(sql)


@pytest.mark.parametrize(
    ("sql", "written", "parts"),
    [
        ("DROP TABLE A.b", "A.b", ("a", "b")),
        ('DROP TABLE "A" . "b.""c"""', '"A"."b.""c"""', ("A", 'b."c"')),
        ('DROP TABLE "a;b", c', '"a;b"', ("a;b",)),
        ("DROP TABLE größe", "größe", ("größe",)),
    ],
)
def test_a_name_is_kept_as_it_is_written_and_as_it_is_stored(
    sql: str, written: str, parts: tuple[str, ...]
) -> None:
    name = read(sql).names[0]
    assert (name.sql, name.parts) == (written, parts)


def test_what_follows_a_name_is_found_in_the_text() -> None:
    statement = read('-- it\ncreate index "I" on s . "T" /* ( */ using btree (a)')
    assert statement.table is not None
    assert (statement.names[0].plain, statement.table.plain) == ("I", "s.T")
    assert statement.text[statement.table.end :] == " /* ( */ using btree (a)"


@pytest.mark.parametrize(
    ("sql", "is_concurrent", "is_outside"),
    [
        ("CREATE INDEX CONCURRENTLY ON t (a)", True, True),
        ("CREATE INDEX concurrently i ON t (a)", True, True),
        ('CREATE INDEX "CONCURRENTLY" ON t (a)', False, False),
        ("CREATE INDEX i ON t (a) WHERE b = 'CONCURRENTLY'", False, False),
        ("DROP /* now */ INDEX CONCURRENTLY IF EXISTS i", True, True),
        ("REINDEX (VERBOSE, CONCURRENTLY) TABLE t", True, True),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", True, True),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", True, False),
        ("SELECT 1 -- CONCURRENTLY", False, False),
    ],
)
def test_what_works_concurrently_says_so_outside_of_quotes(
    sql: str, is_concurrent: bool, is_outside: bool
) -> None:
    statement = read(sql)
    assert statement.is_concurrent is is_concurrent
    assert statement.runs_outside_transaction is is_outside


@pytest.mark.parametrize(
    ("sql", "is_conditional"),
    [
        ("DROP INDEX CONCURRENTLY IF EXISTS i", True),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", True),
        ("DROP TABLE if exists t", True),
        ('DROP TABLE "if"', False),
        ("ALTER TABLE t DROP COLUMN IF EXISTS a", False),  # that of the action
    ],
)
def test_a_condition_is_that_of_the_object(sql: str, is_conditional: bool) -> None:
    assert read(sql).is_conditional is is_conditional


@pytest.mark.parametrize(
    ("sql", "controls"),
    [
        ("COMMIT", True),
        ("commit /* it */ and chain", True),
        ("END TRANSACTION", True),
        ("ROLLBACK", True),
        ("Abort", True),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE", True),
        ("START TRANSACTION", True),
        ("PREPARE TRANSACTION 'x'", True),
        ("COMMIT PREPARED 'x'", False),
        ("ROLLBACK PREPARED 'x'", False),
        ("ROLLBACK WORK TO SAVEPOINT s", False),
        ("rollback to s", False),
        ("SAVEPOINT s", False),
        ("RELEASE s", False),
        ("PREPARE p AS SELECT 1", False),
        ("SELECT 'COMMIT'", False),
        ("DO $$ BEGIN COMMIT; END $$", False),
    ],
)
def test_what_begins_or_ends_a_transaction_is_known(sql: str, controls: bool) -> None:
    assert read(sql).controls_transaction is controls


@pytest.mark.parametrize(
    ("sql", "is_setting"),
    [
        ("SET lock_timeout = '1s'", True),
        ("set local work_mem to '1MB'", True),
        ("RESET ALL", True),
        ("SHOW search_path", True),
        ("SET CONSTRAINTS ALL IMMEDIATE", False),
        ("SELECT set_config('a', '(', false)", True),
        (
            "SELECT pg_catalog.set_config('search_path', '', false), set_config('a', 'b', true)",
            True,
        ),
        ("SELECT set_config('a', pg_sleep(1)::text, false)", False),
        ("SELECT set_config('a', 'b', false), pg_sleep(1)", False),
        ("SELECT set_config('a', 'b', false) FROM f()", False),
        ("SELECT", False),
    ],
)
def test_what_only_sets_is_a_setting(sql: str, is_setting: bool) -> None:
    assert read(sql).is_setting is is_setting


@pytest.mark.parametrize(
    ("sql", "is_read"),
    [
        ("SELECT a FROM t WHERE b = 'FOR UPDATE'", True),
        ("VALUES (1)", True),
        ("TABLE t", True),
        ("SELECT a FROM t FOR SHARE", True),
        ("SELECT a FROM t for /* no */ update", False),
        ("SELECT a FROM t FOR NO KEY UPDATE", False),
        ("SELECT a INTO u FROM t", False),
        ("WITH d AS (SELECT 1) SELECT * FROM d", True),
        ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", False),
        ("INSERT INTO t VALUES (1)", False),
    ],
)
def test_what_only_reads_is_a_read(sql: str, is_read: bool) -> None:
    assert read(sql).is_read is is_read


@pytest.mark.parametrize(
    ("sql", "whole"),
    [
        ("UPDATE t SET a = (SELECT b FROM u WHERE u.id = t.id)", True),
        ("UPDATE t SET a = 'WHERE'", True),
        ("UPDATE t SET a = E'\\' WHERE'", True),
        ("UPDATE t SET a = 1 -- WHERE", True),
        ("UPDATE t SET a = 1 /* all */ WHERE id = 1", False),
        ('WITH x AS (SELECT 1 WHERE true) UPDATE "T" SET a = 1', True),
        ("DELETE FROM t USING u WHERE u.id = t.id", False),
        ("SELECT 1 FROM t FOR UPDATE", False),
        ("CREATE TRIGGER x BEFORE UPDATE ON t EXECUTE FUNCTION f()", False),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u ON UPDATE CASCADE", False),
        ("INSERT INTO t SELECT 1 ON CONFLICT (id) DO UPDATE SET a = 1", False),
        ("SELECT $x$ UPDATE t SET a = 1 $x$", False),
    ],
)
def test_a_whole_table_is_written_where_the_statement_has_no_where(sql: str, whole: bool) -> None:
    assert read(sql).writes_whole_table is whole


@pytest.mark.parametrize(
    ("sql", "writes"),
    [
        ('DELETE FROM ONLY "s" . "T" WHERE a', "DELETE s.T"),
        ("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", "MERGE t"),
        (
            "WITH d AS MATERIALIZED (DELETE FROM a RETURNING *) INSERT INTO b TABLE d",
            "DELETE a INSERT b",
        ),
        ("WITH d (x) AS (WITH e AS (UPDATE a SET b = 1) SELECT 1) SELECT 1", "UPDATE a"),
        ("GRANT INSERT ON t TO r", ""),
    ],
)
def test_the_tables_that_are_written_to_are_named(sql: str, writes: str) -> None:
    found = [each for each in read(sql).with_nested() if each.is_write]
    assert " ".join(f"{each.verb} {each.table and each.table.plain}" for each in found) == writes


def test_an_alter_table_is_its_actions() -> None:
    sql = 'ALTER TABLE t ADD CONSTRAINT c CHECK (a, b), VALIDATE CONSTRAINT "D", DROP a'
    assert read(sql).actions == (
        ("ADD", "CONSTRAINT", "C", "CHECK"),
        ("VALIDATE", "CONSTRAINT", ""),
        ("DROP", "A"),
    )


@pytest.mark.parametrize(
    ("sql", "drops"),
    [
        ("DROP TABLE a, b cascade", True),
        ("ALTER TABLE t ADD a int, DROP COLUMN b CASCADE", True),
        ("ALTER TYPE t DROP ATTRIBUTE a CASCADE", True),
        ("DROP TABLE a RESTRICT", False),
        ('DROP TABLE "CASCADE"', False),
        ("ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES u ON DELETE CASCADE", False),
        ("TRUNCATE t CASCADE", False),
    ],
)
def test_a_drop_with_cascade_takes_along_what_it_does_not_name(sql: str, drops: bool) -> None:
    assert read(sql).drops_dependents is drops


@pytest.mark.parametrize("sql", ["", " ; ", "-- a", "/* a"])
def test_a_text_without_statements_has_none(sql: str) -> None:
    assert read_statements(sql) == ()


@pytest.mark.parametrize(
    "sql", ["(", "1", "'", "DROP", "DROP TABLE", "CREATE INDEX ON", "WITH", ")", "a."]
)
def test_what_is_no_statement_is_refused_by_the_server_and_not_here(sql: str) -> None:
    assert read(sql).text == sql
    assert all(hasattr(read(sql), each.name) for each in fields(SqlStatement))


@pytest.mark.parametrize(
    ("sql", "partition"),
    [
        ('ALTER TABLE IF EXISTS ONLY s.t DETACH /* it */ PARTITION s."P" CONCURRENTLY', "s.P"),
        ("ALTER TABLE t ATTACH PARTITION p FOR VALUES IN (1)", None),
        ("ALTER TABLE t DROP COLUMN detach", None),
    ],
)
def test_a_detached_partition_is_named(sql: str, partition: str | None) -> None:
    found = read(sql).partition
    assert (found and found.plain) == partition
