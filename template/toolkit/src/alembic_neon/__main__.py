"""Run the command line, as `db` or as `python -m alembic_neon`.

It imports nothing else at first, so that a toolkit with missing files and Ctrl-C during the imports
end in one line too.
"""

import sys

from .interruption import end_in_time, exit_interrupted


def main() -> None:
    """Run the command line; see `cli.app.main` for its exit codes."""
    try:
        end_in_time()
        from .cli.app import main as run

        run()
    except ModuleNotFoundError as error:
        name = error.name or ""
        if name.partition(".")[0] != __package__:
            raise
        print(
            f"Error: The toolkit is incomplete: {name} is missing. "
            "Restore its folder (git checkout toolkit), or install alembic-neon again.",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        exit_interrupted()


if __name__ == "__main__":
    main()
