"""The observer of a run: which revision it works on, and what it waits for."""

import logging
from dataclasses import dataclass
from typing import Final

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One revision that was applied, or reverted, and is committed."""

    revision: str
    message: str
    is_upgrade: bool
    duration_ms: float


class Progress:
    """Is notified of a run. This one logs what it waits for."""

    def on_lock_acquired(self) -> None:
        """The migration lock is held, and nothing was run yet. What this raises ends the run."""

    def on_start(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """A revision is about to run."""

    def on_finish(self, step: Step) -> None:
        """A revision was committed."""

    def on_wait(self, reason: str) -> None:
        """The run waits for another session."""
        _log.warning("%s", reason)

    def on_progress(self, done: str) -> None:
        """A revision that takes long has got so far."""
        _log.info("%s", done)


class ForwardingProgress(Progress):
    """Forwards every notification to another observer; a base for those that add to some."""

    def __init__(self, listener: Progress) -> None:
        self._listener = listener

    def on_lock_acquired(self) -> None:
        """Forward that the lock is held."""
        self._listener.on_lock_acquired()

    def on_start(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """Forward that a revision is about to run."""
        self._listener.on_start(revision, message, is_upgrade=is_upgrade)

    def on_finish(self, step: Step) -> None:
        """Forward that a revision was committed."""
        self._listener.on_finish(step)

    def on_wait(self, reason: str) -> None:
        """Forward what the run waits for."""
        self._listener.on_wait(reason)

    def on_progress(self, done: str) -> None:
        """Forward how far a long revision has got."""
        self._listener.on_progress(done)
