"""Histories with a known truth: wrong downgrades, upgrades that break on rows, and right ones.

The tests of the round trip and its benchmark read them; each is data, and the smallest of its kind.
"""

from .downgrades import FAULTS, Fault
from .histories import AS_SUPERUSER, HISTORIES, History, Revision
from .upgrades import ROW_FAULTS, RowFault

__all__ = [
    "AS_SUPERUSER",
    "FAULTS",
    "HISTORIES",
    "ROW_FAULTS",
    "Fault",
    "History",
    "Revision",
    "RowFault",
]
