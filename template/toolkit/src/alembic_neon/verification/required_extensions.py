"""The extensions that bring the types of models: pgvector's `vector`, PostGIS's `geometry`."""

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import Dialect, MetaData
from sqlalchemy.exc import CompileError, UnsupportedCompilationError

# By the name of a type, without its length.
_BROUGHT_BY: Final = {
    "citext": "citext",
    "cube": "cube",
    "geography": "postgis",
    "geometry": "postgis",
    "halfvec": "vector",
    "hstore": "hstore",
    "ltree": "ltree",
    "raster": "postgis_raster",
    "sparsevec": "vector",
    "vector": "vector",
}


def required_extensions(metadata: Iterable[MetaData], dialect: Dialect) -> list[str]:
    """Return the extensions without which the columns of the models cannot be."""
    names = {name for each in metadata for name in _type_names(each, dialect)}
    return sorted({_BROUGHT_BY[name] for name in names if name in _BROUGHT_BY})


def _type_names(metadata: MetaData, dialect: Dialect) -> Iterator[str]:
    for table in metadata.tables.values():
        for column in table.columns:
            try:
                sql = column.type.compile(dialect=dialect)
            except (CompileError, UnsupportedCompilationError):
                continue
            yield sql.partition("(")[0].partition("[")[0].strip().lower()
