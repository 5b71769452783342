"""What stands on a column, a type or a key: what depends on it, by PostgreSQL's catalog.

https://www.postgresql.org/docs/current/catalog-pg-depend.html
"""

from collections.abc import Mapping
from typing import Final

from ..engine.factory import migration_connection
from ..engine.url import DatabaseURL

# Objects of the catalog, by kind, schema, table and name.
Key = tuple[str, str, str, str]

# A view depends by its rule, a generated column by its expression. The key that a foreign key leads
# to is an index; what an array of an enum is used for stands on the enum.
_DEPENDENTS_SQL: Final = """
WITH dependents AS (
    SELECT 'pg_constraint'::regclass AS classid, n.oid, 'constraint' AS kind,
        n.conrelid AS relation, n.conname AS name
    FROM pg_constraint n WHERE n.conrelid <> 0 AND n.contype <> 'n' AND n.contype <> 't'
    UNION ALL
    SELECT 'pg_class'::regclass, i.indexrelid, 'index', i.indrelid, x.relname
    FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
    UNION ALL
    SELECT 'pg_attrdef'::regclass, d.oid, 'column', d.adrelid, a.attname
    FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE a.attgenerated <> ''
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, CASE c.relkind WHEN 'v' THEN 'view'
        WHEN 'm' THEN 'materialized view' ELSE 'rule' END, w.ev_class,
        CASE WHEN c.relkind IN ('v', 'm') THEN c.relname ELSE w.rulename END
    FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
    UNION ALL
    SELECT 'pg_policy'::regclass, p.oid, 'policy', p.polrelid, p.polname FROM pg_policy p
    UNION ALL
    SELECT 'pg_trigger'::regclass, t.oid, 'trigger', t.tgrelid, t.tgname
    FROM pg_trigger t WHERE NOT t.tgisinternal AND t.tgparentid = 0
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, s.oid, 'statistics', s.stxrelid, s.stxname
    FROM pg_statistic_ext s
), known AS (
    SELECT classid, d.oid, kind, relation, n.nspname::text AS schema,
        CASE WHEN kind IN ('view', 'materialized view') THEN ''
            ELSE c.relname::text END AS on_table, d.name::text AS name
    FROM dependents d JOIN pg_class c ON c.oid = d.relation
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT c.relispartition
)
SELECT DISTINCT
    CASE WHEN r.relkind = 'i' THEN 'index' WHEN r.relkind IN ('v', 'm') THEN 'view'
        WHEN r.oid IS NOT NULL THEN 'column' ELSE 'type' END AS on_kind,
    coalesce(rn.nspname, tn.nspname)::text AS on_schema,
    CASE WHEN r.relkind NOT IN ('i', 'v', 'm') THEN r.relname::text ELSE '' END AS on_relation,
    CASE WHEN r.relkind IN ('i', 'v', 'm') THEN r.relname::text
        WHEN r.oid IS NOT NULL THEN a.attname::text ELSE coalesce(e.typname, t.typname)::text END
        AS on_name,
    k.kind, k.schema, k.on_table, k.name
FROM pg_depend d JOIN known k ON k.classid = d.classid AND k.oid = d.objid
LEFT JOIN pg_class r ON d.refclassid = 'pg_class'::regclass AND r.oid = d.refobjid
LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
LEFT JOIN pg_namespace tn ON tn.oid = coalesce(e.typnamespace, t.typnamespace)
WHERE (t.oid IS NOT NULL OR r.relkind IN ('i', 'v', 'm') OR a.attnum IS NOT NULL)
    AND coalesce(rn.nspname, tn.nspname) NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    -- a view depends on itself, a column's default on the column, an index on its constraint
    AND NOT (k.relation = r.oid AND k.kind IN ('view', 'materialized view'))
    AND NOT (k.kind = 'column' AND k.relation = r.oid AND k.name = a.attname)
    AND NOT (k.kind = 'index' AND r.relkind = 'i')
"""


async def read_dependents(url: DatabaseURL) -> Mapping[Key, frozenset[Key]]:
    """Return, by column, type, key or view, what depends on it in the database at `url`.

    Raises:
        ConfigurationError, ConnectionFailedError: the database cannot be reached.
    """
    found: dict[Key, set[Key]] = {}
    async with migration_connection(url) as connection:
        for row in (await connection.exec_driver_sql(_DEPENDENTS_SQL)).all():
            names: list[str] = list(row)
            key = (names[0], names[1], names[2], names[3])
            found.setdefault(key, set()).add((names[4], names[5], names[6], names[7]))
    return {key: frozenset(those) for key, those in found.items()}
