"""The query for what is not on a relation: schemas, types, functions, extensions and the rest.

Its rows are (0, kind, identity, definition, owner, schema, name): see `CatalogObject`.
"""

# ruff: noqa: E501, S608 - the SQL is pieced from constants of this folder alone

from typing import Final

from .fragments import (
    FIRST_OID,
    comment,
    grants,
    not_member,
    options,
    privileges,
    qualified,
    role,
)
from .restricted_catalogs import shared_sql

_OURS: Final = f">= {FIRST_OID}"

_SCHEMAS: Final = f"""
SELECT 0::oid AS unit, 'schema' AS kind, quote_ident(nspname) AS identity,
    'CREATE SCHEMA ' || quote_ident(nspname) AS definition,
    {role("nspowner")} AS owner, quote_ident(nspname) AS schema, nspname::text AS name
FROM pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND {not_member("pg_namespace", "n.oid")}
UNION ALL
SELECT 0, 'extension', quote_ident(extname), concat_ws(' ', 'CREATE EXTENSION', quote_ident(extname),
    'SCHEMA', extnamespace::regnamespace, 'VERSION', quote_literal(extversion)),
    NULL, extnamespace::regnamespace::text, extname
FROM pg_extension
UNION ALL
SELECT 0, 'default privileges', concat_ws(' ', {role("defaclrole")},
        'IN ' || nullif(defaclnamespace, 0)::regnamespace::text,
        'ON ' || CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES'
            WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS'
            ELSE 'LARGE OBJECTS' END),
    coalesce({grants("defaclacl", "defaclrole")}, 'REVOKE ALL'), NULL, NULL, NULL
FROM pg_default_acl
"""

_TYPES: Final = f"""
SELECT 0, CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'r' THEN 'range'
        ELSE 'type' END, {qualified("t.typnamespace", "t.typname")},
    concat_ws(' ', CASE t.typtype WHEN 'd' THEN 'CREATE DOMAIN' ELSE 'CREATE TYPE' END,
        {qualified("t.typnamespace", "t.typname")},
        CASE t.typtype
        WHEN 'e' THEN (SELECT 'AS ENUM (' || coalesce(string_agg(quote_literal(enumlabel), ', '
            ORDER BY enumsortorder), '') || ')' FROM pg_enum WHERE enumtypid = t.oid)
        WHEN 'd' THEN concat_ws(' ', 'AS', format_type(t.typbasetype, t.typtypmod),
            CASE WHEN t.typcollation <> b.typcollation THEN 'COLLATE '
                || (SELECT {qualified("collnamespace", "collname")} FROM pg_collation
                    WHERE oid = t.typcollation) END,
            'DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN 'NOT NULL' END)
        WHEN 'r' THEN (SELECT concat_ws(' ', 'AS RANGE (SUBTYPE', format_type(rngsubtype, NULL),
            'SUBTYPE_OPCLASS ' || (SELECT {qualified("opcnamespace", "opcname")}
                FROM pg_opclass WHERE oid = rngsubopc),
            'COLLATION ' || (SELECT {qualified("collnamespace", "collname")} FROM pg_collation
                WHERE oid = rngcollation),
            'CANONICAL ' || nullif(rngcanonical::oid, 0)::regproc,
            'SUBTYPE_DIFF ' || nullif(rngsubdiff::oid, 0)::regproc,
            'MULTIRANGE_TYPE_NAME ' || format_type(rngmultitypid, NULL)) || ')'
            FROM pg_range WHERE rngtypid = t.oid)
        WHEN 'b' THEN concat_ws(' ', '(INPUT', t.typinput, 'OUTPUT', t.typoutput,
            'RECEIVE', t.typreceive, 'SEND', t.typsend, 'TYPMOD_IN', t.typmodin,
            'TYPMOD_OUT', t.typmodout, 'ANALYZE', t.typanalyze,
            'SUBSCRIPT', to_jsonb(t)->>'typsubscript', 'LENGTH', t.typlen,
            CASE WHEN t.typbyval THEN 'PASSEDBYVALUE' END, 'ALIGNMENT', t.typalign,
            'STORAGE', t.typstorage, 'CATEGORY', quote_literal(t.typcategory::text),
            CASE WHEN t.typispreferred THEN 'PREFERRED' END, 'DEFAULT ' || t.typdefault,
            'ELEMENT ' || format_type(nullif(t.typelem, 0), NULL),
            'DELIMITER', quote_literal(t.typdelim::text),
            CASE WHEN t.typcollation <> 0 THEN 'COLLATABLE' END) || ')'
        END),
    {role("t.typowner")}, t.typnamespace::regnamespace::text, t.typname
FROM pg_type t LEFT JOIN pg_type b ON b.oid = t.typbasetype
WHERE t.oid {_OURS} AND (t.typtype IN ('e', 'd', 'r', 'p') OR t.typtype = 'b'
        AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid))
    AND t.typnamespace::regnamespace::text !~ '^pg_(temp|toast)'
    AND {not_member("pg_type", "t.oid")}
UNION ALL
SELECT 0, 'domain constraint', n.contypid::regtype::text || '.' || quote_ident(n.conname),
    pg_get_constraintdef(n.oid), NULL, n.connamespace::regnamespace::text, n.conname
FROM pg_constraint n WHERE n.contypid <> 0 AND n.oid {_OURS}
    AND {not_member("pg_type", "n.contypid")}
"""

