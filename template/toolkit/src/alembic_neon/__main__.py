"""Run the command line as `python -m alembic_neon`."""

from .cli.app import main

if __name__ == "__main__":
    main()
