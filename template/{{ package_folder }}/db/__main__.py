"""Run the command line as `python -m <package>.db`."""

from .cli import main

if __name__ == "__main__":
    main()
