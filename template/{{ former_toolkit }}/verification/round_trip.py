"""Old imports of round trips: they are in `alembic_neon.verification.round_trip`."""

from alembic_neon.verification.result import RoundTrip
from alembic_neon.verification.round_trip import check_history, check_round_trip, walk_history

__all__ = ["RoundTrip", "check_history", "check_round_trip", "walk_history"]
