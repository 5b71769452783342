"""What a person sees of a run while it goes on."""

from .console import is_terminal, say, say_done
from .migration.progress import Progress, Step


class SaidProgress(Progress):
    """Tells a person, on standard error, what a run does and what it waits for."""

    def begins(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """Say nothing to a pipe, which gets a line when the revision is done."""
        if is_terminal():
            say(f"… {revision}  {message}", "dim")

    def ends(self, step: Step) -> None:
        """Say what was committed, and how long it took."""
        arrow = "↑" if step.is_upgrade else "↓"
        say_done(f"{arrow} {step.revision}  {step.message}  ({step.duration_ms:.0f} ms)")

    def waits(self, reason: str) -> None:
        """Say what stands in the way."""
        say(f"  {reason}", "yellow")