_FUNCTIONS: Final = f"""
SELECT 0, CASE prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END,
    {qualified("p.pronamespace", "p.proname")}
        || '(' || pg_get_function_identity_arguments(p.oid) || ')',
    CASE WHEN p.prokind <> 'a' THEN trim(E'\\n' FROM pg_get_functiondef(p.oid))
        ELSE (SELECT concat_ws(' ', 'CREATE AGGREGATE', {qualified("p.pronamespace", "p.proname")}
                || '(' || pg_get_function_arguments(p.oid) || ')',
            'PARALLEL', p.proparallel, 'KIND', aggkind, aggnumdirectargs,
            'SFUNC', aggtransfn, 'STYPE', format_type(aggtranstype, NULL), 'SSPACE', aggtransspace,
            'FINALFUNC', aggfinalfn, aggfinalextra, aggfinalmodify, 'COMBINEFUNC', aggcombinefn,
            'SERIALFUNC', aggserialfn, 'DESERIALFUNC', aggdeserialfn, 'INITCOND', agginitval,
            'MSFUNC', aggmtransfn, 'MINVFUNC', aggminvtransfn,
            'MSTYPE', format_type(nullif(aggmtranstype, 0), NULL), 'MSSPACE', aggmtransspace,
            'MFINALFUNC', aggmfinalfn, aggmfinalextra, aggmfinalmodify, 'MINITCOND', aggminitval,
            'SORTOP', nullif(aggsortop, 0)::regoperator,
            'RETURNS', pg_get_function_result(p.oid), 'STRICT', p.proisstrict, p.provolatile)
        FROM pg_aggregate WHERE aggfnoid = p.oid) END,
    {role("p.proowner")}, p.pronamespace::regnamespace::text, p.proname
FROM pg_proc p WHERE p.oid {_OURS} AND {not_member("pg_proc", "p.oid")}
    -- What a range type brings goes with it.
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid
        AND deptype = 'i')
    AND p.pronamespace::regnamespace::text !~ '^pg_temp'
"""

