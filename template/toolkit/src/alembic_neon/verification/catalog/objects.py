"""A catalog object as data; its text is made here, where it is shown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.base import PGIdentifierPreparer

from .canonical import canonical_expression

_dialect: Any = postgresql.dialect  # untyped
_quote: Final = PGIdentifierPreparer(_dialect()).quote
_WITH_EXPRESSIONS: Final = {
    "column",
    "constraint",
    "domain",
    "domain constraint",
    "index",
    "materialized view",
    "policy",
    "rule",
    "statistics",
    "trigger",
    "view",
}
# What a column's text says between its type and its constraints, by attribute.
_OF_A_COLUMN: Final = (
    ("storage", "STORAGE {}"),
    ("compression", "COMPRESSION {}"),
    ("collation", "COLLATE {}"),
    ("statistics", "STATISTICS {}"),
    ("options", "{}"),
    ("fdw_options", "{}"),
    ("inherited", "INHERITED"),
    ("not_null", "NOT NULL"),
    ("identity", "GENERATED {} AS IDENTITY"),
    ("default", "DEFAULT {}"),
)


@dataclass(frozen=True, eq=False)
class CatalogObject:
    """One object. `kind` and `identity` tell it from all others of a database.

    `identity` is how SQL names it, quoted and with its schema. `schema`, `table` (or view, where it
    is on one) and `name` are plain names, "" where it has none. `attributes` are what it is: the
    `definition` and the `owner`, or of a column its type, default and the like.
    """

    kind: str
    identity: str
    schema: str
    table: str
    name: str
    attributes: Mapping[str, Any]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> "CatalogObject":
        """Return the object of a row of the catalog's queries, without the unit before it."""
        kind, identity, definition, owner, schema, name, table, attributes = row
        found: dict[str, Any] = json.loads(attributes) if attributes else {}
        if definition is not None:
            found["definition"] = definition
        if owner is not None:
            found["owner"] = owner
        if kind in _WITH_EXPRESSIONS:
            for each in ("definition", "default", "generated"):
                if each in found:
                    found[each] = canonical_expression(found[each])
        return cls(kind, identity, schema or "", table or "", name or "", found)

    @property
    def label(self) -> str:
        """How a person reads which object it is: `column public.orders.total`."""
        return f"{self.kind} {self.identity}"

    @property
    def sql_name(self) -> str:
        """The plain name, quoted where SQL needs that."""
        return _quote(self.name)

    @property
    def sql_table(self) -> str:
        """The table that it is on, with its schema, quoted where SQL needs that."""
        return f"{_quote(self.schema)}.{_quote(self.table)}"

    @property
    def is_not_null_constraint(self) -> bool:
        """Whether it is a NOT NULL that PostgreSQL 18 keeps as a constraint of its own."""
        return self.kind == "constraint" and self.attributes.get("type") == "n"

    @property
    def definition_without_name(self) -> str:
        """The definition; that of an index without the index's name."""
        definition: str = self.attributes.get("definition", "")
        for name in (self.sql_name, '"{}"'.format(self.name.replace('"', '""'))):
            definition = definition.replace(f" INDEX {name} ON ", " INDEX ON ", 1)
        return definition

    @cached_property
    def text(self) -> str:
        """The definition in SQL, with the owner; of a column, what stands behind its name."""
        if self.kind == "column":
            return " ".join(_column_text(self.attributes))
        text: str = self.attributes.get("definition", "")
        if self.attributes.get("inherited"):
            text += " INHERITED"
        if owner := self.attributes.get("owner"):
            text += f"\nOWNER TO {owner}"
        return text

    def differs_only_in(self, other: "CatalogObject", *names: str) -> bool:
        """Whether both differ, and in no other attribute than the named ones."""
        return self != other and self.without(*names) == other.without(*names)

    def without(self, *names: str) -> "CatalogObject":
        """Return the object without some of its attributes."""
        rest = {name: value for name, value in self.attributes.items() if name not in names}
        return CatalogObject(self.kind, self.identity, self.schema, self.table, self.name, rest)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CatalogObject)
            and (self.label, self.schema) == (other.label, other.schema)
            and self.attributes == other.attributes
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.identity))

    def with_more(self, other: "CatalogObject") -> "CatalogObject":
        """Return an object of both definitions, where two share kind and identity."""
        both = f"{self.attributes['definition']}\n{other.attributes['definition']}"
        return CatalogObject(
            self.kind,
            self.identity,
            self.schema,
            self.table,
            self.name,
            {**self.attributes, "definition": both},
        )


def _column_text(attributes: Mapping[str, Any]) -> Iterator[str]:
    if "position" in attributes:
        yield f"#{attributes['position']}"
    yield attributes["type"]
    for name, words in _OF_A_COLUMN:
        if name in attributes:
            yield words.format(attributes[name])
    if "generated" in attributes:
        yield f"GENERATED ALWAYS AS ({attributes['generated']}) {attributes['generated_kind']}"
