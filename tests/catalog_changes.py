"""Changes of a schema, made at random by seed: every kind of object, every way to change it.

A grammar, not a list of cases: each statement names objects at random out of a few, so that what one
made the next alters, and what does not fit is refused by PostgreSQL and passed over.
"""

# ruff: noqa: E501 - a statement a line reads better than a tidy margin

import random
from collections.abc import Iterator
from typing import Final

ROLES: Final = ("alice", "bob")
MAKE_ROLES: Final = "".join(f"CREATE ROLE {role};" for role in ROLES)

_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "table": ("t0", "t1", "other.t2", "parted", "part0", "child", '"Odd.Table"', "seen", "kept"),
    "plain": ("t0", "t1", "other.t2"),
    "new_table": ("t0", "t1", "t9", '"Odd.Table"'),
    "column": ("a", "b", "c", "d", '"Odd"'),
    "type": (
        "int", "bigint", "text", "varchar(5)", "numeric(6, 2)", "jsonb", "timestamptz", "mood",
        "mood[]", "positive", "pair", "t1", "span", "int[]", "other.feel",
    ),
    "role": (*ROLES, "PUBLIC"),
    "owner": (*ROLES, "postgres"),
    "schema": ("public", "other", "third"),
    "new_schema": ("other", "third", "fourth"),
    "index": ("i0", "i1", "t0_pkey", "other.i2", "parted_ix", "part0_ix"),
    "new_index": ("i0", "i1", "i3"),
    "view": ("seen", "over", "other.far"),
    "function": ("f(int)", "g(mood)", "h(t0)", "p(int)", "w(int)"),
    "enum": ("mood", "other.feel"),
    "value": ("'ok'", "'good'", "'bad'", "'new'"),
    "number": ("1", "2", "3", "10"),
    "text": ("'one'", "'two '", "'it''s'", "NULL", "E'a\\nb'", "'ü'"),
    "sequence": ("s0", "s1", "ident_id_seq"),
    "privilege": ("SELECT", "INSERT", "UPDATE", "ALL", "TRIGGER", "SELECT (a)", "UPDATE (a, b)"),
    "constraint": ("k0", "k1", "t0_pkey", "t1_a_not_null"),
    "trigger": ("tr0", "tr1"),
    "state": ("ENABLE", "DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"),
    "grantable": ("", "", " WITH GRANT OPTION"),
    "publication": ("pub0", "pub1"),
    "dictionary": ("dict", "pg_catalog.simple"),
    "on_off": ("true", "false"),
}  # fmt: skip

