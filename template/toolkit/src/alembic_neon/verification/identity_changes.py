"""Statements that give a column an identity, change it or take it away, with its counter kept."""

from collections.abc import Iterable, Iterator

from .catalog import CatalogObject


def identity_statements(
    was: CatalogObject, now: CatalogObject, sequence: CatalogObject | None
) -> Iterator[str]:
    """Yield what makes of a column's identity that of `now`, whose sequence is given."""
    old, new = was.attributes.get("identity"), now.attributes.get("identity")
    alter = f"ALTER TABLE {now.sql_table} ALTER COLUMN {now.sql_name}"
    if new is None:
        yield f"{alter} DROP IDENTITY"
        return
    if old is not None:
        yield f"{alter} SET GENERATED {new}"
        return
    if was.attributes.get("default") is not None:
        yield f"{alter} DROP DEFAULT"
    options = "" if sequence is None else f" ({_options(sequence)})"
    yield f"{alter} ADD GENERATED {new} AS IDENTITY{options}"
    if sequence is not None:
        name = sequence.identity.replace("'", "''")
        counted = f"max({now.sql_name})) FROM {now.sql_table}"
        yield f"SELECT setval('{name}', {counted}"


def identity_sequences(objects: Iterable[CatalogObject]) -> dict[str, CatalogObject]:
    """Return the sequences of identities, by the label of their column."""
    words = "IDENTITY OF "
    found = {}
    for each in objects:
        line = each.attributes.get("definition", "").partition("\n")[2].partition("\n")[0]
        if each.kind == "sequence" and line.startswith(words):
            found[f"column {line.removeprefix(words)}"] = each
    return found


def _options(sequence: CatalogObject) -> str:
    text: str = sequence.attributes["definition"].partition("\n")[0]
    return f"SEQUENCE NAME {sequence.identity} {text[text.index(' START ') + 1 :]}"
