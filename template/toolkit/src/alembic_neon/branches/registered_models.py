"""Refuses to drop the tables of models that are only not imported."""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import MetaData

from ..errors import ConfigurationError
from ..migration.autogenerate.renames import TableName, Tables
from ..migration.lint import Finding

_SHOWN: Final = 5
_IMPORT: Final = "Import every module of models where the metadata comes from."


def describe_models(metadata: Iterable[MetaData]) -> str:
    """Return how many tables the models have, and their names."""
    names = sorted(table.fullname for each in metadata for table in each.tables.values())
    return f"{len(names)} table{'s' * (len(names) != 1)} ({_listed(names)})" if names else "none"


def require_some_models(metadata: Sequence[MetaData]) -> None:
    """Refuse models without a table.

    Raises:
        ConfigurationError: there is none.
    """
    if not any(each.tables for each in metadata):
        raise ConfigurationError("The metadata that env.py hands over has no table.", _IMPORT)


def require_imported(gone: Iterable[TableName], strays: Iterable[Finding]) -> None:
    """Refuse to drop tables whose models are there, but in a module that nothing imports.

    Raises:
        ConfigurationError: there is such a table.
    """
    for _, name in gone:
        for stray in strays:
            if f"Table {name} " in stray.message:
                dropped = f"{stray.place}: {stray.message} The table would be dropped."
                raise ConfigurationError(dropped, stray.hint)


def require_no_strays(strays: Sequence[Finding]) -> None:
    """Refuse to say that models and migrations match where a model is imported by nothing.

    Raises:
        ConfigurationError: there is such a model.
    """
    if strays:
        more = f" And {len(strays) - 1} more like it." if len(strays) > 1 else ""
        raise ConfigurationError(f"{strays[0].place}: {strays[0].message}{more}", strays[0].hint)


def refuse_to_drop_most(stored: Tables, declared: Tables) -> None:
    """Refuse to drop more tables than stay. What is renamed has its new name in `stored`.

    Raises:
        ConfigurationError: more tables are gone than the models still have.
    """
    gone, kept = sorted(stored.keys() - declared.keys()), stored.keys() & declared.keys()
    if len(gone) > len(kept):
        raise ConfigurationError(
            f"The models have {len(kept)} of the migrations' tables and lack {len(gone)} "
            f"({_listed([name for _, name in gone])}): more would be dropped than stay.",
            f"{_IMPORT} If it is meant, write the drops by hand: db revision --empty -m TEXT",
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
