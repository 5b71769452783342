"""Statements that make and drop an object of a catalog."""

from typing import Final

from ..migration.autogenerate.catalog_changes import CatalogDefinition
from .catalog import CatalogObject

# Kinds whose definition is the statement that creates them, and how they are dropped.
_DROPPED: Final = {
    "domain": "DROP DOMAIN {identity}",
    "index": "DROP INDEX {identity}",
    "materialized view": "DROP MATERIALIZED VIEW {identity}",
    "policy": "DROP POLICY {name} ON {table}",
    "rule": "DROP RULE {name} ON {table}",
    "statistics": "DROP STATISTICS {identity}",
    "trigger": "DROP TRIGGER {name} ON {table}",
    "view": "DROP VIEW {identity}",
}
_SWITCHED: Final = {
    " DISABLED": "DISABLE",
    " ENABLED ON REPLICA": "ENABLE REPLICA",
    " ENABLED ALWAYS": "ENABLE ALWAYS",
}


def define(found: CatalogObject) -> CatalogDefinition:
    """Return an object with its statements."""
    text = found.attributes.get("definition", "").strip()
    table, name = found.sql_table, found.sql_name
    create: tuple[str, ...] = (text.removesuffix(";"),)
    match found.kind:
        case "constraint":
            create = (f"ALTER TABLE {table} ADD CONSTRAINT {name} {text}",)
            drop = f"ALTER TABLE {table} DROP CONSTRAINT {name}"
        case "domain constraint":
            domain = found.identity.removesuffix(f".{name}")
            create = (f"ALTER DOMAIN {domain} ADD CONSTRAINT {name} {text}",)
            drop = f"ALTER DOMAIN {domain} DROP CONSTRAINT {name}"
        case "column":
            text = found.without("position", "statistics").text
            create = (f"ALTER TABLE {table} ADD COLUMN {name} {text}",)
            drop = f"ALTER TABLE {table} DROP COLUMN {name}"
        case "sequence":
            create = sequence_statements(found)
            drop = f"DROP SEQUENCE {found.identity}"
        case "extension":
            create = (f"CREATE EXTENSION IF NOT EXISTS {found.identity}",)
            drop = f"DROP EXTENSION {found.identity}"
        case "trigger":
            create = _trigger(found, text)
            drop = _DROPPED["trigger"].format(name=name, table=table)
        case kind:
            template = _DROPPED.get(kind, "")
            drop = template.format(identity=found.identity, name=name, table=table)
    plain = _plain_schema(found)
    return CatalogDefinition(found.kind, plain, found.table, found.name, text, create, (drop,))


def sequence_statements(found: CatalogObject) -> tuple[str, ...]:
    """Return the statement that makes a sequence; whose it is, is said when its column is there."""
    return (found.attributes["definition"].partition("\n")[0],)


def sequence_owner(found: CatalogObject) -> tuple[str, str] | None:
    """Return the table and the column of a serial's sequence, as SQL; None: it is nobody's."""
    words = "OWNED BY "
    line = found.attributes["definition"].partition("\n")[2].partition("\n")[0]
    if not line.startswith(words):
        return None
    column = line.removeprefix(words)
    table = found.sql_table
    # The table may be written without its schema.
    return (table, _last_name(column)) if found.table else None


def unquoted_label(found: CatalogObject) -> str:
    """Return the label as operations have it."""
    return found.label.replace('"', "")


def _last_name(qualified: str) -> str:
    if qualified.endswith('"'):
        return qualified[qualified.rindex('."') + 1 :]
    return qualified.rpartition(".")[2]


def _trigger(found: CatalogObject, text: str) -> tuple[str, ...]:
    for words, switch in _SWITCHED.items():
        if text.endswith(words):
            statement = text.removesuffix(words)
            switched = f"ALTER TABLE {found.sql_table} {switch} TRIGGER {found.sql_name}"
            return (statement, switched)
    return (text,)


def _plain_schema(found: CatalogObject) -> str:
    return found.schema.strip('"')
