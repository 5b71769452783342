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

    def begins(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """A revision is about to run."""

    def ends(self, step: Step) -> None:
        """A revision was committed."""

    def waits(self, reason: str) -> None:
        """The run stands still, for somebody else."""
        _log.warning("%s", reason)
