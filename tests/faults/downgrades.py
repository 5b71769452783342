"""Wrong downgrades: what an upgrade does, what its downgrade does, and the object that differs."""

from dataclasses import dataclass
from typing import Final

Statements = tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """A revision on top of the base schema whose downgrade is wrong.

    `object` is what the report must name. `before` are statements of the base revision that only
    this fault needs.
    """

    up: str | Statements
    down: str | Statements
    object: str
    before: Statements = ()
    as_superuser: bool = False


_NOTHING: Final = ()
_CHECK: Final = "ALTER TABLE t DROP CONSTRAINT ck"
_FK: Final = "ALTER TABLE t DROP CONSTRAINT fk"

# The kinds of wrong downgrade in which pytest-alembic was measured: it found one of them.
KNOWN_FAULTS: Final = {
    "nullable": Fault("ALTER TABLE t ALTER n DROP NOT NULL", _NOTHING, "column public.t.n"),
    "default": Fault("ALTER TABLE t ALTER n DROP DEFAULT", _NOTHING, "column public.t.n"),
    "type": Fault(
        "ALTER TABLE t ALTER s TYPE varchar(120)",
        "ALTER TABLE t ALTER s TYPE text",
        "column public.t.s",
    ),
    "column left": Fault("ALTER TABLE t ADD c int", _NOTHING, "column public.t.c"),
    "table left": Fault("CREATE TABLE more ()", _NOTHING, "table public.more"),
    "check changed": Fault(
        _CHECK, "ALTER TABLE t ADD CONSTRAINT ck CHECK (n <> 8 OR n = 8)", "constraint public.t.ck"
    ),
    "check left": Fault(
        "ALTER TABLE t ADD CONSTRAINT new CHECK (z IS NOT NULL)",
        _NOTHING,
        "constraint public.t.new",
    ),
    "function body": Fault(
        "CREATE OR REPLACE FUNCTION g(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i + 2'",
        _NOTHING,
        "function public.g",
    ),
    "enum type left": Fault(
        ("CREATE TYPE size AS ENUM ('s', 'l')", "ALTER TABLE t ADD size size"),
        "ALTER TABLE t DROP size",
        "public.size",
    ),
    "enum value left": Fault("ALTER TYPE mood ADD VALUE 'new'", _NOTHING, "public.mood"),
    "index left": Fault("CREATE INDEX more ON t (z)", _NOTHING, "index public.more"),
    "index uniqueness": Fault(
        "DROP INDEX ux",
        "CREATE INDEX ux ON t (id, n)",
        "index public.ux",
        ("CREATE UNIQUE INDEX ux ON t (id, n)",),
    ),
    "index predicate": Fault("DROP INDEX ix", "CREATE INDEX ix ON t (n)", "index public.ix"),
    "index method": Fault(
        "DROP INDEX ix", "CREATE INDEX ix ON t USING hash (n) WHERE n > 5", "index public.ix"
    ),
    "foreign key option": Fault(
        _FK,
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parents",
        "constraint public.t.fk",
    ),
    "sequence": Fault("CREATE SEQUENCE more", _NOTHING, "sequence public.more"),
    "view": Fault(
        "CREATE OR REPLACE VIEW seen AS SELECT id, n FROM t WHERE n > 1", _NOTHING, "public.seen"
    ),
    "row security": Fault("ALTER TABLE t ENABLE ROW LEVEL SECURITY", _NOTHING, "public.t"),
    "extension": Fault("CREATE EXTENSION vector", _NOTHING, "extension vector", as_superuser=True),
    "other schema": Fault("CREATE TABLE other.more ()", _NOTHING, "table other.more"),
    "comment": Fault("COMMENT ON TABLE t IS 'better things'", _NOTHING, "public.t"),
    "column order": Fault(
        "ALTER TABLE counted DROP note",
        "ALTER TABLE counted ADD note text CHECK (note IS NULL)",
        "public.counted.note",
        ("ALTER TABLE counted ADD note text CHECK (note IS NULL), ADD last int",),
    ),
    "data lost": Fault(
        "ALTER TABLE parents DROP extra", "ALTER TABLE parents ADD extra text", "public.parents"
    ),
}

