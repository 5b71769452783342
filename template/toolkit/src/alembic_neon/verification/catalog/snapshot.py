"""A snapshot of the catalog and the difference of two."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from textwrap import indent

from .side_by_side import side_by_side


@dataclass(frozen=True)
class Difference:
    """One object that differs. `was` is None for one that is new, `now` for one that is gone."""

    object: str
    was: str | None
    now: str | None

    def __str__(self) -> str:
        if self.was is None:
            return f"+ {self.object}: {_indented(self.now)}"
        if self.now is None:
            return f"- {self.object}: {_indented(self.was)}"
        return f"~ {self.object}\n{indent(side_by_side(self.was, self.now), '    ')}"


@dataclass(frozen=True, eq=False)
class Part(Mapping[str, str]):
    """The objects of one relation, or those that are on none. Snapshots share the same parts."""

    objects: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.objects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.objects)

    def __len__(self) -> int:
        return len(self.objects)

    @cached_property
    def digest(self) -> int:
        """The sum of the objects' digests, so that it does not depend on how they are parted."""
        return sum(_digest(name, text) for name, text in self.objects.items())


@dataclass(frozen=True, eq=False)
class Catalog:
    """The objects of a database, by kind and name, each with its definition in SQL."""

    # By the oid of a relation; no oid gets out of here.
    parts: Mapping[int, Part] = field(repr=False)

    @cached_property
    def objects(self) -> Mapping[str, str]:
        """Every object's definition, by its kind and name."""
        return dict(chain.from_iterable(part.items() for part in self.parts.values()))

    @cached_property
    def fingerprint(self) -> str:
        """A SHA-256 that two databases share exactly if their schemas are the same."""
        total = sum(part.digest for part in self.parts.values()) % 2**256
        return hashlib.sha256(total.to_bytes(32)).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Catalog) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def difference(self, later: "Catalog") -> list[Difference]:
        """Return what changed between this snapshot and a later one, by kind and name.

        What two snapshots of one reader share is not looked at.
        """
        was, now = _apart(self.parts, later.parts), _apart(later.parts, self.parts)
        pairs = ((name, was.get(name), now.get(name)) for name in sorted(was.keys() | now.keys()))
        return [Difference(name, before, after) for name, before, after in pairs if before != after]


def _apart(parts: Mapping[int, Part], others: Mapping[int, Part]) -> dict[str, str]:
    """Return the objects of the parts that are not the very same in `others`."""
    kept = (part.items() for oid, part in parts.items() if others.get(oid) is not part)
    return dict(chain.from_iterable(kept))


def _digest(name: str, text: str) -> int:
    content = f"{len(name)} {name} {text}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(content).digest())


def _indented(text: str | None) -> str:
    return (text or "").replace("\n", "\n      ")
