"""Run the stand-in for any client: `python -m tests.neon.api [--port N]`, until it is ended."""

import argparse
import signal
import sys
import tempfile
import threading
from pathlib import Path

# The toolkit is used from where it lies, and this folder is what tests import as `neon.api`.
_ROOT = Path(__file__).parents[3]
sys.path[:0] = [str(_ROOT / "template/toolkit/src"), str(_ROOT / "tests")]

from alembic_neon.embedded.server import LocalServer  # noqa: E402

from .server import NeonApi  # noqa: E402


def main() -> None:
    """Serve, and print the variables that lead a client here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    port = parser.parse_args().port
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with (
        tempfile.TemporaryDirectory(prefix="neon-api-") as folder,
        LocalServer(Path(folder) / ".neon-local", "test", 18).in_use() as server,
        NeonApi(server, port) as api,
    ):
        for name, value in api.environment.items():
            print(f"export {name}={value}", flush=True)
        ended.wait()


if __name__ == "__main__":
    main()
