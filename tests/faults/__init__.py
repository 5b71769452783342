"""Histories with a known truth: wrong downgrades, upgrades that break on rows, and right ones.

The tests of the round trip and its benchmark read them; each is data, and the smallest of its kind.
"""

from .downgrades import FAULTS, Fault
from .histories import HISTORIES, History, Revision
from .schema import BASE, UNDO_BASE
from .upgrades import ROW_FAULTS, RowFault

__all__ = [
    "BASE",
    "FAULTS",
    "HISTORIES",
    "ROW_FAULTS",
    "UNDO_BASE",
    "Fault",
    "History",
    "Revision",
    "RowFault",
]
