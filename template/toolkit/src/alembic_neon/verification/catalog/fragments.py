"""Pieces of SQL that several queries of the catalog share; nothing of the user's is in them."""

# ruff: noqa: E501, S608 - the SQL is pieced from constants of this folder alone

from typing import Final

# What initdb made has a lower oid (FirstNormalObjectId in access/transam.h).
FIRST_OID: Final = 16384


def role(oid: str) -> str:
    """Return SQL for the quoted name of a role."""
    return f"quote_ident(pg_get_userbyid({oid}))"


def options(array: str, keyword: str = "WITH") -> str:
    """Return SQL for options in brackets, in the order of their names; NULL where there are none."""
    return (
        f"CASE WHEN {array} IS NOT NULL THEN (SELECT '{keyword} (' "
        f"|| string_agg(o, ', ' ORDER BY o) || ')' FROM unnest({array}) AS o) END"
    )


def qualified(schema_oid: str, name: str) -> str:
    """Return SQL for a name with its schema, both quoted."""
    return f"{schema_oid}::regnamespace::text || '.' || quote_ident({name})"


def not_member(catalog: str, oid: str) -> str:
    """Return SQL for the condition that no extension brought an object."""
    return (
        f"NOT EXISTS (SELECT FROM pg_depend WHERE classid = '{catalog}'::regclass "
        f"AND objid = {oid} AND deptype = 'e')"
    )


def grants(acl: str, owner_oid: str) -> str:
    """Return SQL for privileges, a line each grantee, whatever the order they were granted in.

    The grantor is named where it is not the owner.
    """
    return f"""(
        SELECT string_agg(format('GRANT %s TO %s', privileges, receiver), E'\\n'
            ORDER BY receiver, privileges)
        FROM (
            SELECT string_agg(privilege_type, ', ' ORDER BY privilege_type) AS privileges,
                CASE grantee WHEN 0 THEN 'PUBLIC' ELSE {role("grantee")} END
                || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                || CASE WHEN grantor <> {owner_oid}
                    THEN ' GRANTED BY ' || {role("grantor")} ELSE '' END AS receiver
            FROM aclexplode({acl}) GROUP BY receiver
        ) AS each
    )"""


def privileges(acl: str, kind: str, owner_oid: str) -> str:
    """Return SQL for privileges, or NULL where they are those that an object has from the start."""
    return (
        f"CASE WHEN {acl} IS NOT NULL THEN nullif(coalesce({grants(acl, owner_oid)}, 'REVOKE ALL'), "
        f"{grants(f'acldefault({kind}, {owner_oid})', owner_oid)}) END"
    )


def comment() -> str:
    """Return SQL for a row of pg_description `d`: type and identity of its object, the statement."""
    return """SELECT i.type, i.identity, i.schema,
        format('COMMENT ON %s %s IS %L', upper(i.type), i.identity, d.description) AS definition
        FROM pg_identify_object(d.classoid, d.objoid, d.objsubid) AS i"""
