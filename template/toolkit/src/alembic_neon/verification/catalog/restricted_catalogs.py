"""The query for what an ordinary role may not read all columns of, so that no row tells its age.

An ordinary role may read some columns of pg_subscription alone, and user mappings through a view
that hides the options of others. A subscription's connection string is never read: it holds a
password. Rows as those of `object_queries`.
"""

# ruff: noqa: E501, S608 - the SQL is pieced from constants of this folder alone

from typing import Final

from .fragments import options, role

_MAPPINGS: Final = f"""
SELECT 0::oid AS unit, 'user mapping' AS kind, quote_ident(srvname) || ' FOR '
    || CASE umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(usename) END AS identity,
    concat_ws(' ', 'CREATE USER MAPPING', {options("umoptions", "OPTIONS")}) AS definition,
    NULL::text AS owner, NULL::text AS schema, NULL::text AS name
FROM pg_user_mappings
"""
_SUBSCRIPTIONS: Final = f"""
SELECT 0, 'subscription', quote_ident(subname), concat_ws(' ', 'CREATE SUBSCRIPTION',
    {{columns}}, subenabled, subbinary, substream, 'SLOT ' || quote_ident(subslotname),
    'COMMIT ' || subsynccommit, 'PUBLICATION ' || subpublications::text),
    {role("subowner")}, NULL, subname
FROM pg_subscription WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SINCE: Final = {
    15: ("subtwophasestate", "subdisableonerr"),
    16: ("subpasswordrequired", "subrunasowner", "suborigin"),
    17: ("subfailover",),
}


def shared_sql(version: int) -> str:
    """Return the query, of a major version of PostgreSQL."""
    columns = [name for since, names in _SINCE.items() if version >= since for name in names]
    subscriptions = _SUBSCRIPTIONS.format(columns=", ".join(columns) or "NULL")
    return f"{_MAPPINGS}UNION ALL{subscriptions}"
