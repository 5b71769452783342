"""What a run tells while it goes on: which revision it works on, and what it waits for."""

import logging
from dataclasses import dataclass
from typing import Final

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """One revision that was applied, or taken back, and is committed."""

    revision: str
    message: str
    is_upgrade: bool
    duration_ms: float


class Progress:
    """Takes the news of a run. This one writes to the log what a person has to know."""

    def locked(self) -> None:
        """The migration lock is held, and nothing was run yet. What it raises ends the run."""

    def begins(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """A revision is about to run."""

    def ends(self, step: Step) -> None:
        """A revision was committed."""

    def waits(self, reason: str) -> None:
        """The run stands still, for somebody else."""
        _log.warning("%s", reason)


class Relay(Progress):
    """Hands all news on to another one; a base for those that do something with some of them."""

    def __init__(self, listener: Progress) -> None:
        self._listener = listener

    def locked(self) -> None:
        """Hand on that the lock is held."""
        self._listener.locked()

    def begins(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """Hand on that a revision is about to run."""
        self._listener.begins(revision, message, is_upgrade=is_upgrade)

    def ends(self, step: Step) -> None:
        """Hand on that a revision was committed."""
        self._listener.ends(step)

    def waits(self, reason: str) -> None:
        """Hand on what the run waits for."""
        self._listener.waits(reason)
