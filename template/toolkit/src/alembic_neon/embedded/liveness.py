"""Whether a data folder has a living server: a lock that the server's own life holds.

A pid does not say so: in another container it is nobody's, or another process's. The lock is taken
before the server starts and handed down to it and all its children, so that the last of them frees
it, however it ends. It holds between all containers on one kernel.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Whoever looks holds the lock as well, for a moment.
_LOOKS_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Liveness:
    """The lock on one file, which is never removed."""

    path: Path

    def is_held(self) -> bool:
        """Tell whether a server, or a process of it, lives."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    @contextmanager
    def taken(self) -> Iterator[int]:
        """Take the lock; a program that inherits the file's number holds it beyond the block.

        Raises:
            BlockingIOError: it is held.
        """
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + _LOOKS_SECONDS
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
            yield file
        finally:
            os.close(file)
