"""Rows for every table, made from the catalog alone, and what becomes of them."""

from .contents import Contents, Loss
from .fill import TOUCHED_SQL, Hook, Rows, Unfilled, hook_from

__all__ = ["TOUCHED_SQL", "Contents", "Hook", "Loss", "Rows", "Unfilled", "hook_from"]
