"""PostgreSQL's lock modes on relations, from the weakest to the strongest, and what each stops.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES
"""

from typing import Final

LOCK_MODES: Final = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)


def blocks_writes(mode: str) -> bool:
    """Tell whether INSERT, UPDATE and DELETE wait while somebody holds this lock."""
    return strength(mode) >= strength("ShareLock")


def blocks_reads(mode: str) -> bool:
    """Tell whether even SELECT waits while somebody holds this lock."""
    return mode == "AccessExclusiveLock"


def strength(mode: str) -> int:
    """Return a mode's place in the order; -1 for no lock."""
    return LOCK_MODES.index(mode) if mode else -1
