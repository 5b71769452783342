"""The query for relations: tables, views, sequences and composite types, and all that is on them.

Its rows are (unit, kind, identity, schema, table, name, definition, owner, details): `unit` is the oid
of the relation that an object is on, the rest are the fields of a `CatalogObject`, "" where it has
none. Details are an array in JSON, as text: most of them are never looked at. All columns are of type
text, which spares a conversion of each row.
"""

# ruff: noqa: E501, S608 - the SQL is pieced from constants of this folder alone

from typing import Final

from .fragments import FIRST_OID, comment, grants, not_member, options, privileges, qualified, role

# The scope is a condition on the relation `c`; `$1` and `$2` are the version table's.
EVERY_RELATION: Final = f"c.oid >= {FIRST_OID}"
SOME_RELATIONS: Final = "c.oid = ANY($3::oid[])"

_UNITS: Final = f"""units AS MATERIALIZED (
    SELECT c.*, {qualified("c.relnamespace", "c.relname")} AS name,
        n.nspname::text AS schema, c.relname::text AS relation
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE {{scope}} AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
      AND c.relpersistence <> 't' AND NOT (c.relname = ANY ($1) AND n.nspname = coalesce($2, n.nspname))
      AND {not_member("pg_class", "c.oid")}
)"""

_REPLICA_IDENTITY: Final = """CASE WHEN relkind IN ('r', 'p', 'm') THEN CASE relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN
            'REPLICA IDENTITY NOTHING' WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX '
            || coalesce((SELECT indexrelid::regclass::text FROM pg_index
                WHERE indrelid = c.oid AND indisreplident), '') END END"""

_TABLES: Final = f"""
SELECT c.oid AS unit,
    CASE relkind WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table'
        WHEN 'c' THEN 'composite type' ELSE 'table' END AS kind, name AS identity,
    schema, '' AS table, relation AS name,
    concat_ws(E'\\n',
        concat_ws(' ', 'CREATE', CASE relpersistence WHEN 'u' THEN 'UNLOGGED' END,
            CASE relkind WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, name,
            'OF ' || format_type(nullif(reloftype, 0), NULL),
            (SELECT CASE WHEN relispartition THEN 'PARTITION OF ' ELSE 'INHERITS ' END
                || string_agg(inhparent::regclass::text, ', ' ORDER BY inhseqno)
             FROM pg_inherits WHERE inhrelid = c.oid),
            CASE WHEN relispartition THEN pg_get_expr(relpartbound, c.oid) END,
            CASE WHEN relkind = 'p' THEN 'PARTITION BY ' || pg_get_partkeydef(c.oid) END,
            (SELECT 'USING ' || quote_ident(amname) FROM pg_am
             WHERE oid = c.relam AND amname <> 'heap'),
            (SELECT 'WITH (' || string_agg(o, ', ' ORDER BY o) || ')' FROM (
                SELECT unnest(c.reloptions) AS o UNION ALL
                SELECT 'toast.' || unnest(t.reloptions) FROM pg_class t
                WHERE t.oid = c.reltoastrelid AND t.reloptions IS NOT NULL
            ) AS all_options),
            (SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace
             WHERE oid = c.reltablespace),
            (SELECT concat_ws(' ', 'SERVER ' || quote_ident(s.srvname),
                {options("f.ftoptions", "OPTIONS")})
             FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver
             WHERE f.ftrelid = c.oid)),
        CASE WHEN relrowsecurity THEN 'ENABLE ROW LEVEL SECURITY' END,
        CASE WHEN relforcerowsecurity THEN 'FORCE ROW LEVEL SECURITY' END,
        {_REPLICA_IDENTITY}) AS definition,
    {role("relowner")} AS owner,
    CASE WHEN relispartition THEN '[true]' ELSE '' END AS details
FROM units c WHERE relkind IN ('r', 'p', 'f', 'c')
"""

