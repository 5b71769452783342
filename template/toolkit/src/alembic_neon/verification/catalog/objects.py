"""A catalog object as data; its text is made here, where it is shown."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from ...engine.sqlalchemy_internals import dialect
from .canonical import canonical_expression, may_be_rewritten
from .relation_queries import COLUMN_DETAILS, CONSTRAINT_DETAILS

_quote: Final = dialect().identifier_preparer.quote  # psycopg's doubles each % of a name
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


# What the details of a kind are called, in the order of the queries.
_TABLE_DETAILS: Final = ("is_partition",)
_DETAILS: Final[dict[str, Sequence[str]]] = {
    "column": tuple(COLUMN_DETAILS),
    "constraint": tuple(CONSTRAINT_DETAILS),
    "table": _TABLE_DETAILS,
    "partitioned table": _TABLE_DETAILS,
    "foreign table": _TABLE_DETAILS,
}


class _Row(NamedTuple):
    kind: str
    identity: str
    schema: str
    table: str
    name: str
    definition: str = ""
    owner: str = ""
    details: str = ""


class CatalogObject(_Row):
    """One object. `kind` and `identity` tell it from all others of a database.

    `identity` is how SQL names it, quoted and with its schema. `schema`, `table` (or view, where it
    is on one) and `name` are plain names, "" where it has none. `attributes` are what it is: the
    `definition` and the `owner`, or of a column its type, default and the like. They are made of
    the query's row when somebody asks: of the thousands in a catalog, hardly any are.
    """

    @classmethod
    def from_row(cls, row: Iterable[str]) -> "CatalogObject":
        """Return the object of a row of the catalog's queries, without the unit before it."""
        found = cls._make(row)
        if found.kind in _WITH_EXPRESSIONS and may_be_rewritten(found.definition):
            return found._replace(definition=canonical_expression(found.definition))
        return found

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """What it is, by name; what it has not, or what is as usual, is not in there."""
        values = json.loads(self.details) if self.details else []
        found = {
            name: value
            for name, value in zip(_DETAILS.get(self.kind, ()), values, strict=False)
            if value is not None
        }
        if self.definition:
            of_column = "generated" if "generated_kind" in found else "default"
            found["definition" if self.kind != "column" else of_column] = self.definition
        if self.owner:
            found["owner"] = self.owner
        return found

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
        return self.kind == "constraint" and "column" in self.attributes

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
        values = json.loads(self.details) if self.details else []
        details = [
            None if name in names else value
            for name, value in zip(_DETAILS.get(self.kind, ()), values, strict=False)
        ]
        return self._replace(
            definition="" if "definition" in names else self.definition,
            owner="" if "owner" in names else self.owner,
            details=json.dumps(details) if values else "",
        )

    def with_text(self, text: str) -> "CatalogObject":
        """Return an object of this name that is shown as `text`, which a report holds of it."""
        if self.kind != "column":
            return self._replace(definition=text)
        details = [text if name == "type" else None for name in COLUMN_DETAILS]
        return self._replace(details=json.dumps(details))

    def with_more(self, other: "CatalogObject") -> "CatalogObject":
        """Return an object of both definitions, where two share kind and identity."""
        return self._replace(definition=f"{self.definition}\n{other.definition}")


def _column_text(attributes: Mapping[str, Any]) -> Iterator[str]:
    if "position" in attributes:
        yield f"#{attributes['position']}"
    yield attributes["type"]
    for name, words in _OF_A_COLUMN:
        if name in attributes:
            yield words.format(attributes[name])
    if "generated" in attributes:
        yield f"GENERATED ALWAYS AS ({attributes['generated']}) {attributes['generated_kind']}"