_OPERATORS: Final = f"""
SELECT 0, 'cast', format('(%s AS %s)', format_type(castsource, NULL), format_type(casttarget, NULL)),
    concat_ws(' ', 'CREATE CAST', 'WITH', CASE castmethod WHEN 'f' THEN 'FUNCTION '
        || castfunc::regprocedure WHEN 'i' THEN 'INOUT' ELSE 'NO FUNCTION' END,
        CASE castcontext WHEN 'a' THEN 'AS ASSIGNMENT' WHEN 'i' THEN 'AS IMPLICIT' END),
    NULL, NULL, NULL
FROM pg_cast x WHERE oid {_OURS} AND {not_member("pg_cast", "x.oid")}
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_cast'::regclass AND objid = x.oid
        AND deptype = 'i')
UNION ALL
SELECT 0, 'operator', oid::regoperator::text, concat_ws(' ', 'CREATE OPERATOR',
    oid::regoperator, 'FUNCTION', oprcode, 'COMMUTATOR ' || nullif(oprcom, 0)::regoperator,
    'NEGATOR ' || nullif(oprnegate, 0)::regoperator, 'RESTRICT ' || nullif(oprrest::oid, 0)::regproc,
    'JOIN ' || nullif(oprjoin::oid, 0)::regproc, CASE WHEN oprcanmerge THEN 'MERGES' END,
    CASE WHEN oprcanhash THEN 'HASHES' END),
    {role("oprowner")}, oprnamespace::regnamespace::text, oprname
FROM pg_operator o WHERE oid {_OURS} AND oprcode <> 0 AND {not_member("pg_operator", "o.oid")}
UNION ALL
SELECT 0, 'operator family', {qualified("f.opfnamespace", "f.opfname")} || ' USING ' || m.amname,
    concat_ws(E'\\n', 'CREATE OPERATOR FAMILY',
        (SELECT string_agg(concat_ws(' ', 'OPERATOR', amopstrategy, amopopr::regoperator,
            'FOR ORDER BY ' || nullif(amopsortfamily, 0)::regclass::text), E'\\n'
            ORDER BY amopstrategy, amopopr::regoperator::text)
         FROM pg_amop WHERE amopfamily = f.oid),
        (SELECT string_agg(format('FUNCTION %s (%s, %s) %s', amprocnum,
            format_type(amproclefttype, NULL), format_type(amprocrighttype, NULL),
            amproc::regprocedure), E'\\n' ORDER BY amprocnum, amproc::regprocedure::text,
            format_type(amproclefttype, NULL), format_type(amprocrighttype, NULL))
         FROM pg_amproc WHERE amprocfamily = f.oid)),
    {role("f.opfowner")}, f.opfnamespace::regnamespace::text, f.opfname
FROM pg_opfamily f JOIN pg_am m ON m.oid = f.opfmethod
WHERE f.oid {_OURS} AND {not_member("pg_opfamily", "f.oid")}
UNION ALL
SELECT 0, 'operator class', {qualified("c.opcnamespace", "c.opcname")} || ' USING ' || m.amname,
    concat_ws(E'\\n', concat_ws(' ', 'CREATE OPERATOR CLASS',
        CASE WHEN c.opcdefault THEN 'DEFAULT' END, 'FOR TYPE', format_type(c.opcintype, NULL),
        'FAMILY', {qualified("f.opfnamespace", "f.opfname")},
        'STORAGE ' || format_type(nullif(c.opckeytype, 0), NULL)),
        -- Which members are the class's own, and go with it.
        (SELECT string_agg(i.identity, E'\\n' ORDER BY i.identity)
         FROM pg_depend d, pg_identify_object(d.classid, d.objid, 0) AS i
         WHERE d.refclassid = 'pg_opclass'::regclass AND d.refobjid = c.oid
            AND d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass))),
    {role("c.opcowner")}, c.opcnamespace::regnamespace::text, c.opcname
FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod JOIN pg_opfamily f ON f.oid = c.opcfamily
WHERE c.oid {_OURS} AND {not_member("pg_opclass", "c.oid")}
UNION ALL
SELECT 0, 'access method', quote_ident(amname), concat_ws(' ', 'CREATE ACCESS METHOD TYPE', amtype,
    'HANDLER', amhandler), NULL, NULL, amname
FROM pg_am a WHERE oid {_OURS} AND {not_member("pg_am", "a.oid")}
UNION ALL
SELECT 0, 'conversion', {qualified("connamespace", "conname")}, concat_ws(' ',
    'CREATE', CASE WHEN condefault THEN 'DEFAULT' END, 'CONVERSION FOR',
    pg_encoding_to_char(conforencoding), 'TO', pg_encoding_to_char(contoencoding), 'FROM', conproc),
    {role("conowner")}, connamespace::regnamespace::text, conname
FROM pg_conversion c WHERE oid {_OURS} AND {not_member("pg_conversion", "c.oid")}
UNION ALL
SELECT 0, 'collation', {qualified("collnamespace", "collname")},
    concat_ws(' ', 'CREATE COLLATION', 'PROVIDER', collprovider, 'DETERMINISTIC', collisdeterministic,
        'LC_COLLATE ' || collcollate, 'LC_CTYPE ' || collctype,
        'LOCALE ' || coalesce(j->>'colllocale', j->>'colliculocale'),
        'RULES ' || (j->>'collicurules')),
    {role("collowner")}, collnamespace::regnamespace::text, collname
FROM pg_collation c, to_jsonb(c) AS j
WHERE oid {_OURS} AND {not_member("pg_collation", "c.oid")}
"""

