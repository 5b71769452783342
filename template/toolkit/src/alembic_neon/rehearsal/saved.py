"""A rehearsal read from the JSON that `db rehearse --json` wrote, to show its report again.

The file may come from a pull request of somebody unknown: nothing in it is trusted, each field is
checked, and the verdict is made of the findings anew.
"""

from datetime import datetime
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ..branches.target import Target
from ..errors import UsageError
from ..migration.history.plan import Plan
from ..migration.lint.findings import Finding
from ..migration.trace.tracer import Relation, RevisionTrace
from ..verification.catalog import CatalogObject, Difference
from .result import LoadResult, Rehearsal, RoundTripSummary

# A report of 20,000 statements has 8 MiB.
_MOST_BYTES: Final = 64 * 1024**2


class _Change(BaseModel):
    kind: str
    identity: str
    schema_name: str
    table: str
    name: str
    was: str | None
    now: str | None

    def difference(self) -> Difference:
        return Difference(*(self._object(text) for text in (self.was, self.now)))

    def _object(self, text: str | None) -> CatalogObject | None:
        if text is None:
            return None
        found = CatalogObject(self.kind, self.identity, self.schema_name, self.table, self.name)
        return found.with_text(text)


class _Report(BaseModel):
    """The fields of `Rehearsal.as_json` that are not made of others."""

    model_config = ConfigDict(extra="ignore")

    base_revision: str
    target_revision: str
    files_hash: str
    catalog_before: str
    catalog_after: str
    provider: Literal["neon", "local", "server"]
    server: str
    parent_branch: str
    branch: str
    host: str
    database: str
    role: str
    project: str
    commit: str
    started_at: datetime
    postgres_version: str
    phases_ms: dict[str, float]
    revisions: list[RevisionTrace]
    not_tried: list[str]
    relations: list[Relation]
    findings: list[Finding]
    round_trip: RoundTripSummary
    changes: list[_Change]
    load: LoadResult | None

    def rehearsal(self) -> Rehearsal:
        return Rehearsal(
            plan=Plan(
                self.base_revision, self.target_revision, self.files_hash, self.catalog_before
            ),
            target=Target(
                self.provider,
                self.server,
                self.parent_branch,
                self.host,
                self.database,
                self.role,
            ),
            branch=self.branch,
            started_at=self.started_at,
            postgres_version=self.postgres_version,
            phases_ms=self.phases_ms,
            revisions=self.revisions,
            relations=self.relations,
            findings=self.findings,
            round_trip=self.round_trip,
            changes=[change.difference() for change in self.changes],
            catalog_after=self.catalog_after,
            load=self.load,
            not_tried=self.not_tried,
            project=self.project,
            commit=self.commit,
        )


def read_rehearsal(path: Path) -> Rehearsal:
    """Read what `db rehearse --json` wrote.

    Raises:
        UsageError: there is no such file, or it is not such a report.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UsageError(f"{path} is larger than 64 MiB.", "Make one: db rehearse --json FILE")
        return _Report.model_validate_json(path.read_bytes()).rehearsal()
    except FileNotFoundError:
        raise UsageError(f"There is no report {path}.", "Make one: db rehearse") from None
    except ValidationError as error:
        field = ".".join(str(part) for part in error.errors()[0]["loc"])
        problem = f"{path} is not a rehearsal's report" + (f": see {field}." if field else ".")
        raise UsageError(problem, "Make one: db rehearse --json FILE") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Give a file.") from None
