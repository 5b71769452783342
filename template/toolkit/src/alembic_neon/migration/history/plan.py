"""The plan: which revisions a database would go through, named so that any change to it shows."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.script import Script

from .source import source_of
from .status import Status


@dataclass(frozen=True)
class Plan:
    """Revisions from `base_revision` to `target_revision`; several heads are joined by commas.

    `files_hash` covers the names and contents of the revision files that are to be run, and
    `catalog_before` is the fingerprint of the database that they are to be run on.
    """

    base_revision: str
    target_revision: str
    files_hash: str
    catalog_before: str

    @property
    def plan_id(self) -> str:
        """The name of exactly this plan: it is another one if anything of it moves."""
        parts = (self.base_revision, self.target_revision, self.files_hash, self.catalog_before)
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def make_plan(status: Status, catalog_before: str) -> Plan:
    """Make the plan that brings a database of that status and catalog to its heads."""
    return Plan(
        base_revision=joined(status.current),
        target_revision=joined(status.heads),
        files_hash=_hash(status.pending),
        catalog_before=catalog_before,
    )


def joined(revisions: Iterable[str]) -> str:
    """Return revisions as the plan writes them: sorted, "base" for none."""
    return ",".join(sorted(revisions)) or "base"


def _hash(scripts: Sequence[Script]) -> str:
    digest = hashlib.sha256()
    for script in scripts:
        path = Path(script.path)
        content = source_of(script).content
        digest.update(f"{script.revision}\0{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