_LANGUAGES: Final = f"""
SELECT 0, 'language', quote_ident(lanname), concat_ws(' ', 'CREATE',
    CASE WHEN lanpltrusted THEN 'TRUSTED' END, 'LANGUAGE HANDLER', lanplcallfoid::regproc,
    'INLINE ' || nullif(laninline, 0)::regproc, 'VALIDATOR ' || nullif(lanvalidator, 0)::regproc),
    {role("lanowner")}, NULL, lanname
FROM pg_language l WHERE oid {_OURS} AND lanispl AND {not_member("pg_language", "l.oid")}
UNION ALL
SELECT 0, 'transform', format('FOR %s LANGUAGE %I', format_type(trftype, NULL), lanname),
    concat_ws(' ', 'CREATE TRANSFORM', 'FROM SQL ' || nullif(trffromsql::oid, 0)::regprocedure,
        'TO SQL ' || nullif(trftosql::oid, 0)::regprocedure), NULL, NULL, NULL
FROM pg_transform f JOIN pg_language l ON l.oid = f.trflang
WHERE f.oid {_OURS} AND {not_member("pg_transform", "f.oid")}
UNION ALL
SELECT 0, 'event trigger', quote_ident(evtname), concat_ws(' ',
    'CREATE EVENT TRIGGER', quote_ident(evtname), 'ON', evtevent,
    {options("evttags", "WHEN TAG IN")}, 'EXECUTE FUNCTION', evtfoid::regproc || '()',
    CASE evtenabled WHEN 'D' THEN 'DISABLED' WHEN 'R' THEN 'ENABLED ON REPLICA'
        WHEN 'A' THEN 'ENABLED ALWAYS' END), {role("evtowner")}, NULL, evtname
FROM pg_event_trigger e WHERE {not_member("pg_event_trigger", "e.oid")}
UNION ALL
SELECT 0, 'text search parser', {qualified("prsnamespace", "prsname")}, concat_ws(' ',
    'CREATE TEXT SEARCH PARSER START', prsstart, 'GETTOKEN', prstoken, 'END', prsend,
    'HEADLINE', prsheadline, 'LEXTYPES', prslextype),
    NULL, prsnamespace::regnamespace::text, prsname
FROM pg_ts_parser p WHERE oid {_OURS} AND {not_member("pg_ts_parser", "p.oid")}
UNION ALL
SELECT 0, 'text search template', {qualified("tmplnamespace", "tmplname")}, concat_ws(' ',
    'CREATE TEXT SEARCH TEMPLATE INIT', tmplinit, 'LEXIZE', tmpllexize),
    NULL, tmplnamespace::regnamespace::text, tmplname
FROM pg_ts_template t WHERE oid {_OURS} AND {not_member("pg_ts_template", "t.oid")}
UNION ALL
SELECT 0, 'text search dictionary', {qualified("dictnamespace", "dictname")},
    concat_ws(' ', 'CREATE TEXT SEARCH DICTIONARY TEMPLATE',
        (SELECT {qualified("tmplnamespace", "tmplname")} FROM pg_ts_template
         WHERE oid = dicttemplate), dictinitoption),
    {role("dictowner")}, dictnamespace::regnamespace::text, dictname
FROM pg_ts_dict d WHERE oid {_OURS} AND {not_member("pg_ts_dict", "d.oid")}
UNION ALL
SELECT 0, 'text search configuration', {qualified("cfgnamespace", "cfgname")}, concat_ws(E'\\n',
    'CREATE TEXT SEARCH CONFIGURATION PARSER ' || (SELECT {qualified("prsnamespace", "prsname")}
        FROM pg_ts_parser WHERE oid = cfgparser),
    (SELECT string_agg(format('MAPPING FOR %s WITH %s', maptokentype,
        mapdict::regdictionary), E'\\n' ORDER BY maptokentype, mapseqno)
     FROM pg_ts_config_map WHERE mapcfg = c.oid)),
    {role("cfgowner")}, cfgnamespace::regnamespace::text, cfgname
FROM pg_ts_config c WHERE oid {_OURS} AND {not_member("pg_ts_config", "c.oid")}
"""