MORE_FAULTS: Final = {
    "trigger left": Fault(
        "CREATE TRIGGER more BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        _NOTHING,
        "trigger public.t.more",
    ),
    "trigger off": Fault("ALTER TABLE t DISABLE TRIGGER tr", _NOTHING, "trigger public.t.tr"),
    "trigger event": Fault(
        "DROP TRIGGER tr ON t",
        "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "trigger public.t.tr",
    ),
    "policy lost": Fault("DROP POLICY pol ON t", _NOTHING, "policy public.t.pol"),
    "policy condition": Fault(
        "ALTER POLICY pol ON t USING (n > 1)", _NOTHING, "policy public.t.pol"
    ),
    "row security forced": Fault("ALTER TABLE t FORCE ROW LEVEL SECURITY", _NOTHING, "public.t"),
    "privilege left": Fault("GRANT SELECT ON t TO PUBLIC", _NOTHING, "public.t"),
    "privilege on a column": Fault("GRANT SELECT (n) ON t TO PUBLIC", _NOTHING, "public.t"),
    "privilege on a function": Fault(
        "REVOKE EXECUTE ON FUNCTION g(int) FROM PUBLIC", _NOTHING, "public.g"
    ),
    "privilege on a schema": Fault("GRANT USAGE ON SCHEMA other TO PUBLIC", _NOTHING, "other"),
    "default privilege": Fault(
        "ALTER DEFAULT PRIVILEGES IN SCHEMA other GRANT SELECT ON TABLES TO PUBLIC",
        _NOTHING,
        "default privileges",
    ),
    "domain left": Fault("CREATE DOMAIN more AS text", _NOTHING, "domain public.more"),
    "domain default": Fault("ALTER DOMAIN amount SET DEFAULT 3", _NOTHING, "domain public.amount"),
    "domain check": Fault(
        "ALTER DOMAIN amount ADD CONSTRAINT more CHECK (VALUE IS NOT NULL OR VALUE IS NULL)",
        _NOTHING,
        "public.amount",
    ),
    "partition left": Fault(
        "CREATE TABLE parted_rest PARTITION OF parted DEFAULT", _NOTHING, "public.parted_rest"
    ),
    "partition detached": Fault(
        "ALTER TABLE parted DETACH PARTITION parted_low", _NOTHING, "public.parted_low"
    ),
    "partition bound": Fault(
        "ALTER TABLE parted DETACH PARTITION parted_low",
        "ALTER TABLE parted ATTACH PARTITION parted_low DEFAULT",
        "public.parted_low",
    ),
    "identity kind": Fault(
        "ALTER TABLE counted ALTER id SET GENERATED ALWAYS", _NOTHING, "column public.counted.id"
    ),
    "identity lost": Fault(
        "ALTER TABLE counted ALTER id DROP IDENTITY", _NOTHING, "column public.counted.id"
    ),
    "identity increment": Fault(
        "ALTER TABLE counted ALTER id SET INCREMENT 5", _NOTHING, "public.counted"
    ),
    "generated column made plain": Fault(
        "ALTER TABLE counted ALTER twice DROP EXPRESSION",
        _NOTHING,
        "column public.counted.twice",
    ),
    "collation of a column": Fault(
        'ALTER TABLE t ALTER s TYPE varchar(100) COLLATE "C"', _NOTHING, "column public.t.s"
    ),
    "collation left": Fault(
        "CREATE COLLATION mine (provider = libc, locale = 'C')", _NOTHING, "collation public.mine"
    ),
    "statistics left": Fault(
        "CREATE STATISTICS more ON s, note FROM t", _NOTHING, "statistics public.more"
    ),
    "statistics target": Fault(
        "ALTER TABLE t ALTER n SET STATISTICS 500", _NOTHING, "column public.t.n"
    ),
    "storage": Fault(
        "ALTER TABLE t ALTER note SET STORAGE EXTERNAL", _NOTHING, "column public.t.note"
    ),
    "storage options": Fault("ALTER TABLE t SET (fillfactor = 70)", _NOTHING, "public.t"),
    "persistence": Fault("ALTER TABLE counted SET UNLOGGED", _NOTHING, "public.counted"),
    "replica identity": Fault("ALTER TABLE t REPLICA IDENTITY FULL", _NOTHING, "public.t"),
    "inheritance": Fault(
        ("CREATE TABLE old_parents () INHERITS (parents)",), _NOTHING, "public.old_parents"
    ),
    "rule lost": Fault("DROP RULE quiet ON parents", _NOTHING, "rule public.parents.quiet"),
    "publication left": Fault("CREATE PUBLICATION news FOR TABLE t", _NOTHING, "publication news"),
    "materialized view": Fault(
        "DROP MATERIALIZED VIEW kept",
        "CREATE MATERIALIZED VIEW kept AS SELECT count(n) AS c FROM t",
        "public.kept",
    ),
    "aggregate": Fault(
        "DROP AGGREGATE total(int)",
        "CREATE AGGREGATE total(int) (sfunc = int4pl, stype = int, initcond = '1')",
        "public.total",
    ),
    "procedure": Fault(
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS 'SELECT 2'", _NOTHING, "public.p"
    ),
    "function made volatile": Fault(
        "ALTER FUNCTION g(int) VOLATILE", _NOTHING, "function public.g"
    ),
    "function overloaded": Fault(
        "CREATE FUNCTION g(i text) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        _NOTHING,
        "function public.g",
    ),
    "range type left": Fault(
        "CREATE TYPE more AS RANGE (subtype = numeric)", _NOTHING, "public.more"
    ),
    "composite type": Fault("ALTER TYPE pair ADD ATTRIBUTE c int", _NOTHING, "public.pair"),
    "exclusion left": Fault(
        "ALTER TABLE parents ADD CONSTRAINT apart EXCLUDE (id WITH =)",
        _NOTHING,
        "constraint public.parents.apart",
    ),
    "deferrable": Fault(
        "ALTER TABLE t ALTER CONSTRAINT fk DEFERRABLE", _NOTHING, "constraint public.t.fk"
    ),
    "not valid": Fault(
        _FK,
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (parent_id) REFERENCES parents "
        "ON DELETE CASCADE NOT VALID",
        "constraint public.t.fk",
    ),
    "constraint renamed": Fault(
        _CHECK, "ALTER TABLE t ADD CONSTRAINT other CHECK (n <> 7)", "constraint public.t.ck"
    ),
    "index columns included": Fault(
        "DROP INDEX ix", "CREATE INDEX ix ON t (n) INCLUDE (z) WHERE n > 5", "index public.ix"
    ),
    "index order": Fault(
        "DROP INDEX ix_note", "CREATE INDEX ix_note ON t (note DESC)", "index public.ix_note"
    ),
    "index clustered on": Fault("ALTER TABLE t CLUSTER ON ix_note", _NOTHING, "public.ix_note"),
    "nulls not distinct": Fault(
        "ALTER TABLE parents DROP CONSTRAINT parents_code_key",
        "ALTER TABLE parents ADD UNIQUE NULLS NOT DISTINCT (code)",
        "constraint public.parents.parents_code_key",
    ),
    "sequence increment": Fault(
        "ALTER SEQUENCE numbers INCREMENT 2", _NOTHING, "sequence public.numbers"
    ),
    "view option": Fault("ALTER VIEW seen SET (security_barrier = true)", _NOTHING, "public.seen"),
    "comment on a column": Fault("COMMENT ON COLUMN t.n IS 'a number'", _NOTHING, "public.t.n"),
    "comment on a constraint": Fault(
        "COMMENT ON CONSTRAINT ck ON t IS 'not seven'", _NOTHING, "public.t"
    ),
    "cast left": Fault("CREATE CAST (pair AS text) WITH INOUT", _NOTHING, "cast"),
    "operator left": Fault(
        "CREATE OPERATOR public.=== (leftarg = int, rightarg = int, function = int4eq)",
        _NOTHING,
        "operator public.===",
    ),
    "enum order": Fault(
        ("ALTER TABLE t ALTER m TYPE text", "DROP TYPE mood"),
        (
            "CREATE TYPE mood AS ENUM ('bad', 'ok')",
            "ALTER TABLE t ALTER m TYPE mood USING m::mood",
        ),
        "public.mood",
    ),
    "schema left": Fault("CREATE SCHEMA more", _NOTHING, "schema more"),
    "table moved": Fault("ALTER TABLE counted SET SCHEMA other", _NOTHING, "table public.counted"),
    "rows deleted": Fault("DELETE FROM counted", _NOTHING, "public.counted"),
    "rows of a dropped table": Fault(
        "DROP TABLE other.far",
        "CREATE TABLE other.far (id int PRIMARY KEY, s text)",
        "other.far",
    ),
    "values cut short": Fault(
        "UPDATE parents SET code = left(code, 1) || id", _NOTHING, "public.parents"
    ),
    "values made null": Fault("UPDATE t SET m = NULL", _NOTHING, "public.t"),
    "values through a narrower type": Fault(
        "ALTER TABLE t ALTER big TYPE int USING (big % 1000)::int",
        "ALTER TABLE t ALTER big TYPE bigint",
        "public.t",
    ),
}
FAULTS: Final = KNOWN_FAULTS | MORE_FAULTS
