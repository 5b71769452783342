"""The query for what changed since the last read, by the catalogs' own row versions.

A row that was written since then has an `xmin` that the last read's snapshot did not yet see (a
frozen row keeps its own, so vacuum changes nothing). A row that is gone lowers a count. What
changes a definition without writing a row of its own, as the new name of a column in a view, is
found by walking pg_depend from what was written.
"""

# ruff: noqa: E501, S608 - the SQL is pieced from constants of this folder alone

from typing import Final

from .fragments import FIRST_OID
from .restricted_catalogs import shared_sql

# Catalogs of what is on a relation: (catalog, oid, the relation that it is on, condition).
_ON_RELATIONS: Final = (
    ("pg_class", "oid", "oid", "relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')"),
    ("pg_index", "indexrelid", "indrelid", "true"),
    ("pg_constraint", "oid", "conrelid", "conrelid <> 0"),
    ("pg_trigger", "oid", "tgrelid", "true"),
    ("pg_policy", "oid", "polrelid", "true"),
    ("pg_rewrite", "oid", "ev_class", "true"),
    ("pg_statistic_ext", "oid", "stxrelid", "true"),
    ("pg_inherits", "inhrelid", "inhrelid", "true"),
)
# Those whose rows never go while the relation, or another row of it, stays as it is.
_WRITTEN_ONLY: Final = (
    ("pg_attribute", "attrelid", "attnum > 0"),
    ("pg_class", "oid", "relkind IN ('i', 'I')"),
    ("pg_sequence", "seqrelid", "true"),
    ("pg_foreign_table", "ftrelid", "true"),
)
_OBJECTS: Final = [
    "pg_proc",
    "pg_operator",
    "pg_opclass",
    "pg_opfamily",
    "pg_collation",
    "pg_conversion",
    "pg_event_trigger",
    "pg_cast",
    "pg_language",
    "pg_transform",
    "pg_am",
    "pg_ts_parser",
    "pg_ts_template",
    "pg_ts_dict",
    "pg_ts_config",
    "pg_foreign_data_wrapper",
    "pg_foreign_server",
    "pg_namespace",
    "pg_publication",
    "pg_extension",
]
_PARTS_OF_OBJECTS: Final = [
    "pg_enum",
    "pg_range",
    "pg_aggregate",
    "pg_amop",
    "pg_amproc",
    "pg_ts_config_map",
    "pg_default_acl",
    "pg_publication_rel",
    "pg_init_privs",
    "pg_seclabel",
]
_NEW: Final = "age(xmin) <= (SELECT age FROM since)"


def _counted(catalog: str, oid: str, condition: str = "") -> str:
    """Return SQL for one row on a catalog: how many rows it has, and the oids of the new ones."""
    return (
        f"SELECT '{catalog}'::regclass AS classid, count(*) AS rows, "
        f"array_agg({oid}) FILTER (WHERE {_NEW}) AS new FROM {catalog} {condition}"
    )