# The details of a column by name, each as SQL. Its default, or the expression that it is generated
# by, is its definition.
COLUMN_DETAILS: Final = {
    "position": "row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum)",
    "type": "format_type(a.atttypid, a.atttypmod)",
    "storage": """CASE WHEN a.attstorage <> t.typstorage THEN CASE a.attstorage WHEN 'p' THEN 'PLAIN'
        WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END""",
    "compression": """CASE a.attcompression WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4'
        WHEN '' THEN NULL ELSE a.attcompression::text END""",
    "collation": f"""CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN (SELECT
        {qualified("o.collnamespace", "o.collname")}
        FROM pg_collation o WHERE o.oid = a.attcollation) END""",
    "statistics": "nullif(a.attstattarget, -1)",
    "options": options("a.attoptions"),
    "fdw_options": options("a.attfdwoptions", "OPTIONS"),
    "inherited": "nullif(NOT a.attislocal, false)",
    "of": "CASE c.relkind WHEN 'c' THEN 'type' WHEN 'v' THEN 'view' WHEN 'm' THEN 'view' END",
    "not_null": "nullif(a.attnotnull, false)",
    "identity": "CASE a.attidentity WHEN 'a' THEN 'ALWAYS' WHEN 'd' THEN 'BY DEFAULT' END",
    "generated_kind": "CASE a.attgenerated WHEN 's' THEN 'STORED' WHEN 'v' THEN 'VIRTUAL' END",
}

_COLUMNS: Final = f"""
SELECT c.oid, 'column', c.name || '.' || quote_ident(a.attname), c.schema, c.relation, a.attname::text,
    coalesce(pg_get_expr(d.adbin, d.adrelid), ''), '',
    json_build_array({", ".join(COLUMN_DETAILS.values())})::text
FROM units c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f', 'c') OR c.relkind IN ('v', 'm')
    AND (d.oid IS NOT NULL OR a.attstattarget <> -1 OR a.attoptions IS NOT NULL
        OR a.attstorage <> t.typstorage OR a.attcompression <> '')
"""

# What belongs to a foreign key of a parent's partition, or to a constraint trigger, is shown there.
CONSTRAINT_DETAILS: Final = {
    "inherited": "nullif(NOT n.conislocal, false)",
    "column": "a.attname",
}

# PostgreSQL 18 has more NOT NULLs than all others together: they are written here, as it would.
_CONSTRAINTS: Final = f"""
SELECT c.oid, 'constraint', c.name || '.' || quote_ident(n.conname), c.schema, c.relation,
    n.conname::text, CASE n.contype WHEN 'n' THEN concat('NOT NULL ', quote_ident(a.attname),
        CASE WHEN n.connoinherit THEN ' NO INHERIT' END,
        CASE WHEN NOT n.convalidated THEN ' NOT VALID' END) ELSE pg_get_constraintdef(n.oid) END,
    '', CASE WHEN n.contype = 'n' OR NOT n.conislocal
        THEN json_build_array({", ".join(CONSTRAINT_DETAILS.values())})::text ELSE '' END
FROM units c JOIN pg_constraint n ON n.conrelid = c.oid
LEFT JOIN pg_attribute a ON n.contype = 'n' AND a.attrelid = n.conrelid AND a.attnum = n.conkey[1]
WHERE n.contype <> 't' AND NOT (n.contype = 'f' AND n.conparentid <> 0)
"""

# Only expressions of an index have statistics of their own.
_INDEXES: Final = f"""
SELECT c.oid, 'index', {qualified("x.relnamespace", "x.relname")}, c.schema, c.relation,
    x.relname::text, concat_ws(' ',
    pg_get_indexdef(x.oid),
    CASE WHEN x.reltablespace <> 0 THEN (SELECT 'TABLESPACE ' || quote_ident(spcname)
        FROM pg_tablespace WHERE oid = x.reltablespace) END,
    CASE WHEN x.relispartition THEN (SELECT 'ATTACHED TO ' || inhparent::regclass::text
        FROM pg_inherits WHERE inhrelid = x.oid) END,
    CASE WHEN i.indexprs IS NOT NULL THEN (SELECT string_agg(
        format('ALTER COLUMN %s SET STATISTICS %s', attnum, attstattarget), ' ' ORDER BY attnum)
        FROM pg_attribute WHERE attrelid = x.oid AND attnum > 0 AND attstattarget >= 0) END,
    CASE WHEN i.indisclustered THEN 'CLUSTER' END,
    CASE WHEN NOT i.indisvalid THEN 'INVALID' END), '', ''
FROM units c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_class x ON x.oid = i.indexrelid
"""