_FOREIGN: Final = f"""
SELECT 0, 'foreign data wrapper', quote_ident(fdwname), concat_ws(' ',
    'CREATE FOREIGN DATA WRAPPER HANDLER', fdwhandler::regproc, 'VALIDATOR', fdwvalidator::regproc,
    {options("fdwoptions", "OPTIONS")}), {role("fdwowner")}, NULL, fdwname
FROM pg_foreign_data_wrapper w WHERE {not_member("pg_foreign_data_wrapper", "w.oid")}
UNION ALL
SELECT 0, 'server', quote_ident(srvname), concat_ws(' ', 'CREATE SERVER',
    'TYPE ' || quote_literal(srvtype), 'VERSION ' || quote_literal(srvversion),
    'FOREIGN DATA WRAPPER', quote_ident(fdwname), {options("srvoptions", "OPTIONS")}),
    {role("srvowner")}, NULL, srvname
FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
WHERE {not_member("pg_foreign_server", "s.oid")}
"""

_PUBLICATIONS_HEAD: Final = """
SELECT 0, 'publication', quote_ident(pubname), concat_ws(E'\\n', concat_ws(' ', 'CREATE PUBLICATION',
    quote_ident(pubname), CASE WHEN puballtables THEN 'FOR ALL TABLES' END, 'WITH (publish =',
    concat_ws(', ', CASE WHEN pubinsert THEN 'insert' END, CASE WHEN pubupdate THEN 'update' END,
        CASE WHEN pubdelete THEN 'delete' END, CASE WHEN pubtruncate THEN 'truncate' END)
    || CASE WHEN pubviaroot THEN '; publish_via_partition_root' ELSE '' END
    || coalesce('; publish_generated_columns = ' || nullif(to_jsonb(p)->>'pubgencols', 'n'), '')
    || ')'),
"""
_PUBLICATIONS_TAIL: Final = f"""
    NULL), {role("pubowner")}, NULL, pubname
FROM pg_publication p
"""
_PUBLISHED_14: Final = """
    (SELECT string_agg('TABLE ' || prrelid::regclass::text, E'\\n' ORDER BY prrelid::regclass::text)
     FROM pg_publication_rel WHERE prpubid = p.oid),
"""
_PUBLISHED_15: Final = """
    (SELECT string_agg(concat_ws(' ', 'TABLE', prrelid::regclass,
        '(' || (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
            WHERE attrelid = prrelid AND attnum = ANY(prattrs)) || ')',
        'WHERE ' || pg_get_expr(prqual, prrelid)), E'\\n' ORDER BY prrelid::regclass::text)
     FROM pg_publication_rel WHERE prpubid = p.oid),
    (SELECT string_agg('TABLES IN SCHEMA ' || pnnspid::regnamespace, E'\\n'
        ORDER BY pnnspid::regnamespace::text)
     FROM pg_publication_namespace WHERE pnpubid = p.oid),
"""

