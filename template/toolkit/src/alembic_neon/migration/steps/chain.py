"""A chain: the steps of a change as revision files, each building on the one before it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alembic.config import Config
from alembic.operations.ops import DowngradeOps, MigrationScript, UpgradeOps
from alembic.script import ScriptDirectory
from alembic.util import rev_id

from ..autogenerate.drops import comment_drops
from .step import Step

_ATTRIBUTE: Final = "chain"
_STEP: Final = re.compile(r"(?P<change>.*?) ?\((?P<number>\d+) of (?P<count>\d+): [^)]*\)")


@dataclass(frozen=True)
class WrittenStep:
    """A step and the revision that it became."""

    revision: str
    step: Step

    def as_json(self) -> dict[str, str]:
        """Return what a program can read of it."""
        step = self.step
        return {
            "revision": self.revision,
            "step": step.slug,
            "summary": step.summary,
            "locks": step.locks,
            "phase": step.phase,
            "deploy": step.deploy,
        }


def write_chain(
    directives: list[MigrationScript],
    steps: Sequence[Step],
    config: Config,
    script: ScriptDirectory,
) -> None:
    """Put a directive for each step in the place of the one that autogenerate made."""
    whole = directives[0]
    # In their order also where a folder is listed by name.
    names = sorted(rev_id() for _ in steps)
    if len(steps) == 1:
        names = [whole.rev_id or names[0]]
    heads = [whole.head, *names]
    directives[:] = [
        _directive(whole, step, names[number], heads[number], _title(whole, steps, number))
        for number, step in enumerate(steps)
    ]
    directives[0].branch_label = whole.branch_label
    # The number and the step must stay in the files' names.
    lengths = (len(each.message or "") for each in directives)
    script.truncate_slug_length = max(script.truncate_slug_length, *lengths)
    config.attributes[_ATTRIBUTE] = [
        WrittenStep(name, step) for name, step in zip(names, steps, strict=True)
    ]


def written_chain(config: Config) -> list[WrittenStep]:
    """Return the steps that the last `write_chain` wrote, in their order."""
    found: list[WrittenStep] = config.attributes.get(_ATTRIBUTE, [])
    return found


def step_of(title: str) -> tuple[str, int, int] | None:
    """Return the change of a revision's title, which step of it that is, and of how many.

    None for what is a change by itself.
    """
    found = _STEP.fullmatch(title)
    return None if found is None else (found["change"], int(found["number"]), int(found["count"]))


def _title(whole: MigrationScript, steps: Sequence[Step], number: int) -> str | None:
    if len(steps) == 1:
        return whole.message
    return f"{whole.message or ''} ({number + 1} of {len(steps)}: {steps[number].slug})".strip()


def _directive(
    whole: MigrationScript, step: Step, name: str, head: str | None, message: str | None
) -> MigrationScript:
    directive = MigrationScript(
        name,
        UpgradeOps(list(step.upgrade), upgrade_token="upgrades"),  # noqa: S106
        DowngradeOps(list(step.downgrade), downgrade_token="downgrades"),  # noqa: S106
        message=message,
        # Alembic writes these lines below the imports, where a template of anybody's has them.
        imports={*whole.imports, *_variables(step.markers)},
        head=head,
        splice=whole.splice,
        version_path=whole.version_path,
        depends_on=whole.depends_on,
    )
    comment_drops(directive)
    return directive


def _variables(markers: dict[str, str]) -> list[str]:
    """Return the markers as one entry, so that Alembic sorts none of them above an import."""
    lines = [f"{name} = {value!r}" for name, value in markers.items()]
    return ["\n".join(lines)] if lines else []