_SEQUENCES: Final = f"""
SELECT c.oid, 'sequence', c.name, c.schema, coalesce(o.relname::text, ''), c.relation, concat_ws(E'\\n',
    concat_ws(' ', 'CREATE', CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END, 'SEQUENCE', c.name,
        'AS', format_type(s.seqtypid, NULL), 'START', s.seqstart, 'INCREMENT', s.seqincrement,
        'MINVALUE', s.seqmin, 'MAXVALUE', s.seqmax, 'CACHE', s.seqcache,
        CASE WHEN s.seqcycle THEN 'CYCLE' END),
    CASE p.deptype WHEN 'i' THEN 'IDENTITY OF ' ELSE 'OWNED BY ' END
        || o.oid::regclass::text || '.' || quote_ident(a.attname)),
    {role("c.relowner")}, ''
FROM units c JOIN pg_sequence s ON s.seqrelid = c.oid
LEFT JOIN pg_depend p ON p.classid = 'pg_class'::regclass AND p.objid = c.oid AND p.objsubid = 0
    AND p.refclassid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')
LEFT JOIN pg_class o ON o.oid = p.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = p.refobjid AND a.attnum = p.refobjsubid
WHERE c.relkind = 'S'
"""

_VIEWS: Final = f"""
SELECT c.oid, CASE relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, name,
    schema, '', relation, concat_ws(E'\\n',
        concat_ws(' ', 'CREATE', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'MATERIALIZED VIEW' END, name,
            (SELECT 'USING ' || quote_ident(amname) FROM pg_am
             WHERE oid = c.relam AND amname <> 'heap'),
            {options("c.reloptions")},
            (SELECT 'TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace
             WHERE oid = c.reltablespace), 'AS'),
        pg_get_viewdef(c.oid),
        CASE WHEN NOT relispopulated THEN 'WITH NO DATA' END,
        {_REPLICA_IDENTITY}), {role("relowner")}, ''
FROM units c WHERE relkind IN ('v', 'm')
"""

_RULES: Final = """
SELECT c.oid, 'rule', c.name || '.' || quote_ident(w.rulename), c.schema, c.relation,
    w.rulename::text, concat_ws(' ',
    pg_get_ruledef(w.oid), CASE w.ev_enabled WHEN 'D' THEN 'DISABLED'
        WHEN 'R' THEN 'ENABLED ON REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END),
    '', ''
FROM units c JOIN pg_rewrite w ON w.ev_class = c.oid
WHERE w.rulename <> '_RETURN' OR w.ev_enabled <> 'O'
"""

# A partition's copy of a trigger is shown only where it is switched another way than the original.
_TRIGGERS: Final = """
SELECT c.oid, 'trigger', c.name || '.' || quote_ident(t.tgname), c.schema, c.relation,
    t.tgname::text, concat_ws(' ',
    pg_get_triggerdef(t.oid), CASE t.tgenabled WHEN 'D' THEN 'DISABLED'
        WHEN 'R' THEN 'ENABLED ON REPLICA' WHEN 'A' THEN 'ENABLED ALWAYS' END),
    '', ''
FROM units c JOIN pg_trigger t ON t.tgrelid = c.oid
LEFT JOIN pg_trigger p ON p.oid = t.tgparentid
WHERE NOT t.tgisinternal AND t.tgparentid = 0 OR p.tgenabled <> t.tgenabled
    AND (NOT t.tgisinternal OR current_setting('server_version_num')::int < 150000)
"""

