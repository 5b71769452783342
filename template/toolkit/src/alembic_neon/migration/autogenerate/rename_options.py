"""The values of `--rename`: `tasks.title=headline`, `tasks=jobs`, `sales."Due.Date"=due`."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ...errors import UsageError
from .renames import DEFAULT_SCHEMA, Kind, Rename, TableName, Tables

_NAME: Final = r'(?:"(?:[^"]|"")+"|[^".=]+)'
_PATH: Final = rf"{_NAME}(?:\.{_NAME})*"
_OPTION: Final = re.compile(rf"({_PATH})=({_PATH})")
_FORM: Final = "Write --rename TABLE.COLUMN=NAME, or --rename TABLE=NAME."


@dataclass(frozen=True)
class RenameOption:
    """One value: the parts of the name before and after the equals sign."""

    text: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def read_renames(values: Sequence[str]) -> list[RenameOption]:
    """Return the values as what they name.

    Raises:
        UsageError: one is not of the form.
    """
    found = []
    for text in values:
        match = _OPTION.fullmatch(text.strip())
        if match is None:
            raise UsageError(f"--rename {text} is not understood.", _FORM)
        found.append(RenameOption(text, _parts(match[1]), _parts(match[2])))
    return found


def chooser(
    options: Sequence[RenameOption],
) -> Callable[[Tables, Tables, Kind], list[Rename]]:
    """Return the function that `decide` calls for the renames of one kind, tables first.

    A column's table may be called by its old name or its new one.
    """
    new_names: dict[TableName, str] = {}

    def choose(stored: Tables, declared: Tables, kind: Kind) -> list[Rename]:
        found: list[Rename] = []
        for option in options:
            if _is_column(option, {*stored, *declared, *new_names}) != (kind == "column"):
                continue
            made = (
                _column(option, stored, declared, new_names)
                if kind == "column"
                else _table(option, stored, declared)
            )
            _require_once(option, made, found)
            found.append(made)
        if kind == "table":
            new_names.update({(each.schema, each.name): each.new_name for each in found})
        return found

    return choose


def _is_column(option: RenameOption, tables: set[TableName]) -> bool:
    """Tell whether `a.b` is a column of the table a, and not the table b of the schema a."""
    if len(option.old) == 2:
        return (DEFAULT_SCHEMA, option.old[0]) in tables or option.old not in tables
    return len(option.old) > 2


def _table(option: RenameOption, stored: Tables, declared: Tables) -> Rename:
    schema, name = _in_schema(option.old)
    new_schema, new_name = schema, option.new[-1]
    if len(option.new) > 1:
        new_schema, new_name = _in_schema(option.new)
    if new_schema != schema:
        raise UsageError(
            f"--rename {option.text} moves a table to another schema.",
            "Write that by hand: db revision --empty -m TEXT",
        )
    old_label, new_label = ".".join(option.old), ".".join(option.new)
    _require(option, f"table {old_label}", (schema, name) in stored, (schema, name) in declared)
    _require_new(
        option, f"table {new_label}", (schema, new_name) in declared, (schema, new_name) in stored
    )
    return Rename("table", schema, name, new_name)


def _column(
    option: RenameOption, stored: Tables, declared: Tables, new_names: dict[TableName, str]
) -> Rename:
    *path, name = option.old
    schema, table = _in_schema(tuple(path))
    table = new_names.get((schema, table), table)
    if (schema, table) not in stored:
        raise UsageError(
            f"--rename {option.text}: the migrations have no table {'.'.join(path)}.", _FORM
        )
    before, after = stored[schema, table], declared.get((schema, table), {})
    new_name = option.new[-1]
    _require(option, f"column {'.'.join(option.old)}", name in before, name in after)
    _require_new(option, f"column {table}.{new_name}", new_name in after, new_name in before)
    return Rename("column", schema, name, new_name, table)


def _in_schema(path: tuple[str, ...]) -> TableName:
    return (DEFAULT_SCHEMA, path[0]) if len(path) == 1 else (path[-2], path[-1])


def _require(option: RenameOption, label: str, is_stored: bool, is_declared: bool) -> None:
    if not is_stored:
        raise UsageError(f"--rename {option.text}: the migrations have no {label}.", _FORM)
    if is_declared:
        raise UsageError(
            f"--rename {option.text}: {label} is not gone, the models have it.",
            "Rename it in the models first, or leave the option out.",
        )


def _require_new(option: RenameOption, label: str, is_declared: bool, is_stored: bool) -> None:
    if not is_declared:
        raise UsageError(f"--rename {option.text}: the models have no {label}.", _FORM)
    if is_stored:
        raise UsageError(
            f"--rename {option.text}: {label} is not new, the migrations have it.",
            "Drop it in a revision of its own first.",
        )


def _require_once(option: RenameOption, made: Rename, others: Sequence[Rename]) -> None:
    for other in others:
        same = (made.schema, made.table) == (other.schema, other.table)
        if same and (made.name == other.name or made.new_name == other.new_name):
            raise UsageError(f"--rename {option.text} says again what is renamed.", "Give it once.")


def _parts(path: str) -> tuple[str, ...]:
    found = re.findall(_NAME, path)
    return tuple(
        each[1:-1].replace('""', '"') if each.startswith('"') else each.strip() for each in found
    )
