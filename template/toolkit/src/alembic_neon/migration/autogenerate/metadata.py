"""What the models are declared on: `env.py` hands over one MetaData or several."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from sqlalchemy import MetaData

from ...errors import ConfigurationError

Metadata = MetaData | Sequence[MetaData]


class HasMetadata(Protocol):
    """A declarative base, SQLModel, Flask's `db`, or anything else that has a metadata."""

    @property
    def metadata(self) -> MetaData:
        """Where its tables are."""


def metadata_of(models: Iterable[object]) -> Metadata:
    """Return the metadata of what `env.py` handed over; one that came twice counts once.

    Raises:
        ConfigurationError: something is no MetaData and has none, or two of them declare the same
            table.
    """
    found: list[MetaData] = []
    for each in models:
        metadata = each if isinstance(each, MetaData) else getattr(each, "metadata", None)
        if not isinstance(metadata, MetaData):
            raise ConfigurationError(
                f"run_migrations() was given {each!r}, which is no MetaData and has none.",
                "Give it MetaData objects, declarative bases or SQLModel.",
            )
        if not any(metadata is known for known in found):
            found.append(metadata)
    names = [name for metadata in found for name in metadata.tables]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(
            f"Table {twice[0]} is declared on two of the metadata that env.py hands over.",
            "Declare it once, or hand over the metadata that counts.",
        )
    return found[0] if len(found) == 1 else found


def each_of(metadata: Metadata) -> Sequence[MetaData]:
    """Return all of them as a sequence."""
    return [metadata] if isinstance(metadata, MetaData) else metadata


def schemas_of(metadata: Metadata) -> set[str]:
    """Return the schemas that the models name."""
    return {
        table.schema for each in each_of(metadata) for table in each.tables.values() if table.schema
    }
