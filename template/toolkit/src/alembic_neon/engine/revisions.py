"""The revisions in the migration files: what builds on what, and where the lines end.

The files are read without being run and without Alembic, as the application, which only has to know
where its database stands, should not pay for either.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from .version_locations import files_in, revision_files

_NAMES: Final = {"revision", "down_revision", "depends_on", "branch_labels"}


@dataclass(frozen=True)
class RevisionGraph:
    """Each revision of the files, with those that it builds or depends on."""

    parents: Mapping[str, frozenset[str]]

    @cached_property
    def heads(self) -> frozenset[str]:
        """The revisions on which no other one builds or depends.

        As in Alembic, that is what a database at head has in its version table.
        """
        return frozenset(self.parents).difference(*self.parents.values())

    def with_ancestors(
        self, revisions: Iterable[str], others: Mapping[str, frozenset[str]] | None = None
    ) -> frozenset[str]:
        """Return revisions with all that they build on; `others` are parents that no file has."""
        known: set[str] = set()
        waiting = list(revisions)
        while waiting:
            revision = waiting.pop()
            if revision not in known:
                known.add(revision)
                waiting += self.parents.get(revision, ()) or (others or {}).get(revision, ())
        return frozenset(known)


def read_revision_graph(versions: Path | None = None) -> RevisionGraph:
    """Read the revision files; `versions` is a folder of them, by default all of the project's.

    Raises:
        ConfigurationError: the folder is missing, or a file in it is not Python, or names its
            revision by an expression.
    """
    parents: dict[str, frozenset[str]] = {}
    labels: dict[str, str] = {}
    for path in revision_files() if versions is None else files_in(versions):
        values = dict(_assignments(path))
        if isinstance(revision := values.get("revision"), str):
            built_on = _as_set(values.get("down_revision")) | _as_set(values.get("depends_on"))
            parents[revision] = frozenset(built_on)
            labels |= dict.fromkeys(_as_set(values.get("branch_labels")), revision)
    # A dependency may be named by a label, which stands for the revision that declares it.
    return RevisionGraph(
        {
            revision: frozenset(labels.get(name, name) for name in built_on)
            for revision, built_on in parents.items()
        }
    )


def _assignments(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        body = ast.parse(path.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(f"{path} is not Python: {error}.", "Fix that file.") from None
    for statement in body:
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case _:
                continue
        if name in _NAMES:
            yield name, _literal(path, name, value)


def _literal(path: Path, name: str, value: ast.expr) -> Any:
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise ConfigurationError(
            f"{path}, line {value.lineno}: {name} is an expression.",
            "Write the revision itself: the application reads the file without running it.",
        ) from None


def _as_set(value: Any) -> set[str]:
    if value is None:
        return set()
    return {value} if isinstance(value, str) else set(value)