_PRIVILEGES: Final = f"""
SELECT 0, 'privileges', i.type || ' ' || i.identity, granted, NULL, i.schema, i.name FROM (
    SELECT 'pg_namespace'::regclass AS classid, oid, {privileges("nspacl", "'n'", "nspowner")} AS granted
    FROM pg_namespace n WHERE nspacl IS NOT NULL AND nspname !~ '^pg_'
        AND nspname <> 'information_schema' AND {not_member("pg_namespace", "n.oid")}
    UNION ALL
    SELECT 'pg_proc'::regclass, oid, {privileges("proacl", "'f'", "proowner")} FROM pg_proc p
    WHERE proacl IS NOT NULL AND oid {_OURS} AND {not_member("pg_proc", "p.oid")}
    UNION ALL
    SELECT 'pg_type'::regclass, oid, {privileges("typacl", "'T'", "typowner")} FROM pg_type t
    WHERE typacl IS NOT NULL AND oid {_OURS} AND typtype <> 'c' AND {not_member("pg_type", "t.oid")}
    UNION ALL
    SELECT 'pg_language'::regclass, oid, {privileges("lanacl", "'l'", "lanowner")} FROM pg_language l
    WHERE lanacl IS NOT NULL AND lanispl AND {not_member("pg_language", "l.oid")}
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, oid, {privileges("fdwacl", "'F'", "fdwowner")}
    FROM pg_foreign_data_wrapper WHERE fdwacl IS NOT NULL
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, oid, {privileges("srvacl", "'S'", "srvowner")}
    FROM pg_foreign_server WHERE srvacl IS NOT NULL
    UNION ALL
    -- What initdb or an extension made, where its privileges are no longer those it was made with.
    SELECT a.classid, a.oid, nullif(coalesce({grants("a.acl", "a.owner")}, 'REVOKE ALL'),
        {grants("coalesce(i.initprivs, acldefault(a.kind, a.owner))", "a.owner")}) FROM (
        SELECT 'pg_proc'::regclass AS classid, oid, proacl AS acl, proowner AS owner,
            pronamespace AS schema, 'f'::"char" AS kind FROM pg_proc WHERE proacl IS NOT NULL
        UNION ALL SELECT 'pg_class'::regclass, oid, relacl, relowner, relnamespace, 'r' FROM pg_class
            WHERE relacl IS NOT NULL
        UNION ALL SELECT 'pg_type'::regclass, oid, typacl, typowner, typnamespace, 'T' FROM pg_type
            WHERE typacl IS NOT NULL
        UNION ALL SELECT 'pg_namespace'::regclass, oid, nspacl, nspowner, oid, 'n' FROM pg_namespace
            WHERE nspacl IS NOT NULL
        UNION ALL SELECT 'pg_language'::regclass, oid, lanacl, lanowner,
            'pg_catalog'::regnamespace, 'l' FROM pg_language WHERE lanacl IS NOT NULL
    ) AS a LEFT JOIN pg_init_privs i
        ON i.objoid = a.oid AND i.classoid = a.classid AND i.objsubid = 0
    WHERE a.acl IS DISTINCT FROM i.initprivs AND (i.objoid IS NOT NULL
        OR a.oid < {FIRST_OID} AND a.schema = 'pg_catalog'::regnamespace)
) AS acls, pg_identify_object(classid, oid, 0) AS i WHERE granted IS NOT NULL
"""

_SAID_OF_OBJECTS: Final = f"""
SELECT 0, 'comment', i.type || ' ' || i.identity, i.definition, NULL, i.schema, NULL FROM (
    -- OFFSET 0: what initdb commented is sorted out before any name is looked up.
    SELECT * FROM pg_description d
    WHERE d.classoid NOT IN ('pg_class'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass,
            'pg_policy'::regclass, 'pg_statistic_ext'::regclass)
        AND (d.objoid {_OURS} OR d.classoid = 'pg_namespace'::regclass
            AND d.objoid = to_regnamespace('public'))
        AND NOT EXISTS (SELECT FROM pg_constraint WHERE d.classoid = 'pg_constraint'::regclass
            AND oid = d.objoid AND conrelid <> 0)
        AND NOT EXISTS (SELECT FROM pg_type WHERE d.classoid = 'pg_type'::regclass
            AND oid = d.objoid AND typtype = 'c')
        AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = d.classoid AND objid = d.objoid
            AND deptype = 'e')
    OFFSET 0
) AS d CROSS JOIN LATERAL ({comment()}) AS i
UNION ALL
SELECT 0, 'security label', l.provider || ' ' || i.identity, l.label, NULL, i.schema, NULL
FROM pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) AS i
UNION ALL
SELECT 0, 'dependency', i.type || ' ' || i.identity || ' on ' || quote_ident(e.extname),
    'DEPENDS ON EXTENSION ' || quote_ident(e.extname), NULL, i.schema, NULL
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid,
    pg_identify_object(d.classid, d.objid, 0) AS i
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x'
"""

_ROWS: Final = """
SELECT unit, kind, identity, coalesce((parse_ident(schema))[1], '') AS schema, '' AS table,
    coalesce(name::text, '') AS name, coalesce(definition, '') AS definition,
    coalesce(owner, '') AS owner, '' AS details
FROM ({}) AS rows
"""


def objects_sql(version: int) -> str:
    """Return the query for what is not on a relation, of a major version of PostgreSQL."""
    published = _PUBLISHED_14 if version < 15 else _PUBLISHED_15
    parts = (
        _SCHEMAS,
        _TYPES,
        _FUNCTIONS,
        _OPERATORS,
        _LANGUAGES,
        _FOREIGN,
        _PUBLICATIONS_HEAD + published + _PUBLICATIONS_TAIL,
        _PRIVILEGES,
        _SAID_OF_OBJECTS,
        shared_sql(version),
    )
    return _ROWS.format("UNION ALL".join(parts))