_STATEMENTS: Final[dict[str, str]] = {
    "schema": """
        CREATE SCHEMA {new_schema}
        DROP SCHEMA {new_schema} CASCADE
        ALTER SCHEMA {new_schema} RENAME TO {new_schema}
        ALTER SCHEMA {schema} OWNER TO {owner}
        GRANT USAGE ON SCHEMA {schema} TO {role}{grantable}
        REVOKE ALL ON SCHEMA {schema} FROM {role}
        COMMENT ON SCHEMA {schema} IS {text}
    """,
    "table": """
        CREATE TABLE {new_table} (a int, b text DEFAULT 'x', c {type})
        CREATE UNLOGGED TABLE {new_table} (a int PRIMARY KEY, b {type} NOT NULL)
        CREATE TABLE {new_table} (LIKE t0 INCLUDING ALL)
        CREATE TABLE {new_table} OF pair
        CREATE TABLE other.t2 (a int REFERENCES t0, b text COLLATE "C", c mood DEFAULT 'ok')
        CREATE TABLE child (d int) INHERITS (t1)
        CREATE TABLE part1 PARTITION OF parted FOR VALUES FROM (10) TO (20)
        CREATE TABLE ident (id int GENERATED ALWAYS AS IDENTITY, n int)
        CREATE TABLE alembic_other (a serial)
        DROP TABLE {table} CASCADE
        DROP TABLE part1
        ALTER TABLE {plain} RENAME TO t9
        ALTER TABLE t9 RENAME TO t0
        ALTER TABLE {table} SET SCHEMA {schema}
        ALTER TABLE {table} OWNER TO {owner}
        ALTER TABLE {plain} SET (fillfactor = {number}0)
        ALTER TABLE {plain} SET (toast.autovacuum_enabled = {on_off})
        ALTER TABLE {plain} RESET (fillfactor, toast.autovacuum_enabled)
        ALTER TABLE {plain} SET UNLOGGED
        ALTER TABLE {plain} SET LOGGED
        ALTER TABLE {table} ENABLE ROW LEVEL SECURITY
        ALTER TABLE {table} DISABLE ROW LEVEL SECURITY
        ALTER TABLE {table} FORCE ROW LEVEL SECURITY
        ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY
        ALTER TABLE {table} REPLICA IDENTITY FULL
        ALTER TABLE {table} REPLICA IDENTITY NOTHING
        ALTER TABLE {table} REPLICA IDENTITY DEFAULT
        ALTER TABLE {table} REPLICA IDENTITY USING INDEX {index}
        ALTER TABLE {plain} CLUSTER ON {index}
        ALTER TABLE {plain} SET WITHOUT CLUSTER
        ALTER TABLE child NO INHERIT t1
        ALTER TABLE child INHERIT t1
        ALTER TABLE {new_table} NOT OF
        ALTER TABLE parted DETACH PARTITION part0
        ALTER TABLE parted ATTACH PARTITION part0 FOR VALUES FROM ({number}) TO (10)
        ALTER TABLE parted ATTACH PARTITION part0 DEFAULT
        COMMENT ON TABLE {table} IS {text}
        GRANT {privilege} ON {table} TO {role}{grantable}
        REVOKE {privilege} ON {table} FROM {role} CASCADE
        REVOKE GRANT OPTION FOR SELECT ON {table} FROM {role} CASCADE
    """,
    "column": """
        ALTER TABLE {table} ADD {column} {type}
        ALTER TABLE {table} ADD {column} {type} NOT NULL DEFAULT {text}
        ALTER TABLE {plain} ADD {column} int GENERATED ALWAYS AS (a + {number}) STORED
        ALTER TABLE {plain} ADD {column} int GENERATED ALWAYS AS (a + {number}) VIRTUAL
        ALTER TABLE {plain} ADD {column} serial
        ALTER TABLE {table} DROP {column}
        ALTER TABLE {table} DROP {column} CASCADE
        ALTER TABLE {table} RENAME {column} TO {column}
        ALTER TABLE {table} ALTER {column} TYPE {type} USING NULL
        ALTER TABLE {table} ALTER {column} TYPE text COLLATE "C"
        ALTER TABLE {table} ALTER {column} SET DEFAULT {number}
        ALTER TABLE {table} ALTER {column} SET DEFAULT f({number})
        ALTER TABLE {table} ALTER {column} DROP DEFAULT
        ALTER TABLE {table} ALTER {column} SET NOT NULL
        ALTER TABLE {table} ALTER {column} DROP NOT NULL
        ALTER TABLE {plain} ALTER {column} ADD GENERATED ALWAYS AS IDENTITY (START {number})
        ALTER TABLE {plain} ALTER {column} SET GENERATED BY DEFAULT
        ALTER TABLE ident ALTER id SET INCREMENT {number}
        ALTER TABLE {plain} ALTER {column} DROP IDENTITY
        ALTER TABLE {plain} ALTER {column} DROP EXPRESSION
        ALTER TABLE {plain} ALTER {column} SET EXPRESSION AS (a * {number})
        ALTER TABLE {table} ALTER {column} SET STORAGE EXTERNAL
        ALTER TABLE {table} ALTER {column} SET STORAGE MAIN
        ALTER TABLE {table} ALTER {column} SET COMPRESSION pglz
        ALTER TABLE {table} ALTER {column} SET COMPRESSION default
        ALTER TABLE {table} ALTER {column} SET STATISTICS {number}
        ALTER TABLE {table} ALTER {column} SET STATISTICS -1
        ALTER TABLE {table} ALTER {column} SET (n_distinct = -0.{number})
        ALTER TABLE {table} ALTER {column} RESET (n_distinct)
        COMMENT ON COLUMN {table}.{column} IS {text}
    """,
    "constraint": """
        ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK (a > {number})
        ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK (a > {number}) NOT VALID
        ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK (a > {number}) NO INHERIT
        ALTER TABLE {table} ADD CONSTRAINT {constraint} CHECK (a > {number}) NOT ENFORCED
        ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE (a, b)
        ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE (a) DEFERRABLE INITIALLY DEFERRED
        ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE NULLS NOT DISTINCT (b)
        ALTER TABLE {table} ADD CONSTRAINT {constraint} PRIMARY KEY (a) INCLUDE (b)
        ALTER TABLE {table} ADD CONSTRAINT {constraint} PRIMARY KEY (a)
        ALTER TABLE {table} ADD CONSTRAINT {constraint} FOREIGN KEY (a) REFERENCES t0
        ALTER TABLE {table} ADD CONSTRAINT {constraint} FOREIGN KEY (a) REFERENCES t0 ON DELETE SET NULL (a) NOT VALID
        ALTER TABLE {table} ADD CONSTRAINT {constraint} FOREIGN KEY (a) REFERENCES t0 (a) MATCH FULL ON UPDATE CASCADE DEFERRABLE
        ALTER TABLE {table} ADD CONSTRAINT {constraint} EXCLUDE USING gist (int4range(a, b::int) WITH &&) WHERE (a > 0)
        ALTER TABLE {table} ADD CONSTRAINT {constraint} EXCLUDE (a WITH =)
        ALTER TABLE {table} ADD CONSTRAINT {constraint} NOT NULL {column}
        ALTER TABLE {table} ADD CONSTRAINT {constraint} NOT NULL {column} NO INHERIT
        ALTER TABLE {table} ADD CONSTRAINT {constraint} NOT NULL {column} NOT VALID
        ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE USING INDEX {index}
        ALTER TABLE {table} ALTER CONSTRAINT {constraint} DEFERRABLE INITIALLY DEFERRED
        ALTER TABLE {table} ALTER CONSTRAINT {constraint} NOT DEFERRABLE
        ALTER TABLE {table} ALTER CONSTRAINT {constraint} NOT ENFORCED
        ALTER TABLE {table} ALTER CONSTRAINT {constraint} ENFORCED
        ALTER TABLE {table} VALIDATE CONSTRAINT {constraint}
        ALTER TABLE {table} RENAME CONSTRAINT {constraint} TO {constraint}
        ALTER TABLE {table} DROP CONSTRAINT {constraint}
        ALTER TABLE {table} DROP CONSTRAINT {constraint} CASCADE
        COMMENT ON CONSTRAINT {constraint} ON {table} IS {text}
    """,
    "index": """
        CREATE INDEX {new_index} ON {table} ({column})
        CREATE UNIQUE INDEX {new_index} ON {table} (a) INCLUDE (b)
        CREATE INDEX {new_index} ON {table} (lower(b) text_pattern_ops DESC NULLS LAST) WHERE a > {number}
        CREATE INDEX {new_index} ON {table} USING hash ({column}) WITH (fillfactor = {number}0)
        CREATE INDEX {new_index} ON {table} (a, b COLLATE "C")
        CREATE INDEX {new_index} ON ONLY parted (b)
        CREATE INDEX part0_ix ON part0 (b)
        ALTER INDEX {index} ATTACH PARTITION part0_ix
        ALTER INDEX {index} RENAME TO {new_index}
        ALTER INDEX {index} SET (fillfactor = {number}0)
        ALTER INDEX {index} ALTER COLUMN 1 SET STATISTICS {number}00
        DROP INDEX {index}
        DROP INDEX {index} CASCADE
        COMMENT ON INDEX {index} IS {text}
        CREATE STATISTICS st{number} ON a, b FROM {plain}
        CREATE STATISTICS st{number} (mcv) ON (a + {number}), b FROM {plain}
        ALTER STATISTICS st{number} SET STATISTICS {number}0
        ALTER STATISTICS st{number} RENAME TO st{number}
        ALTER STATISTICS st{number} OWNER TO {owner}
        COMMENT ON STATISTICS st{number} IS {text}
        DROP STATISTICS st{number}
    """,
    "sequence": """
        CREATE SEQUENCE {sequence} START {number} CACHE {number}
        CREATE SEQUENCE {sequence} AS smallint CYCLE
        CREATE UNLOGGED SEQUENCE {sequence}
        ALTER SEQUENCE {sequence} INCREMENT {number}
        ALTER SEQUENCE {sequence} MAXVALUE {number}00 CYCLE
        ALTER SEQUENCE {sequence} OWNED BY {plain}.{column}
        ALTER SEQUENCE {sequence} OWNED BY NONE
        ALTER SEQUENCE {sequence} RENAME TO {sequence}
        ALTER SEQUENCE {sequence} OWNER TO {owner}
        ALTER SEQUENCE {sequence} SET LOGGED
        ALTER SEQUENCE {sequence} SET SCHEMA {schema}
        GRANT USAGE ON SEQUENCE {sequence} TO {role}{grantable}
        REVOKE ALL ON SEQUENCE {sequence} FROM {role}
        COMMENT ON SEQUENCE {sequence} IS {text}
        DROP SEQUENCE {sequence} CASCADE
    """,
    "view": """
        CREATE VIEW {view} AS SELECT a, b FROM t0
        CREATE VIEW {view} AS SELECT * FROM t1 JOIN other.t2 USING (a)
        CREATE OR REPLACE VIEW seen WITH (security_barrier) AS SELECT a, b FROM t0 WHERE a > {number}
        CREATE VIEW over AS SELECT seen.*, f(a) AS d FROM seen
        ALTER VIEW {view} SET (check_option = local)
        ALTER VIEW {view} SET (security_invoker = {on_off})
        ALTER VIEW {view} RESET (security_invoker, check_option)
        ALTER VIEW {view} ALTER a SET DEFAULT {number}
        ALTER VIEW {view} ALTER a DROP DEFAULT
        ALTER VIEW {view} RENAME {column} TO {column}
        ALTER VIEW {view} RENAME TO over
        ALTER VIEW {view} OWNER TO {owner}
        COMMENT ON VIEW {view} IS {text}
        COMMENT ON COLUMN {view}.a IS {text}
        DROP VIEW {view}
        DROP VIEW {view} CASCADE
        CREATE MATERIALIZED VIEW kept AS SELECT a, b FROM t0
        CREATE MATERIALIZED VIEW kept WITH (fillfactor = {number}0) AS SELECT a, b FROM seen
        ALTER MATERIALIZED VIEW kept SET (fillfactor = {number}0)
        ALTER MATERIALIZED VIEW kept ALTER b SET STATISTICS {number}
        ALTER MATERIALIZED VIEW kept ALTER b SET STORAGE MAIN
        ALTER MATERIALIZED VIEW kept OWNER TO {owner}
        REFRESH MATERIALIZED VIEW kept WITH NO DATA
        COMMENT ON MATERIALIZED VIEW kept IS {text}
        DROP MATERIALIZED VIEW kept
    """,
    "rule": """
        CREATE RULE {trigger} AS ON DELETE TO {table} DO INSTEAD NOTHING
        CREATE OR REPLACE RULE {trigger} AS ON INSERT TO {table} WHERE new.a > {number} DO ALSO NOTIFY changed
        ALTER RULE {trigger} ON {table} RENAME TO {trigger}
        ALTER TABLE {plain} {state} RULE {trigger}
        COMMENT ON RULE {trigger} ON {table} IS {text}
        DROP RULE {trigger} ON {table}
        CREATE POLICY {trigger} ON {table} FOR SELECT TO {role} USING (a > {number})
        CREATE POLICY {trigger} ON {table} AS RESTRICTIVE WITH CHECK (a > {number})
        CREATE POLICY {trigger} ON {table} USING (EXISTS (SELECT FROM t1 WHERE t1.a = {number}))
        ALTER POLICY {trigger} ON {table} USING (b = {text})
        ALTER POLICY {trigger} ON {table} TO {role}, CURRENT_USER
        ALTER POLICY {trigger} ON {table} RENAME TO {trigger}
        COMMENT ON POLICY {trigger} ON {table} IS {text}
        DROP POLICY {trigger} ON {table}
    """,
    "trigger": """
        CREATE TRIGGER {trigger} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fired()
        CREATE TRIGGER {trigger} AFTER UPDATE OF b ON {table} FOR EACH ROW WHEN (new.a > {number}) EXECUTE FUNCTION fired({text})
        CREATE CONSTRAINT TRIGGER {trigger} AFTER INSERT ON {table} DEFERRABLE FOR EACH ROW EXECUTE FUNCTION fired()
        CREATE TRIGGER {trigger} AFTER DELETE ON {table} REFERENCING OLD TABLE AS old FOR EACH STATEMENT EXECUTE FUNCTION fired()
        ALTER TABLE {table} {state} TRIGGER {trigger}
        ALTER TABLE ONLY {table} {state} TRIGGER {trigger}
        ALTER TRIGGER {trigger} ON {table} RENAME TO {trigger}
        ALTER TRIGGER {trigger} ON {table} DEPENDS ON EXTENSION plpgsql
        COMMENT ON TRIGGER {trigger} ON {table} IS {text}
        DROP TRIGGER {trigger} ON {table}
        CREATE EVENT TRIGGER {trigger} ON ddl_command_end EXECUTE FUNCTION happened()
        CREATE EVENT TRIGGER {trigger} ON sql_drop WHEN TAG IN ('DROP TABLE', 'DROP VIEW') EXECUTE FUNCTION happened()
        ALTER EVENT TRIGGER {trigger} {state}
        ALTER EVENT TRIGGER {trigger} RENAME TO {trigger}
        COMMENT ON EVENT TRIGGER {trigger} IS {text}
        DROP EVENT TRIGGER {trigger}
    """,
    "type": """
        CREATE TYPE {enum} AS ENUM ({value})
        CREATE TYPE {enum} AS ENUM ()
        ALTER TYPE {enum} ADD VALUE {value}
        ALTER TYPE {enum} ADD VALUE {value} BEFORE {value}
        ALTER TYPE {enum} RENAME VALUE {value} TO {value}
        ALTER TYPE {enum} RENAME TO mood
        ALTER TYPE {enum} RENAME TO emotion
        ALTER TYPE emotion RENAME TO mood
        ALTER TYPE {enum} SET SCHEMA {schema}
        ALTER TYPE {enum} OWNER TO {owner}
        REVOKE USAGE ON TYPE {enum} FROM PUBLIC
        GRANT USAGE ON TYPE {enum} TO {role}{grantable}
        COMMENT ON TYPE {enum} IS {text}
        DROP TYPE {enum} CASCADE
        CREATE DOMAIN positive AS int CHECK (VALUE > {number})
        CREATE DOMAIN positive AS varchar({number}) COLLATE "C" DEFAULT {text} NOT NULL
        ALTER DOMAIN positive SET DEFAULT {number}
        ALTER DOMAIN positive DROP DEFAULT
        ALTER DOMAIN positive SET NOT NULL
        ALTER DOMAIN positive DROP NOT NULL
        ALTER DOMAIN positive ADD CONSTRAINT {constraint} CHECK (VALUE <> {number}) NOT VALID
        ALTER DOMAIN positive VALIDATE CONSTRAINT {constraint}
        ALTER DOMAIN positive RENAME CONSTRAINT {constraint} TO {constraint}
        ALTER DOMAIN positive DROP CONSTRAINT {constraint}
        ALTER DOMAIN positive OWNER TO {owner}
        COMMENT ON DOMAIN positive IS {text}
        COMMENT ON CONSTRAINT {constraint} ON DOMAIN positive IS {text}
        GRANT USAGE ON DOMAIN positive TO {role}
        DROP DOMAIN positive CASCADE
        CREATE TYPE pair AS (a int, b text COLLATE "C")
        ALTER TYPE pair ADD ATTRIBUTE {column} {type} CASCADE
        ALTER TYPE pair DROP ATTRIBUTE {column} CASCADE
        ALTER TYPE pair RENAME ATTRIBUTE {column} TO {column} CASCADE
        ALTER TYPE pair ALTER ATTRIBUTE {column} TYPE {type} CASCADE
        ALTER TYPE pair RENAME TO couple
        ALTER TYPE couple RENAME TO pair
        ALTER TYPE pair OWNER TO {owner}
        GRANT USAGE ON TYPE pair TO {role}
        REVOKE USAGE ON TYPE pair FROM PUBLIC
        COMMENT ON TYPE pair IS {text}
        COMMENT ON COLUMN pair.a IS {text}
        DROP TYPE pair CASCADE
        CREATE TYPE span AS RANGE (subtype = float8, subtype_diff = float8mi)
        CREATE TYPE span AS RANGE (subtype = text, collation = "C", multirange_type_name = spans)
        ALTER TYPE span RENAME TO reach
        ALTER TYPE reach RENAME TO span
        ALTER TYPE span OWNER TO {owner}
        ALTER TYPE spans RENAME TO many
        COMMENT ON TYPE span IS {text}
        DROP TYPE span CASCADE
        CREATE TYPE shell
        COMMENT ON TYPE shell IS {text}
        DROP TYPE shell CASCADE
        CREATE FUNCTION shell_in(cstring) RETURNS shell LANGUAGE internal STRICT IMMUTABLE AS 'int4in'
        CREATE FUNCTION shell_out(shell) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out'
        CREATE TYPE shell (INPUT = shell_in, OUTPUT = shell_out, LIKE = int4, CATEGORY = 'N')
        CREATE TYPE shell (INPUT = shell_in, OUTPUT = shell_out, DEFAULT = '{number}', DELIMITER = ';')
        ALTER TYPE shell SET (STORAGE = extended)
    """,
    "function": """
        CREATE OR REPLACE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT i + {number}'
        CREATE OR REPLACE FUNCTION f(i int) RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT {number}'
        CREATE OR REPLACE FUNCTION g(m mood) RETURNS mood LANGUAGE sql RETURN m
        CREATE OR REPLACE FUNCTION h(row t0) RETURNS SETOF t1 LANGUAGE sql BEGIN ATOMIC SELECT * FROM t1; END
        CREATE OR REPLACE FUNCTION w(i int) RETURNS TABLE (a int, b text) LANGUAGE plpgsql ROWS {number} COST {number} AS 'BEGIN END'
        CREATE OR REPLACE PROCEDURE p(i int) LANGUAGE sql AS 'SELECT {number}'
        CREATE FUNCTION win() RETURNS bigint LANGUAGE internal WINDOW AS 'window_row_number'
        CREATE FUNCTION vary(VARIADIC a int[] DEFAULT ARRAY[{number}]) RETURNS int LANGUAGE sql AS 'SELECT 1'
        ALTER FUNCTION {function} SECURITY DEFINER
        ALTER FUNCTION {function} LEAKPROOF
        ALTER FUNCTION {function} COST {number}
        ALTER FUNCTION {function} SET work_mem = '{number}MB'
        ALTER FUNCTION {function} SET search_path = public, "Odd, path"
        ALTER FUNCTION {function} RESET ALL
        ALTER FUNCTION {function} RENAME TO f
        ALTER FUNCTION {function} SET SCHEMA {schema}
        ALTER FUNCTION {function} DEPENDS ON EXTENSION plpgsql
        ALTER FUNCTION {function} NO DEPENDS ON EXTENSION plpgsql
        ALTER ROUTINE {function} OWNER TO {owner}
        GRANT EXECUTE ON ROUTINE {function} TO {role}{grantable}
        REVOKE EXECUTE ON ROUTINE {function} FROM {role}
        REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC
        GRANT EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) TO {role}
        COMMENT ON ROUTINE {function} IS {text}
        DROP ROUTINE {function}
        DROP ROUTINE {function} CASCADE
        CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '{number}')
        CREATE OR REPLACE AGGREGATE total(int) (SFUNC = int4larger, STYPE = int, COMBINEFUNC = int4larger, SORTOP = >, PARALLEL = SAFE)
        CREATE OR REPLACE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, SSPACE = {number}, FINALFUNC = int4abs, FINALFUNC_MODIFY = SHAREABLE)
        ALTER AGGREGATE total(int) OWNER TO {owner}
        ALTER AGGREGATE total(int) RENAME TO total
        COMMENT ON AGGREGATE total(int) IS {text}
        DROP AGGREGATE total(int)
    """,
    "operator": """
        CREATE FUNCTION same(t0, t0) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true'
        CREATE OPERATOR === (LEFTARG = t0, RIGHTARG = t0, FUNCTION = same)
        CREATE OPERATOR === (LEFTARG = t0, RIGHTARG = t0, FUNCTION = same, COMMUTATOR = ===, RESTRICT = eqsel)
        ALTER OPERATOR === (t0, t0) SET (JOIN = eqjoinsel)
        ALTER OPERATOR === (t0, t0) SET (RESTRICT = NONE)
        ALTER OPERATOR === (t0, t0) OWNER TO {owner}
        COMMENT ON OPERATOR === (t0, t0) IS {text}
        DROP OPERATOR === (t0, t0) CASCADE
        CREATE OPERATOR FAMILY fam USING btree
        ALTER OPERATOR FAMILY fam USING btree ADD OPERATOR 1 < (int, bigint), FUNCTION 1 btint48cmp(int, bigint)
        ALTER OPERATOR FAMILY fam USING btree DROP OPERATOR 1 (int, bigint)
        ALTER OPERATOR FAMILY fam USING btree OWNER TO {owner}
        COMMENT ON OPERATOR FAMILY fam USING btree IS {text}
        DROP OPERATOR FAMILY fam USING btree CASCADE
        CREATE OPERATOR CLASS ops FOR TYPE int USING btree FAMILY fam AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION 1 btint4cmp(int, int)
        CREATE OPERATOR CLASS ops FOR TYPE int USING btree AS OPERATOR 1 >, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int)
        ALTER OPERATOR CLASS ops USING btree RENAME TO ops2
        ALTER OPERATOR CLASS ops2 USING btree RENAME TO ops
        CREATE INDEX {new_index} ON {plain} (a ops)
        COMMENT ON OPERATOR CLASS ops USING btree IS {text}
        DROP OPERATOR CLASS ops USING btree CASCADE
        CREATE CAST (mood AS int) WITH FUNCTION feel_int(mood) AS ASSIGNMENT
        CREATE CAST (mood AS int) WITH INOUT AS IMPLICIT
        CREATE CAST (mood AS jsonb) WITH INOUT
        CREATE FUNCTION feel_int(mood) RETURNS int LANGUAGE sql AS 'SELECT {number}'
        COMMENT ON CAST (mood AS int) IS {text}
        DROP CAST (mood AS int)
        CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler
        CREATE TABLE {new_table} (a int) USING heap2
        COMMENT ON ACCESS METHOD heap2 IS {text}
        DROP ACCESS METHOD heap2 CASCADE
        CREATE CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8
        CREATE DEFAULT CONVERSION conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8
        ALTER CONVERSION conv OWNER TO {owner}
        COMMENT ON CONVERSION conv IS {text}
        DROP CONVERSION conv
        CREATE COLLATION coll (locale = 'C')
        CREATE COLLATION coll FROM "C"
        ALTER TABLE {plain} ALTER {column} TYPE text COLLATE coll
        ALTER COLLATION coll RENAME TO coll2
        ALTER COLLATION coll2 RENAME TO coll
        ALTER COLLATION coll OWNER TO {owner}
        COMMENT ON COLLATION coll IS {text}
        DROP COLLATION coll CASCADE
    """,
    "language": """
        CREATE LANGUAGE own HANDLER plpgsql_call_handler INLINE plpgsql_inline_handler
        CREATE TRUSTED LANGUAGE own HANDLER plpgsql_call_handler VALIDATOR plpgsql_validator
        ALTER LANGUAGE own RENAME TO own2
        ALTER LANGUAGE own OWNER TO {owner}
        GRANT USAGE ON LANGUAGE own TO {role}
        REVOKE USAGE ON LANGUAGE own FROM PUBLIC
        REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC
        GRANT USAGE ON LANGUAGE plpgsql TO {role}
        COMMENT ON LANGUAGE own IS {text}
        DROP LANGUAGE own2 CASCADE
        DROP LANGUAGE own CASCADE
        CREATE FUNCTION from_sql(internal) RETURNS internal LANGUAGE internal AS 'textin'
        CREATE TRANSFORM FOR int LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal))
        DROP TRANSFORM FOR int LANGUAGE plpgsql
        CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple, ACCEPT = {on_off})
        ALTER TEXT SEARCH DICTIONARY dict (ACCEPT = {on_off})
        ALTER TEXT SEARCH DICTIONARY dict RENAME TO dict2
        ALTER TEXT SEARCH DICTIONARY dict2 RENAME TO dict
        COMMENT ON TEXT SEARCH DICTIONARY dict IS {text}
        DROP TEXT SEARCH DICTIONARY dict CASCADE
        CREATE TEXT SEARCH CONFIGURATION conf (PARSER = pg_catalog.default)
        CREATE TEXT SEARCH CONFIGURATION conf (COPY = pg_catalog.simple)
        ALTER TEXT SEARCH CONFIGURATION conf ADD MAPPING FOR word WITH {dictionary}
        ALTER TEXT SEARCH CONFIGURATION conf ALTER MAPPING FOR word WITH {dictionary}, pg_catalog.english_stem
        ALTER TEXT SEARCH CONFIGURATION conf DROP MAPPING FOR asciiword
        ALTER TEXT SEARCH CONFIGURATION conf OWNER TO {owner}
        COMMENT ON TEXT SEARCH CONFIGURATION conf IS {text}
        DROP TEXT SEARCH CONFIGURATION conf CASCADE
        CREATE TEXT SEARCH TEMPLATE tmpl (INIT = dsimple_init, LEXIZE = dsimple_lexize)
        DROP TEXT SEARCH TEMPLATE tmpl
        CREATE TEXT SEARCH PARSER parse (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype)
        DROP TEXT SEARCH PARSER parse
    """,
    "foreign": """
        CREATE FOREIGN DATA WRAPPER fdw OPTIONS (a '{number}')
        ALTER FOREIGN DATA WRAPPER fdw OPTIONS (SET a '{number}')
        ALTER FOREIGN DATA WRAPPER fdw VALIDATOR postgresql_fdw_validator
        GRANT USAGE ON FOREIGN DATA WRAPPER fdw TO {role}
        COMMENT ON FOREIGN DATA WRAPPER fdw IS {text}
        DROP FOREIGN DATA WRAPPER fdw CASCADE
        CREATE SERVER srv TYPE 't' VERSION '{number}' FOREIGN DATA WRAPPER fdw OPTIONS (host 'h')
        ALTER SERVER srv VERSION '{number}'
        ALTER SERVER srv OPTIONS (SET host {text})
        ALTER SERVER srv OWNER TO {owner}
        GRANT USAGE ON FOREIGN SERVER srv TO {role}{grantable}
        COMMENT ON SERVER srv IS {text}
        DROP SERVER srv CASCADE
        CREATE USER MAPPING FOR {role} SERVER srv OPTIONS (password 'x')
        ALTER USER MAPPING FOR {role} SERVER srv OPTIONS (SET password '{number}')
        DROP USER MAPPING FOR {role} SERVER srv
        CREATE FOREIGN TABLE far_table (a int OPTIONS (x '{number}'), b text NOT NULL) SERVER srv OPTIONS (t '{number}')
        ALTER FOREIGN TABLE far_table OPTIONS (SET t '{number}')
        ALTER FOREIGN TABLE far_table ALTER a OPTIONS (SET x '{number}')
        ALTER FOREIGN TABLE far_table ADD c {type}
        COMMENT ON FOREIGN TABLE far_table IS {text}
        DROP FOREIGN TABLE far_table
    """,
    "publication": """
        CREATE PUBLICATION {publication} FOR TABLE {plain}
        CREATE PUBLICATION {publication} FOR ALL TABLES WITH (publish = 'insert, delete')
        CREATE PUBLICATION {publication} FOR TABLES IN SCHEMA {schema}
        CREATE PUBLICATION {publication} WITH (publish_generated_columns = stored)
        ALTER PUBLICATION {publication} ADD TABLE {plain} (a, b)
        ALTER PUBLICATION {publication} ADD TABLE ONLY {plain} WHERE (a > {number})
        ALTER PUBLICATION {publication} ADD TABLES IN SCHEMA {schema}
        ALTER PUBLICATION {publication} SET TABLE {plain}
        ALTER PUBLICATION {publication} DROP TABLE {plain}
        ALTER PUBLICATION {publication} SET (publish_via_partition_root = {on_off})
        ALTER PUBLICATION {publication} SET (publish = 'truncate')
        ALTER PUBLICATION {publication} OWNER TO {owner}
        ALTER PUBLICATION {publication} RENAME TO {publication}
        COMMENT ON PUBLICATION {publication} IS {text}
        DROP PUBLICATION {publication}
        CREATE SUBSCRIPTION sub CONNECTION 'dbname=none' PUBLICATION {publication} WITH (connect = false, slot_name = NONE)
        ALTER SUBSCRIPTION sub SET (synchronous_commit = {on_off})
        ALTER SUBSCRIPTION sub SET PUBLICATION {publication}, more WITH (refresh = false)
        COMMENT ON SUBSCRIPTION sub IS {text}
        DROP SUBSCRIPTION sub
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT SELECT ON TABLES TO {role}{grantable}
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON TABLES FROM {role}
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} GRANT USAGE ON SEQUENCES TO {role}
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT EXECUTE ON FUNCTIONS TO PUBLIC
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {schema} REVOKE USAGE ON SEQUENCES FROM {role}
    """,
    "extension": """
        CREATE EXTENSION vector
        CREATE EXTENSION vector SCHEMA {schema}
        ALTER EXTENSION vector SET SCHEMA {schema}
        ALTER EXTENSION vector ADD TABLE {plain}
        ALTER EXTENSION vector DROP TABLE {plain}
        ALTER TABLE {plain} ADD {column} vector
        COMMENT ON EXTENSION vector IS {text}
        DROP EXTENSION vector CASCADE
    """,
}