def changes_sql(version: int) -> str:
    """Return the query, of a major version; `$1` is the `xmin` that the last one gave.

    With NULL no row is new: the first read needs the counts alone.
    """
    ours = [
        f"SELECT '{catalog}'::regclass AS classid, {oid} AS objid, {unit} AS unit, {_NEW} AS new "
        f"FROM {catalog} WHERE {oid} >= {FIRST_OID} AND {condition}"
        for catalog, oid, unit, condition in _ON_RELATIONS
    ]
    written = [
        f"SELECT 'pg_class'::regclass AS classid, {oid} AS objid FROM {catalog} "
        f"WHERE {oid} >= {FIRST_OID} AND {condition} AND {_NEW}"
        for catalog, oid, condition in _WRITTEN_ONLY
    ]
    # The row types of tables, and arrays of them, come and go with these.
    objects = [_counted(catalog, "oid") for catalog in _OBJECTS] + [
        _counted("pg_type", "oid", "WHERE typrelid = 0 AND typoutput <> 'array_out'::regproc"),
        _counted("pg_constraint", "oid", "WHERE contypid <> 0"),
    ]
    parts = _PARTS_OF_OBJECTS + (["pg_publication_namespace"] if version >= 15 else [])
    others = [_counted(part, "0") for part in parts]
    separator = "\n    UNION ALL "
    return f"""
WITH RECURSIVE since AS MATERIALIZED (SELECT age($1::text::xid) AS age),
on_relations AS MATERIALIZED (
    {separator.join(ours)}
), said AS MATERIALIZED (
    -- Comments, by the object that they are of.
    SELECT classoid AS classid, objoid AS objid, {_NEW} AS new FROM pg_description
    WHERE objoid >= {FIRST_OID}
    UNION ALL SELECT classoid, objoid, {_NEW} FROM pg_description
    WHERE objoid IN (SELECT oid FROM pg_namespace WHERE oid < {FIRST_OID})
        AND classoid = 'pg_namespace'::regclass
), members AS (
    SELECT {_NEW} AS new FROM pg_depend
    WHERE refclassid = 'pg_extension'::regclass AND deptype IN ('e', 'x')
), objects AS MATERIALIZED (
    {separator.join(objects)}
), others AS MATERIALIZED (
    {separator.join(others)}
), written AS (
    SELECT classid, objid FROM on_relations WHERE new
    UNION SELECT 'pg_class'::regclass, unit FROM on_relations
        WHERE new AND classid NOT IN ('pg_trigger'::regclass, 'pg_policy'::regclass)
    UNION {" UNION ".join(written)}
    UNION SELECT classid, unnest(new) FROM objects
    UNION SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typrelid <> 0 AND {_NEW}
        AND oid >= {FIRST_OID}
), touched AS (
    SELECT classid::oid AS classid, objid FROM written
    UNION
    SELECT d.classid, d.objid FROM touched t
    -- OFFSET 0: by the index, for the few that were touched, and not over all of pg_depend.
    CROSS JOIN LATERAL (SELECT classid, objid FROM pg_depend
        WHERE refclassid = t.classid AND refobjid = t.objid OFFSET 0) AS d
), reached AS (
    SELECT classid, objid FROM touched
    UNION SELECT classid, objid FROM said WHERE new
), units AS (
    SELECT o.unit FROM reached r JOIN on_relations o ON o.classid = r.classid AND o.objid = r.objid
    UNION SELECT i.indrelid FROM reached r JOIN pg_index i ON i.indexrelid = r.objid
        WHERE r.classid = 'pg_class'::regclass
    UNION SELECT d.adrelid FROM reached r JOIN pg_attrdef d ON d.oid = r.objid
        WHERE r.classid = 'pg_attrdef'::regclass
    UNION SELECT t.typrelid FROM reached r JOIN pg_type t ON t.oid = r.objid
        WHERE r.classid = 'pg_type'::regclass AND t.typrelid <> 0
), counts AS (
    SELECT unit, count(*) AS rows FROM (
        SELECT unit FROM on_relations
        UNION ALL
        SELECT o.unit FROM said s JOIN on_relations o ON o.classid = s.classid AND o.objid = s.objid
    ) AS each GROUP BY unit
)
SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin,
    (SELECT array_agg(unit ORDER BY unit) FROM counts) AS units,
    (SELECT array_agg(rows ORDER BY unit) FROM counts) AS rows,
    (SELECT array_agg(unit) FROM units) AS touched,
    EXISTS (SELECT FROM members WHERE new) AS members_touched,
    (SELECT count(*) FROM members) AS members,
    EXISTS (SELECT FROM others WHERE new IS NOT NULL)
        OR EXISTS (SELECT FROM reached
            WHERE (classid, objid) NOT IN (SELECT classid::oid, objid FROM on_relations)
            AND classid NOT IN ('pg_class'::regclass, 'pg_attrdef'::regclass)
            AND NOT EXISTS (SELECT FROM pg_type WHERE classid = 'pg_type'::regclass
                AND oid = objid AND (typrelid <> 0 OR typoutput = 'array_out'::regproc))) AS objects_touched,
    (SELECT string_agg(concat(classid, ' ', rows), ', ' ORDER BY classid) FROM (
        SELECT classid::oid, rows FROM objects
        UNION ALL SELECT classid::oid, rows FROM others
        UNION ALL SELECT 0, count(*) FROM said
            WHERE (classid, objid) NOT IN (SELECT classid::oid, objid FROM on_relations)
    ) AS each) AS objects,
    (SELECT string_agg(concat(kind, identity, definition, owner), ' ' ORDER BY kind, identity)
     FROM ({shared_sql(version)}) AS shared) AS shared,
    -- The names that many definitions hold without a row of theirs to say so.
    concat((SELECT string_agg(concat(oid, rolname), ' ' ORDER BY oid) FROM pg_roles),
        (SELECT string_agg(concat(oid, nspname), ' ' ORDER BY oid) FROM pg_namespace
         WHERE nspname !~ '^pg_'),
        (SELECT string_agg(concat(oid, spcname), ' ' ORDER BY oid) FROM pg_tablespace)) AS names
"""
