SET check_function_bodies = off;
CREATE SCHEMA "Other Schema";
CREATE SCHEMA ops;
COMMENT ON SCHEMA "Other Schema" IS 'it''s another; one';
CREATE TYPE mood AS ENUM ('sad', 'so-so', 'it''s; fine');
CREATE TYPE "Other Schema".pair AS (a int, "B" text);
CREATE TYPE span AS RANGE (SUBTYPE = float8);
CREATE DOMAIN positive AS numeric(10, 2) CHECK (VALUE > 0);
CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z]+\:x\\d$');
CREATE SEQUENCE free_numbers START 7 INCREMENT 3;
CREATE FUNCTION total_of(n int) RETURNS bigint LANGUAGE sql AS $$
    -- Name: x; Type: y
    SELECT count(*) FROM "Other Schema"."Quoted Table" WHERE 'a:b' <> ':c' AND n = 1;   
$$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    NEW.note := 'a "quoted" note; with \ and """ and :colon' || E'\n';
    RETURN NEW;
END;
$body$;
CREATE FUNCTION atomic(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + 1; SELECT a + 2; END;
CREATE PROCEDURE tidy() LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; END $$;
CREATE AGGREGATE longest(text) (SFUNC = textcat, STYPE = text, INITCOND = '');
CREATE TABLE "Other Schema"."Quoted Table" (
    "Id" bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY,
    gone int,
    "select" text COLLATE "C" NOT NULL DEFAULT 'it''s; :x',
    how mood DEFAULT 'so-so',
    price positive,
    doubled numeric GENERATED ALWAYS AS (price * 2) STORED,
    pair "Other Schema".pair,
    tags text[] DEFAULT '{}',

    during tstzrange,
    note text,
    CONSTRAINT "no overlap!" EXCLUDE USING gist (during WITH &&),
    CONSTRAINT "a;b" CHECK ("select" <> '\'),
    UNIQUE NULLS NOT DISTINCT (price, how)
);
ALTER TABLE "Other Schema"."Quoted Table" DROP COLUMN gone;
ALTER TABLE "Other Schema"."Quoted Table" ALTER note SET STORAGE EXTERNAL, ALTER note SET STATISTICS 50;
COMMENT ON TABLE "Other Schema"."Quoted Table" IS E'ends in a backslash \\';
COMMENT ON COLUMN "Other Schema"."Quoted Table"."select" IS 'two
lines; -- Name: z; Type: TABLE; Schema: public; Owner: -';
CREATE EXTENSION vector;
CREATE TABLE embeddings (id int PRIMARY KEY, v vector(3));
CREATE TABLE serial_one (id serial PRIMARY KEY, parent bigint REFERENCES "Other Schema"."Quoted Table" ON DELETE CASCADE DEFERRABLE, s slug);
CREATE TABLE parted (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parted_2024 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE parted_rest PARTITION OF parted DEFAULT;
CREATE TABLE child (extra int) INHERITS (serial_one);
CREATE UNLOGGED TABLE fleeting (id int) WITH (fillfactor = 70);
CREATE INDEX partial ON serial_one (parent) WHERE parent > 5;
CREATE INDEX included ON serial_one USING btree (parent) INCLUDE (id);
CREATE INDEX on_parted ON parted (at);
ALTER TABLE serial_one CLUSTER ON included;
CREATE STATISTICS stats ON id, parent FROM serial_one;
CREATE VIEW shown AS SELECT "Id", "select" FROM "Other Schema"."Quoted Table" WHERE how <> 'sad';
CREATE VIEW over AS SELECT * FROM shown;
CREATE MATERIALIZED VIEW kept AS SELECT count(*) AS n FROM over;
CREATE MATERIALIZED VIEW kept_again AS SELECT n FROM kept;
CREATE MATERIALIZED VIEW empty_yet AS SELECT 1 AS one WITH NO DATA;
CREATE UNIQUE INDEX one_row ON kept (n);
CREATE TRIGGER touched BEFORE UPDATE ON "Other Schema"."Quoted Table" FOR EACH ROW WHEN (OLD.note IS DISTINCT FROM NEW.note) EXECUTE FUNCTION touch();
CREATE RULE no_delete AS ON DELETE TO fleeting DO INSTEAD (SELECT 1; SELECT 2);
ALTER TABLE serial_one ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON serial_one AS RESTRICTIVE FOR SELECT USING (parent > 0);
GRANT SELECT ON serial_one TO PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
INSERT INTO fleeting VALUES (1), (2)
