"""What to write into a downgrade so that a difference goes away, where that is plain.

Each suggestion is a line of Python that runs as it stands; where no statement is plain, or it goes
with something else, there is none.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from .catalog import CatalogObject, Difference

COLUMN_ORDER: Final = (
    'PostgreSQL appends a column that is added again: data_loss = "why" allows that'
)
# By kind, the statement that drops an object whose identity is its name in SQL.
_DROPPED_AS: Final = {
    "access method": "ACCESS METHOD",
    "cast": "CAST",
    "collation": "COLLATION",
    "composite type": "TYPE",
    "conversion": "CONVERSION",
    "domain": "DOMAIN",
    "enum": "TYPE",
    "event trigger": "EVENT TRIGGER",
    "extension": "EXTENSION",
    "foreign data wrapper": "FOREIGN DATA WRAPPER",
    "foreign table": "FOREIGN TABLE",
    "function": "FUNCTION",
    "index": "INDEX",
    "language": "LANGUAGE",
    "materialized view": "MATERIALIZED VIEW",
    "operator": "OPERATOR",
    "operator class": "OPERATOR CLASS",
    "operator family": "OPERATOR FAMILY",
    "partitioned table": "TABLE",
    "procedure": "PROCEDURE",
    "publication": "PUBLICATION",
    "range": "TYPE",
    "schema": "SCHEMA",
    "sequence": "SEQUENCE",
    "server": "SERVER",
    "statistics": "STATISTICS",
    "table": "TABLE",
    "text search configuration": "TEXT SEARCH CONFIGURATION",
    "text search dictionary": "TEXT SEARCH DICTIONARY",
    "text search parser": "TEXT SEARCH PARSER",
    "text search template": "TEXT SEARCH TEMPLATE",
    "transform": "TRANSFORM",
    "type": "TYPE",
    "view": "VIEW",
}
_DROPPED_FROM_TABLE: Final = {"policy": "POLICY", "rule": "RULE", "trigger": "TRIGGER"}
# In `op.execute` a colon before a name is a parameter.
_PARAMETER: Final = re.compile(r"(?<!:):(?=\w)")


def suggest_fixes(difference: Difference, among: Sequence[Difference] = ()) -> Iterator[str]:
    """Yield what removes a difference that a downgrade leaves; nothing where that is not plain.

    `among` are all differences: what another one brings goes with that.
    """
    was, now = difference.was, difference.now
    new = [each.now for each in among if each.now is not None and each.was is None]
    if now is not None and was is None:
        if not _goes_with_another(now, new):
            yield from _drop(now)
    elif was is not None and now is None:
        yield from _create(was)
    elif was is not None and now is not None:
        yield from _restore(was, now, new)


def _goes_with_another(found: CatalogObject, new: Sequence[CatalogObject]) -> bool:
    """Tell whether PostgreSQL refuses to drop an object alone, as it belongs to another one."""
    if found.attributes.get("inherited") or found.attributes.get("of") == "view":
        return True
    if found.kind == "sequence":
        return bool(found.table)  # a serial's or an identity's
    if found.kind != "index":
        return False
    constraints = {(each.schema, each.name) for each in new if each.kind == "constraint"}
    is_attached = "ATTACHED TO" in found.attributes["definition"]
    return is_attached or (found.schema, found.name) in constraints


def _drop(found: CatalogObject) -> Iterator[str]:
    statement = _drop_statement(found)
    if statement is not None:
        yield f"downgrade() leaves it: {_execute(statement)}"
    if found.kind == "enum":
        schema = "" if found.schema == "public" else f", schema={found.schema!r}"
        yield f"or: sa.Enum(name={found.name!r}{schema}).drop(op.get_bind())"


def _drop_statement(found: CatalogObject) -> str | None:
    if found.kind in _DROPPED_AS:
        return f"DROP {_DROPPED_AS[found.kind]} {found.identity}"
    if found.kind in _DROPPED_FROM_TABLE:
        return f"DROP {_DROPPED_FROM_TABLE[found.kind]} {found.sql_name} ON {found.sql_table}"
    if found.kind == "column" and found.attributes.get("of") == "type":
        return f"ALTER TYPE {found.sql_table} DROP ATTRIBUTE {found.sql_name}"
    if found.kind == "column":
        return f"ALTER TABLE {found.sql_table} DROP COLUMN {found.sql_name}"
    if found.kind == "constraint" and not found.is_not_null_constraint:
        return f"ALTER TABLE {found.sql_table} DROP CONSTRAINT {found.sql_name}"
    return None


def _create(found: CatalogObject) -> Iterator[str]:
    if found.is_not_null_constraint:
        return
    if found.kind == "constraint" and not found.attributes.get("inherited"):
        definition = found.attributes["definition"]
        statement = f"ALTER TABLE {found.sql_table} ADD CONSTRAINT {found.sql_name} {definition}"
        yield f"downgrade() has to create it again: {_execute(statement)}"
    else:
        yield "downgrade() has to create it again, as it was"


def _restore(was: CatalogObject, now: CatalogObject, new: Sequence[CatalogObject]) -> Iterator[str]:
    if was.kind == "enum":
        yield (
            "PostgreSQL drops no value of an enum: create the type anew in downgrade(), "
            'or declare irreversible = "why"'
        )
    elif was.kind == "column":
        yield from _restore_column(was, now, new)
    elif was.attributes.get("definition", "").startswith("CREATE "):
        yield "downgrade() has to create it again, as it was"


def _restore_column(
    was: CatalogObject, now: CatalogObject, new: Sequence[CatalogObject]
) -> Iterator[str]:
    if "of" in was.attributes or "inherited" in was.attributes:
        return
    has_key = any(
        each.kind == "constraint"
        and (each.schema, each.table) == (was.schema, was.table)
        and each.definition.startswith("PRIMARY KEY")
        for each in new
    )
    alter = f"ALTER TABLE {was.sql_table} ALTER COLUMN {was.sql_name}"
    if was.attributes.get("not_null") != now.attributes.get("not_null") and not has_key:
        yield _execute(f"{alter} {'SET' if was.attributes.get('not_null') else 'DROP'} NOT NULL")
    before, after = was.attributes.get("default"), now.attributes.get("default")
    if before is not None and before != after:
        yield _execute(f"{alter} SET DEFAULT {before}")
    elif before is None and after is not None:
        yield _execute(f"{alter} DROP DEFAULT")


def _execute(statement: str) -> str:
    """Return the call that runs a statement in a revision, as valid Python."""
    escaped = _PARAMETER.sub(r"\:", statement)
    is_plain = not re.search(r'["\\\n]', escaped)
    return f'op.execute("{escaped}")' if is_plain else f"op.execute({escaped!r})"
