"""A snapshot of the catalog and the difference of two."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise, takewhile
from textwrap import indent
from typing import Final

from .canonical import may_be_rewritten
from .objects import CatalogObject
from .side_by_side import side_by_side

_DEFINITION: Final = CatalogObject._fields.index("definition")


@dataclass(frozen=True)
class Difference:
    """One object that differs. `was` is None for one that is new, `now` for one that is gone."""

    was: CatalogObject | None
    now: CatalogObject | None

    @property
    def object(self) -> CatalogObject:
        """The object, as it was before where it is changed."""
        found = self.was or self.now
        if found is None:
            raise ValueError("nothing differs")
        return found

    @property
    def is_of_order(self) -> bool:
        """Whether a column differs in nothing but its position in the table."""
        was, now = self.was, self.now
        return was is not None and now is not None and was.differs_only_in(now, "position")

    def as_json(self) -> dict[str, str | None]:
        """Return it as reports hold it: which object, and its text before and after."""
        found = self.object
        return {
            "object": found.label,
            "kind": found.kind,
            "identity": found.identity,
            "schema_name": found.schema,
            "table": found.table,
            "name": found.name,
            "was": self.was.text if self.was else None,
            "now": self.now.text if self.now else None,
        }

    def __str__(self) -> str:
        label = self.object.label
        if self.was is None or self.now is None:
            return f"{'-' if self.was else '+'} {label}: {_indented(self.object.text)}"
        return f"~ {label}\n{indent(side_by_side(self.was.text, self.now.text), '    ')}"


@dataclass(frozen=True, eq=False)
class RelationObjects(Mapping[str, CatalogObject]):
    """The objects of one relation, or those that are on none; made of their rows when asked for."""

    rows: Sequence[tuple[str, ...]] = field(repr=False)

    @cached_property
    def objects(self) -> Mapping[str, CatalogObject]:
        """The objects, by their labels."""
        objects: dict[str, CatalogObject] = {}
        for row in sorted(self.rows):
            found = CatalogObject.from_row(row)
            label = found.label
            # Comments on a table's constraint and trigger of one name share the label.
            objects[label] = objects[label].with_more(found) if label in objects else found
        return objects

    def __getitem__(self, name: str) -> CatalogObject:
        return self.objects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    @cached_property
    def digest(self) -> str:
        """A SHA-256 that two parts share exactly if they hold the same objects."""
        rows = [
            CatalogObject.from_row(row) if may_be_rewritten(row[_DEFINITION]) else row
            for row in self.rows
        ]
        content = "\0".join(chain.from_iterable(sorted(rows)))  # no text there holds a NUL
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, eq=False)
class Catalog:
    """The objects of a database."""

    # By the oid of a relation; no oid gets out of here.
    parts: Mapping[int, RelationObjects] = field(repr=False)

    @cached_property
    def objects(self) -> Mapping[str, CatalogObject]:
        """Every object, by its label."""
        return dict(chain.from_iterable(part.items() for part in self.parts.values()))

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 that two databases share exactly if their schemas are the same."""
        digests = sorted(part.digest for part in self.parts.values())
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalog) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def difference(self, later: "Catalog") -> list[Difference]:
        """Return what changed between this snapshot and a later one, by kind and name.

        Relations that are the same in both are not looked at, however many objects they hold.
        """
        was, now = _apart(self.parts, later.parts), _apart(later.parts, self.parts)
        moved = _moved_columns(was.values(), now.values())
        differences = []
        for label in sorted(was.keys() | now.keys()):
            before, after = was.get(label), now.get(label)
            if before and after and label not in moved:
                before, after = before.without("position"), after.without("position")
            if before != after:
                differences.append(Difference(before, after))
        return differences


def _moved_columns(was: Iterable[CatalogObject], now: Iterable[CatalogObject]) -> set[str]:
    """Return the labels of the columns that changed places with others that both sides have.

    A column that comes or goes moves none of those behind it. PostgreSQL appends what is added, so
    that those which moved stand at the end.
    """
    before, after = _columns_in_order(was), _columns_in_order(now)
    moved: set[str] = set()
    for table in before.keys() & after.keys():
        left = {label: place for place, label in enumerate(before[table])}
        right = [label for label in after[table] if label in left]
        pairs = pairwise(left[label] for label in right)
        in_order = sum(1 for _ in takewhile(lambda pair: pair[0] < pair[1], pairs))
        moved |= set(right[in_order + 1 :])
    return moved


def _columns_in_order(objects: Iterable[CatalogObject]) -> dict[tuple[str, str], list[str]]:
    columns = [each for each in objects if each.kind == "column"]
    columns.sort(key=lambda each: each.attributes.get("position", 0))
    tables: dict[tuple[str, str], list[str]] = {}
    for column in columns:
        tables.setdefault((column.schema, column.table), []).append(column.label)
    return tables


def significant(differences: Iterable[Difference]) -> list[Difference]:
    """Leave out what nobody chose: another name of a NOT NULL, which PostgreSQL 18 keeps as a
    constraint, and names after the column as it was called when that was made.
    """
    differences = list(differences)
    pairs = Counter(_not_null_key(each) for each in differences)
    return [each for each in differences if (key := _not_null_key(each)) is None or pairs[key] == 1]


def _not_null_key(difference: Difference) -> tuple[str, str, str] | None:
    """Return what a NOT NULL that is gone or new is on, and what it says."""
    found = difference.object
    if None not in (difference.was, difference.now) or not found.is_not_null_constraint:
        return None
    return found.schema, found.table, found.attributes["definition"]


def _apart(
    parts: Mapping[int, RelationObjects], others: Mapping[int, RelationObjects]
) -> dict[str, CatalogObject]:
    """Return the objects of the parts that `others` do not have, whatever their oids there."""
    same = {part.digest for part in others.values()}
    kept = (part.items() for part in parts.values() if part.digest not in same)
    return dict(chain.from_iterable(kept))


def _indented(text: str) -> str:
    return text.replace("\n", "\n      ")
