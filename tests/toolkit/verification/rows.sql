-- Tables of all sorts that rows are to be made for.

CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine"');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN email AS text NOT NULL CHECK (VALUE ~ '^[a-z0-9._]+@[a-z]+\.(com|org)$');
CREATE TYPE pair AS (a int, b text, m mood);
CREATE TYPE span AS RANGE (subtype = float8);
CREATE SCHEMA "Other one";

CREATE TABLE all_types (id bigserial PRIMARY KEY, a smallint, b int, c bigint, d numeric, e numeric(5,2),
    f numeric(3,-2), g numeric(2,4), h real, i float8, j money, k text, l varchar(5), m char(3), n "char",
    o name, p bytea, q bool, r date, s time, t timetz, u timestamp, v timestamptz(0), w interval, x uuid,
    y json, z jsonb, aa inet, ab cidr, ac macaddr, ad macaddr8, ae bit(3), af varbit(7), ag point, ah line,
    ai lseg, aj box, ak path, al polygon, am circle, an tsvector, ao tsquery, ap oid, aq regclass, ar xml,
    at pg_lsn, au mood, av positive, aw email, ax pair, ay int4range, az datemultirange, ba span,
    bb vector(3), bc int[], bd text[][], be mood[], bf pair[], bg positive[], bh interval day to second,
    bi jsonpath, bj regtype, bk tstzrange, bl halfvec(2), bm xid8, bn sparsevec(4), bo varchar,
    bp nummultirange[], bq bit varying, br character, bs regrole, bt int2vector);
CREATE TABLE not_null (id int PRIMARY KEY, a smallint NOT NULL, e numeric(5,2) NOT NULL, k text NOT NULL,
    l varchar(5) NOT NULL, m char(3) NOT NULL, p bytea NOT NULL, u timestamp NOT NULL, y jsonb NOT NULL,
    au mood NOT NULL, aw email, ax pair NOT NULL, bb vector(3) NOT NULL, bc int[] NOT NULL);
CREATE TABLE nothing ();
CREATE TABLE only_serial (id serial);
CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int,
    twice int GENERATED ALWAYS AS (n / 2) STORED);
CREATE TABLE "Strange "" name" ("select" int PRIMARY KEY, "A:b%s" text CHECK ("A:b%s" <> ''), "#" int,
    "with space" text NOT NULL);
CREATE TABLE "Other one".plain (id int PRIMARY KEY, t text);
CREATE UNLOGGED TABLE unlogged (id int);

CREATE TABLE ranges (n int CHECK (n BETWEEN 1000 AND 1010), p numeric(5,4) CHECK (p > 0.5 AND p < 0.6),
    neg int NOT NULL CHECK (neg < -70000), year smallint NOT NULL CHECK (year >= 1901 AND year <= 2155),
    d date NOT NULL CHECK (d > '2031-05-01' AND d < '2031-05-03'));
CREATE TABLE texts (status varchar(20) NOT NULL CHECK (status IN ('open', 'done', 'it''s')),
    code text NOT NULL CHECK (code ~ '^[A-Z]{3}-\d{4}(-x)?$'), pre text NOT NULL CHECK (pre LIKE 'ab_c%'),
    len text NOT NULL CHECK (length(len) = 37), iso char(2) NOT NULL CHECK (iso = upper(iso) AND iso ~ '^[A-Z]+$'),
    mail text NOT NULL CHECK (position('@' IN mail) > 1), trimmed text NOT NULL CHECK (btrim(trimmed) <> ''),
    slug text NOT NULL CHECK (slug ~* '^[a-z][[:alnum:]_-]*[^-]$' AND char_length(slug) BETWEEN 2 AND 30),
    CONSTRAINT low CHECK (mail = lower(mail)));
CREATE TABLE together (lo int NOT NULL, hi int NOT NULL CHECK (hi > lo + 500), status text NOT NULL,
    done_at timestamptz, CHECK (status IN ('new', 'done')), CHECK ((status = 'done') = (done_at IS NOT NULL)),
    started timestamptz NOT NULL, ended timestamptz, CHECK (ended IS NULL OR ended >= started),
    a int NOT NULL, b int NOT NULL, c int NOT NULL, CHECK (a >= 0 AND b >= 0 AND c >= 0 AND a + b + c = 100));
CREATE TABLE documents (j jsonb NOT NULL CHECK (jsonb_typeof(j) = 'object' AND j ? 'kind'),
    k jsonb NOT NULL CHECK (j ->> 'kind' IS NOT NULL AND jsonb_typeof(k) = 'array'),
    tags text[] NOT NULL CHECK (cardinality(tags) BETWEEN 2 AND 3),
    roles text[] NOT NULL CHECK (roles <@ ARRAY['admin', 'user'] AND roles <> '{}'));
