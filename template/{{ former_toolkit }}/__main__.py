"""Run the command `db` by the module name that the toolkit had before it became a package."""

from alembic_neon.cli.app import main

if __name__ == "__main__":
    main()
