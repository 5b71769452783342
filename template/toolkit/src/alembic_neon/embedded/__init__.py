"""The embedded PostgreSQL: its binaries, its extensions, its server."""