CREATE FUNCTION even(i int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT i % 2 = 0';
CREATE TABLE by_function (i int NOT NULL CHECK (even(i)));
CREATE TABLE positives (p positive NOT NULL, e email UNIQUE, ps positive[] NOT NULL);
CREATE TABLE serial_checked (id serial PRIMARY KEY CHECK (id > 0), CHECK (id < 1000000));

CREATE TABLE uniques (a bool, b mood, c text UNIQUE, d int, UNIQUE NULLS NOT DISTINCT (a, b), UNIQUE (d));
CREATE UNIQUE INDEX ON uniques (lower(c)) WHERE d > 0;
CREATE TABLE bool_key (b bool PRIMARY KEY);
CREATE TABLE enum_key (m mood PRIMARY KEY);
CREATE TABLE single (only_one bool PRIMARY KEY DEFAULT true CHECK (only_one));
CREATE TABLE excluded (during tstzrange NOT NULL, EXCLUDE USING gist (during WITH &&));

CREATE TABLE tenants (id uuid PRIMARY KEY);
CREATE TABLE users (tenant uuid NOT NULL REFERENCES tenants, id bigint GENERATED ALWAYS AS IDENTITY,
    boss bigint, PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, boss) REFERENCES users);
CREATE TABLE tasks (id serial PRIMARY KEY, tenant uuid NOT NULL, owner bigint, reviewer bigint NOT NULL,
    FOREIGN KEY (tenant, owner) REFERENCES users, FOREIGN KEY (tenant, reviewer) REFERENCES users,
    CHECK (owner IS DISTINCT FROM reviewer));
CREATE TABLE profiles (tenant uuid, id bigint, bio text, PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, id) REFERENCES users);
CREATE TABLE friends (a int NOT NULL REFERENCES tasks, b int NOT NULL REFERENCES tasks, PRIMARY KEY (a, b),
    CHECK (a <> b));
CREATE TABLE arc (id serial, task int REFERENCES tasks, tenant uuid REFERENCES tenants, mood mood REFERENCES
    enum_key, CHECK (num_nonnulls(task, tenant, mood) = 1));
CREATE TABLE matched (a uuid, b bigint, FOREIGN KEY (a, b) REFERENCES users MATCH FULL);
CREATE TABLE self_needed (id serial PRIMARY KEY, parent int NOT NULL REFERENCES self_needed);
CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree, CHECK (parent <> id));
CREATE TABLE egg (id int PRIMARY KEY, hen int NOT NULL);
CREATE TABLE hen (id int PRIMARY KEY, egg int NOT NULL REFERENCES egg);
ALTER TABLE egg ADD FOREIGN KEY (hen) REFERENCES hen;
CREATE TABLE chick (id bigserial PRIMARY KEY, nest bigint NOT NULL);
CREATE TABLE nest (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chick bigint NOT NULL UNIQUE REFERENCES chick DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE chick ADD FOREIGN KEY (nest) REFERENCES nest DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE soft_a (id int PRIMARY KEY, b int);
CREATE TABLE soft_b (id int PRIMARY KEY, a int NOT NULL REFERENCES soft_a);
ALTER TABLE soft_a ADD FOREIGN KEY (b) REFERENCES soft_b;

CREATE TABLE events (id int NOT NULL, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_may PARTITION OF events FOR VALUES FROM ('2030-05-01') TO ('2030-05-03');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE hashed (id int PRIMARY KEY) PARTITION BY HASH (id);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 5, REMAINDER 0);
CREATE TABLE hashed_3 PARTITION OF hashed FOR VALUES WITH (MODULUS 5, REMAINDER 3);
CREATE TABLE listed (kind text, n int) PARTITION BY LIST (kind);
CREATE TABLE listed_a PARTITION OF listed FOR VALUES IN ('one', NULL) PARTITION BY RANGE (n);
CREATE TABLE listed_a_1 PARTITION OF listed_a FOR VALUES FROM (500000) TO (500010);
CREATE TABLE of_hashed (id int NOT NULL REFERENCES hashed);
CREATE TABLE base (id int, t text CHECK (t <> ''));
CREATE TABLE derived (more text NOT NULL) INHERITS (base);

CREATE FUNCTION choosy() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN IF NEW.n < 100 THEN RAISE ''too small''; END IF; RETURN NEW; END';
CREATE TABLE choosy_table (n int NOT NULL);
CREATE TRIGGER t BEFORE INSERT ON choosy_table FOR EACH ROW EXECUTE FUNCTION choosy();