# Something of everything to begin with, so that no change waits for another to come first.
BASE: Final = """
CREATE SCHEMA other
CREATE SCHEMA third
CREATE TYPE mood AS ENUM ('ok', 'good')
CREATE TYPE pair AS (a int, b text)
CREATE DOMAIN positive AS int CONSTRAINT k0 CHECK (VALUE > 0)
CREATE TYPE span AS RANGE (subtype = float8)
CREATE TABLE t0 (a int PRIMARY KEY, b text DEFAULT 'x', c mood)
CREATE TABLE t1 (a int NOT NULL, b varchar(10) COLLATE "C", c t0)
CREATE TABLE other.t2 (a int REFERENCES t0, b text, c positive)
CREATE TABLE parted (a int, b text, c int) PARTITION BY RANGE (a)
CREATE TABLE part0 PARTITION OF parted FOR VALUES FROM (1) TO (10)
CREATE TABLE child (d int) INHERITS (t1)
CREATE TABLE ident (id int GENERATED BY DEFAULT AS IDENTITY, n int)
CREATE INDEX i0 ON t0 (lower(b))
CREATE INDEX parted_ix ON ONLY parted (b)
CREATE SEQUENCE s0
CREATE FUNCTION f(i int) RETURNS int LANGUAGE sql AS 'SELECT i'
CREATE FUNCTION g(m mood) RETURNS mood LANGUAGE sql RETURN m
CREATE PROCEDURE p(i int) LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
CREATE FUNCTION happened() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'
CREATE VIEW seen AS SELECT a, b FROM t0
CREATE MATERIALIZED VIEW kept AS SELECT a, b FROM t1
CREATE TRIGGER tr0 BEFORE INSERT ON parted FOR EACH ROW EXECUTE FUNCTION fired()
CREATE POLICY tr0 ON t0 TO alice USING (a > 0)
CREATE RULE tr0 AS ON DELETE TO t1 DO INSTEAD NOTHING
CREATE FOREIGN DATA WRAPPER fdw OPTIONS (a '1')
CREATE SERVER srv FOREIGN DATA WRAPPER fdw
CREATE FOREIGN TABLE far_table (a int OPTIONS (x '1')) SERVER srv OPTIONS (t '1')
CREATE PUBLICATION pub0 FOR TABLE t0
CREATE STATISTICS st1 ON a, b FROM t0
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)
CREATE COLLATION coll FROM "C"
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple)
CREATE OPERATOR FAMILY fam USING btree
""".strip().splitlines()

KINDS: Final = tuple(_STATEMENTS)


def changes(seed: int) -> Iterator[tuple[str, str]]:
    """Yield (kind, statement) without end, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - a seed is wanted, not a secret
    lines = {kind: text.strip().splitlines() for kind, text in _STATEMENTS.items()}
    weights = [len(lines[kind]) ** 0.5 for kind in KINDS]
    while True:
        kind = dice.choices(KINDS, weights)[0]
        statement = dice.choice(lines[kind]).strip()
        yield kind, _filled(statement, dice)


def _filled(statement: str, dice: random.Random) -> str:
    while "{" in statement:
        name = statement[statement.index("{") + 1 : statement.index("}")]
        if name not in _NAMES:
            break
        statement = statement.replace(f"{{{name}}}", dice.choice(_NAMES[name]), 1)
    return statement
