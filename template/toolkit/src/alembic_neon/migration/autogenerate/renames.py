"""Renames: what is gone from the models while its like is new, and what a person says of it.

Autogenerate sees a drop and an addition, and the values would be lost. Nothing but a person knows,
so that each such pair is asked about.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Self

from ...errors import UsageError

Kind = Literal["table", "column", "constraint", "index", "sequence", "enum"]
TableName = tuple[str, str]  # its schema and its name
# Of each table its columns, each with what kind of values it holds.
Tables = Mapping[TableName, Mapping[str, str]]

DEFAULT_SCHEMA: Final = "public"
# Two tables are alike where at least this part of their columns have one name and kind of values.
_ALIKE: Final = 0.5


@dataclass(frozen=True)
class Rename:
    """An object and its new name. `table` is the one that a column or constraint is on."""

    kind: Kind
    schema: str
    name: str
    new_name: str
    table: str = ""

    def reverse(self) -> Self:
        """Return what takes it back."""
        return replace(self, name=self.new_name, new_name=self.name)

    @property
    def label(self) -> str:
        """How a person and an option name the object: `tasks.title`, `sales.orders`."""
        schema = () if self.schema == DEFAULT_SCHEMA else (self.schema,)
        table = (self.table,) if self.table else ()
        return ".".join(map(_quoted, (*schema, *table, self.name)))

    @property
    def option(self) -> str:
        """The option that says so, as it is typed into a shell."""
        return f"--rename {shlex.quote(f'{self.label}={_quoted(self.new_name)}')}"


# Tells whether it is one; asks a person.
Ask = Callable[[Rename], bool]


def decide(
    stored: Tables,
    declared: Tables,
    choose: Callable[[Tables, Tables, Kind], list[Rename]],
    ask: Ask | None,
) -> list[Rename]:
    """Return the renames of tables and of columns, in the order in which they are done.

    `choose` returns those that the command line names; `ask` is called with each other pair that
    may be one, and is None where there is nobody to answer.

    Raises:
        UsageError: `choose` refuses, or there is a pair and nobody to answer.
    """
    found = choose(stored, declared, "table")
    stored = renamed(stored, found)
    if ask is None:
        named = choose(stored, declared, "column")
        _refuse(
            [
                *table_candidates(stored, declared),
                *column_candidates(renamed(stored, named), declared),
            ]
        )
        return [*found, *named]
    tables = _asked(table_candidates(stored, declared), ask)
    stored = renamed(stored, tables)
    named = choose(stored, declared, "column")
    columns = _asked(column_candidates(renamed(stored, named), declared), ask)
    return [*found, *tables, *named, *columns]


def table_candidates(stored: Tables, declared: Tables) -> list[Rename]:
    """Return the pairs of a table that is gone and a new one of the same shape in its schema."""
    gone, new = sorted(stored.keys() - declared.keys()), sorted(declared.keys() - stored.keys())
    return [
        Rename("table", schema, name, new_name)
        for schema, name in gone
        for new_schema, new_name in new
        if schema == new_schema and _are_alike(stored[schema, name], declared[new_schema, new_name])
    ]


def column_candidates(stored: Tables, declared: Tables) -> list[Rename]:
    """Return the pairs of a column that is gone and a new one of its table with such values."""
    return [
        Rename("column", schema, name, new_name, table)
        for schema, table in sorted(stored.keys() & declared.keys())
        for name, kind in stored[schema, table].items()
        if name not in declared[schema, table]
        for new_name, new_kind in declared[schema, table].items()
        if new_name not in stored[schema, table] and kind == new_kind
    ]


def renamed(tables: Tables, renames: Iterable[Rename]) -> Tables:
    """Return the tables as they are after some renames."""
    found = {table: dict(columns) for table, columns in tables.items()}
    for each in renames:
        if each.kind == "table":
            found[each.schema, each.new_name] = found.pop((each.schema, each.name))
        elif each.kind == "column":
            columns = found[each.schema, each.table]
            columns[each.new_name] = columns.pop(each.name)
    return found


def _are_alike(some: Mapping[str, str], others: Mapping[str, str]) -> bool:
    shared = some.items() & others.items()
    return len(shared) >= _ALIKE * max(len(some), len(others)) and bool(shared)


def _asked(candidates: Sequence[Rename], ask: Ask) -> list[Rename]:
    """Ask of each pair, but of none of which one side has an answer already."""
    found: list[Rename] = []
    for each in candidates:
        if not any(_share_a_side(each, known) for known in found) and ask(each):
            found.append(each)
    return found


def _share_a_side(one: Rename, other: Rename) -> bool:
    same_table = (one.kind, one.schema, one.table) == (other.kind, other.schema, other.table)
    return same_table and (one.name == other.name or one.new_name == other.new_name)


def _refuse(candidates: Sequence[Rename]) -> None:
    groups: dict[str, list[Rename]] = {}
    for each in candidates:
        groups.setdefault(each.label, []).append(each)
    if not groups:
        return
    facts = [
        f"{label} is gone and {' or '.join(_quoted(each.new_name) for each in pairs)} is new"
        for label, pairs in groups.items()
    ]
    options = [" or ".join(each.option for each in pairs) for pairs in groups.values()]
    raise UsageError(
        f"In the models {'; '.join(facts)}: a rename keeps the values, a drop does not.",
        f"Give {', '.join(options)}, or --no-rename.",
    )


def _quoted(name: str) -> str:
    """Return a name as an option takes it, in double quotes where it holds what parts names."""
    if any(sign in name for sign in '."='):
        return '"{}"'.format(name.replace('"', '""'))
    return name
