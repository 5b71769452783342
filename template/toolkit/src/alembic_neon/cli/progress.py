"""What a person sees of a run while it goes on."""

from ..interruption import describe_work
from ..migration.runner.progress import Progress, Step
from .console import echo, is_terminal, success


class ConsoleProgress(Progress):
    """Tells a person, on standard error, what a run does and what it waits for."""

    def on_start(self, revision: str, message: str, *, is_upgrade: bool) -> None:
        """Say nothing to a pipe, which gets a line when the revision is done."""
        describe_work(
            f"{revision} was under way: it is rolled back, unless its commit had come through."
            " db status shows which."
        )
        if is_terminal():
            echo(f"… {revision}  {message}", "dim")

    def on_finish(self, step: Step) -> None:
        """Say what was committed, and how long it took."""
        describe_work(f"{step.revision} is committed. db status shows what is pending.")
        arrow = "↑" if step.is_upgrade else "↓"
        success(f"{arrow} {step.revision}  {step.message}  ({step.duration_ms:.0f} ms)")

    def on_wait(self, reason: str) -> None:
        """Say what stands in the way."""
        echo(f"  {reason}", "yellow")

    def on_progress(self, done: str) -> None:
        """Say how far a backfill has got."""
        echo(f"  {done}", "dim")
