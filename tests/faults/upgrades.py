"""Upgrades that pass on empty tables and break on tables with rows."""

from dataclasses import dataclass
from typing import Final

from .downgrades import Statements


@dataclass(frozen=True)
class RowFault:
    """A revision on top of the base schema that only rows make fail. `object`: see `Fault`."""

    up: str | Statements
    object: str
    down: str | Statements = ()


ROW_FAULTS: Final = {
    "not null without default": RowFault("ALTER TABLE t ADD c int NOT NULL", "t.c"),
    "not null over nulls": RowFault("ALTER TABLE t ALTER note SET NOT NULL", "t.note"),
    "unique over duplicates": RowFault("ALTER TABLE t ADD CONSTRAINT u UNIQUE (z)", "t.u"),
    "unique index over duplicates": RowFault("CREATE UNIQUE INDEX u ON t (n)", "t.u"),
    "primary key over duplicates": RowFault(
        ("ALTER TABLE t DROP CONSTRAINT t_pkey", "ALTER TABLE t ADD PRIMARY KEY (z)"), "t.t_pkey"
    ),
    "primary key over nulls": RowFault(
        "ALTER TABLE other.far DROP CONSTRAINT far_pkey, ADD PRIMARY KEY (s)", "other.far"
    ),
    "shorter text": RowFault(
        "ALTER TABLE t ALTER note TYPE varchar(3)", "ALTER TABLE t ALTER note"
    ),
    "smaller number": RowFault("ALTER TABLE t ALTER big TYPE smallint", "ALTER TABLE t ALTER big"),
    "less precise number": RowFault(
        "ALTER TABLE t ALTER price TYPE numeric(3, 2)", "ALTER TABLE t ALTER price"
    ),
    "text to number": RowFault(
        "ALTER TABLE t ALTER note TYPE int USING note::int", "ALTER TABLE t ALTER note"
    ),
    "text to enum": RowFault(
        "ALTER TABLE t ALTER note TYPE mood USING note::mood", "ALTER TABLE t ALTER note"
    ),
    "text to json": RowFault(
        "ALTER TABLE t ALTER s TYPE jsonb USING s::jsonb", "ALTER TABLE t ALTER s"
    ),
    "check that rows fail": RowFault(
        "ALTER TABLE t ADD CONSTRAINT c CHECK (z > 99 AND n < 0)", "t.c"
    ),
    "check validated": RowFault(
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (id < 0) NOT VALID",
            "ALTER TABLE t VALIDATE CONSTRAINT c",
        ),
        "t.c",
    ),
    "check on a domain": RowFault(
        "ALTER DOMAIN amount ADD CONSTRAINT c CHECK (VALUE IS NULL)", "ALTER DOMAIN amount"
    ),
    "foreign key without targets": RowFault(
        "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (big) REFERENCES other.far", "t.f"
    ),
    "exclusion over rows": RowFault("ALTER TABLE t ADD CONSTRAINT e EXCLUDE (z WITH =)", "t.e"),
    "generated from a zero": RowFault(
        "ALTER TABLE t ADD c int GENERATED ALWAYS AS (1 / (z - z)) STORED", "ALTER TABLE t ADD c"
    ),
    "update that breaks a rule": RowFault("UPDATE t SET n = 7", "t.ck"),
    "update from several rows": RowFault(
        "UPDATE parents SET extra = (SELECT note FROM t)", "UPDATE parents"
    ),
    "insert of a taken key": RowFault(
        "INSERT INTO parents (id, code) SELECT id, code || 'x' FROM parents", "parents.parents_pkey"
    ),
}
