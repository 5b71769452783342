"""Old imports of the hook that fills tables: it is in `alembic_neon.verification.rows`."""

from alembic_neon.verification.rows import Contents, Hook, Loss, Rows, Unfilled, hook_from

__all__ = ["Contents", "Hook", "Loss", "Rows", "Unfilled", "hook_from"]
