"""The first revision of a database that has none."""
