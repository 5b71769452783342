"""Names that follow a rename: constraints, indexes, sequences and enums that are called otherwise.

They are the same in what the migrations make and in what the models declare, but for their names.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from sqlalchemy import MetaData, Table
from sqlalchemy.sql.compiler import IdentifierPreparer

from ..engine.sqlalchemy_internals import dialect
from ..migration.autogenerate.renames import Kind, Rename, TableName, Tables
from ..project import postgres_version
from .catalog import Catalog, CatalogObject

_TABLES: Final = ("table", "partitioned table")
# Types between whose values a rename is thought of, although the type changes as well.
_FAMILIES: Final = {
    "smallint": "integer",
    "bigint": "integer",
    "character varying": "text",
    "character": "text",
    "citext": "text",
    "real": "number",
    "double precision": "number",
    "numeric": "number",
    "json": "jsonb",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamp",
}
_LENGTHS: Final = re.compile(r"\([\d,-]+\)")
# The first major version that keeps NOT NULL as a constraint with a name.
_NAMES_NOT_NULL: Final = 18


def tables_of(catalog: Catalog, left_out: Collection[TableName] = ()) -> Tables:
    """Return the tables of a snapshot, without partitions and those that are left out."""
    found: dict[TableName, dict[str, str]] = {
        (each.schema, each.name): {}
        for each in catalog.objects.values()
        if each.kind in _TABLES and not each.attributes.get("is_partition")
    }
    for each in catalog.objects.values():
        if each.kind == "column" and (columns := found.get((each.schema, each.table))) is not None:
            columns[each.name] = _values(each)
    return {table: columns for table, columns in found.items() if table not in left_out}


def _values(column: CatalogObject) -> str:
    type_ = _LENGTHS.sub("", column.attributes["type"])
    generated = "generated " if "generated" in column.attributes else ""
    return generated + _FAMILIES.get(type_, type_)


def following_renames(
    migrated: Catalog,
    declared: Catalog,
    metadata: Iterable[MetaData],
    renames: Iterable[Rename],
) -> list[Rename]:
    """Return the renames of what is called otherwise in `migrated`, where `renames` are done.

    A name that the models leave open, and that does not come from an old one, stays as it is.
    """
    explicit = set(_explicit_names(metadata))
    derived = list(renames)
    found = []
    for kind, was, now in _pairs(migrated, declared):
        if now.is_not_null_constraint and postgres_version() < _NAMES_NOT_NULL:
            continue
        is_named = (now.schema, now.table, now.name) in explicit
        if is_named or _comes_of(was, now, derived):
            table = was.table if kind == "constraint" else ""
            found.append(Rename(kind, was.schema, was.name, now.name, table))
    return [*found, *_enums(migrated, declared)]


def _pairs(
    migrated: Catalog, declared: Catalog
) -> Iterator[tuple[Kind, CatalogObject, CatalogObject]]:
    tables = tables_of(migrated).keys() & tables_of(declared).keys()
    kinds: tuple[Kind, ...] = ("constraint", "index", "sequence")
    for kind in kinds:
        spare: dict[tuple[str, ...], list[CatalogObject]] = {}
        for found in _only_in(migrated, declared, kind):
            spare.setdefault(_nameless(found), []).append(found)
        for found in _only_in(declared, migrated, kind):
            if (found.schema, found.table) in tables and (same := spare.get(_nameless(found))):
                yield kind, same.pop(0), found


def _only_in(some: Catalog, others: Catalog, kind: Kind) -> list[CatalogObject]:
    """Return the objects of a kind that others lack; an index of a constraint goes with that."""
    of_constraints = {
        (each.schema, each.name) for each in some.objects.values() if each.kind == "constraint"
    }
    return [
        found
        for label, found in sorted(some.objects.items())
        if found.kind == kind
        and label not in others.objects
        and not (kind == "index" and (found.schema, found.name) in of_constraints)
    ]


def _nameless(found: CatalogObject) -> tuple[str, ...]:
    definition = found.definition_without_name
    if found.kind == "sequence":
        definition = definition.replace(f" SEQUENCE {found.identity} ", " SEQUENCE ", 1)
    return found.schema, found.table, definition


def _comes_of(was: CatalogObject, now: CatalogObject, renames: Iterable[Rename]) -> bool:
    """Tell whether the new name is the old one with the new names of tables and columns in it."""
    name = was.name
    for each in renames:
        name = name.replace(each.name, each.new_name)
    return name == now.name


def _enums(migrated: Catalog, declared: Catalog) -> Iterator[Rename]:
    """Yield the enums whose columns all use one of another name and the same values now."""
    enums = {found.identity: found for found in _of_kind(declared, "enum")}
    known = {found.identity: found for found in _of_kind(migrated, "enum")}
    used = {_element(found) for found in _of_kind(declared, "column")}
    pairs = set()
    for label, column in migrated.objects.items():
        counterpart = declared.objects.get(label)
        if column.kind != "column" or counterpart is None:
            continue
        old, new = _element(column), _element(counterpart)
        if old != new and old not in used and new not in known and old in known and new in enums:
            was, now = known[old], enums[new]
            if was.schema == now.schema and _values_of(was) == _values_of(now):
                pairs.add(Rename("enum", was.schema, was.name, now.name))
    olds, news = [each.name for each in pairs], [each.new_name for each in pairs]
    for each in sorted(pairs, key=lambda pair: pair.name):
        if olds.count(each.name) == news.count(each.new_name) == 1:
            yield each


def _of_kind(catalog: Catalog, kind: str) -> list[CatalogObject]:
    return [each for each in catalog.objects.values() if each.kind == kind]


def _element(column: CatalogObject) -> str:
    """Return the type of a column, of an array that of its elements, as an enum's identity is."""
    type_: str = column.attributes["type"].removesuffix("[]")
    return type_ if "." in type_ else f"public.{type_}"


def _values_of(enum: CatalogObject) -> str:
    definition: str = enum.attributes["definition"]
    return definition.partition(" AS ENUM ")[2]


def _explicit_names(metadata: Iterable[MetaData]) -> Iterator[tuple[str, str, str]]:
    """Yield the names that the models give or their naming convention makes, with schema, table."""
    preparer = dialect().identifier_preparer
    for table in (table for each in metadata for table in each.tables.values()):
        for name in _names_on(table, preparer):
            plain = name[1:-1].replace('""', '"') if name.startswith('"') else name
            yield table.schema or "public", table.name, plain


def _names_on(table: Table, quote: IdentifierPreparer) -> Iterator[str]:
    for constraint in table.constraints:
        if constraint.name is None:  # and there is no naming convention
            continue
        if (name := quote.format_constraint(constraint)) is not None:
            yield name
    for index in table.indexes:
        if index.name is not None:
            yield quote.format_index(index)