_POLICIES: Final = """
SELECT c.oid, 'policy', c.name || '.' || quote_ident(p.polname), c.schema, c.relation,
    p.polname::text, concat_ws(' ',
    'CREATE POLICY', quote_ident(p.polname), 'ON', c.name,
    'AS', CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
    'FOR', CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
        WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    (SELECT 'TO ' || string_agg(CASE r WHEN 0 THEN 'PUBLIC'
        ELSE quote_ident(pg_get_userbyid(r)) END, ', ' ORDER BY pg_get_userbyid(r))
     FROM unnest(p.polroles) AS r),
    'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
    'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'), '', ''
FROM units c JOIN pg_policy p ON p.polrelid = c.oid
"""

_STATISTICS: Final = f"""
SELECT c.oid, 'statistics', {qualified("x.stxnamespace", "x.stxname")}, c.schema, c.relation,
    x.stxname::text, concat_ws(E'\\n',
    pg_get_statisticsobjdef(x.oid), 'SET STATISTICS ' || nullif(x.stxstattarget, -1)),
    {role("x.stxowner")}, ''
FROM units c JOIN pg_statistic_ext x ON x.stxrelid = c.oid
"""

_COMMENTS: Final = f"""
SELECT o.unit, 'comment', i.identity, o.schema, o.relation, '', i.definition, '', '' FROM (
    SELECT oid AS unit, schema, relation, 'pg_class'::regclass AS classid, oid FROM units
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_class'::regclass, i.indexrelid
        FROM units c JOIN pg_index i ON i.indrelid = c.oid
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_constraint'::regclass, n.oid
        FROM units c JOIN pg_constraint n ON n.conrelid = c.oid
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_trigger'::regclass, t.oid
        FROM units c JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_rewrite'::regclass, w.oid
        FROM units c JOIN pg_rewrite w ON w.ev_class = c.oid
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_policy'::regclass, p.oid
        FROM units c JOIN pg_policy p ON p.polrelid = c.oid
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_statistic_ext'::regclass, x.oid
        FROM units c JOIN pg_statistic_ext x ON x.stxrelid = c.oid
    UNION ALL SELECT c.oid, c.schema, c.relation, 'pg_type'::regclass, c.reltype FROM units c WHERE c.relkind = 'c'
) AS o
JOIN pg_description d ON d.objoid = o.oid AND d.classoid = o.classid
CROSS JOIN LATERAL ({comment()}) AS i
"""

_ACL_KIND: Final = "(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::\"char\""
_PRIVILEGES: Final = f"""
SELECT oid, 'privileges', identity, schema, relation, name, granted, '', '' FROM (
    SELECT c.oid, c.schema, c.relation, c.name AS identity, '' AS name, {
    privileges("c.relacl", _ACL_KIND, "c.relowner")
} AS granted FROM units c WHERE c.relacl IS NOT NULL
    UNION ALL
    SELECT c.oid, c.schema, c.relation, c.name || '.' || quote_ident(a.attname), a.attname::text, {
    grants("a.attacl", "c.relowner")
}
    FROM units c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT c.oid, c.schema, c.relation, c.name, '', {privileges("t.typacl", "'T'", "t.typowner")}
    FROM units c JOIN pg_type t ON t.oid = c.reltype
    WHERE c.relkind = 'c' AND t.typacl IS NOT NULL
) AS acls WHERE granted IS NOT NULL
"""

_PARTS: Final = (
    _TABLES,
    _COLUMNS,
    _CONSTRAINTS,
    _INDEXES,
    _SEQUENCES,
    _VIEWS,
    _RULES,
    _TRIGGERS,
    _POLICIES,
    _STATISTICS,
    _COMMENTS,
    _PRIVILEGES,
)


def relations_sql(scope: str) -> str:
    """Return the query for the relations in a scope."""
    # The braces in the parts stand for themselves: only this piece is a template.
    return f"WITH {_UNITS.format(scope=scope)}{'UNION ALL'.join(_PARTS)}"
