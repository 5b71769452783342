"""The figures of a torture: faults by kind, what was done under them, and what failed."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

# What a failure breaks. Each is promised in docs/reliability.md.
PROMISES: Final = {
    "twice": "a revision was applied twice, or not at all",
    "wrong-word": "a command said what is not so",
    "data": "a transfer or a write was lost, doubled or half done",
    "outlived": "a command lived for 10 s after SIGTERM",
    "secret": "a password was printed",
    "ugly": "a command ended in a traceback, or with a code that it does not have",
    "schema": "the catalog is another one than after an undisturbed run",
    "stuck": "what was interrupted could not be finished",
}


@dataclass
class Figures:
    """What happened, counted; a failure is also printed."""

    seed: int
    faults: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def fail(self, promise: str, text: str) -> None:
        """Note that a promise was broken."""
        assert promise in PROMISES
        self.failures.append((promise, text))

    def line(self) -> str:
        """Return the figures as one line."""
        failed = Counter(promise for promise, _ in self.failures)
        broken = ", ".join(f"{each} {failed[each]}" for each in PROMISES)
        parts = [
            f"seed {self.seed}",
            f"{self.faults.total()} faults ({_listed(self.faults)})",
            _listed(self.done),
            f"{failed.total()} failures ({broken})",
        ]
        return "; ".join(parts)

    def write(self, path: Path) -> None:
        """Write them as JSON."""
        failures = {
            each: [text for kind, text in self.failures if kind == each] for each in PROMISES
        }
        figures = {"seed": self.seed, "faults": self.faults, "done": self.done}
        path.write_text(json.dumps(figures | {"failures": failures}, indent=2) + "\n")


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common()) or "nothing"
