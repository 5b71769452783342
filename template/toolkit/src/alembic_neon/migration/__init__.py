"""The migration room: Alembic's environment, the runner, autogenerate and the revisions' status."""
