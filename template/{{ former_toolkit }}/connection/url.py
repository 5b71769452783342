"""Old imports of the URL's type: it is in `alembic_neon.engine.url`."""

from alembic_neon.engine.url import DatabaseURL

__all__ = ["DatabaseURL"]
