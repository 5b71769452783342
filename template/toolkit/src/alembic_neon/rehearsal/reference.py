"""The reference: a database beside the branch that the migrations alone have made.

Drift has three sources, and each pair is compared where the third has no part in it: the live
schema with the reference at the live revision, and the models with the reference at head.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from secrets import token_hex

from sqlalchemy import text

from ..branches.local import LocalProvider
from ..branches.provider import BranchProvider
from ..engine.factory import create_migration_engine, migration_connection
from ..engine.url import DatabaseURL
from ..errors import ToolkitError
from ..migration.autogenerate.drift import drift_finding, find_drift
from ..migration.history.status import Status
from ..migration.lint import Finding
from ..migration.runner.run import upgrade
from ..verification.catalog import Catalog, take_snapshot
from ..verification.databases import TestDatabases
from ..verification.history import History
from ..verification.live_drift import find_live_drift


@dataclass(frozen=True)
class Reference:
    """Compares models, migrations and the branch at `url`."""

    provider: BranchProvider
    url: DatabaseURL
    history: History

    async def find_drift(
        self, status: Status, live: Catalog, *, is_upgraded: bool
    ) -> list[Finding]:
        """Return how the live schema differed before the upgrade, and how the models differ after.

        Where the migrations do not run on an empty database, or none can be made, the models are
        compared with the upgraded branch, and the live schema with nothing, which is reported.
        """
        findings: list[Finding] = []
        try:
            async with self._empty_database() as reference:
                for revision in status.current:
                    await upgrade(reference, revision, config=self.history.config)
                if status.current:
                    found = find_live_drift(live, await take_snapshot(reference))
                    # It was there before these revisions, and is no reason to refuse them.
                    findings += [_as_warning(each) for each in _verified(found)]
                if is_upgraded:
                    await upgrade(reference, config=self.history.config)
                    findings += await self._find_model_drift(reference)
        except ToolkitError as error:
            message = f"The live schema was not compared with the migrations: {error.message}"
            findings = _verified([drift_finding("not-compared", message)])
            if is_upgraded:
                findings += await self._find_model_drift(self.url)
        return findings

    async def _find_model_drift(self, url: DatabaseURL) -> list[Finding]:
        engine = create_migration_engine(url)
        try:
            return _verified(await find_drift(engine, self.history.config))
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def _empty_database(self) -> AsyncIterator[DatabaseURL]:
        """Make a database on the branch's server, which has its version, roles and extensions."""
        if isinstance(self.provider, LocalProvider):
            name = f"scratch-{token_hex(4)}"
            made = await self.provider.create_empty(name)
            try:
                yield made
            finally:
                await self.provider.delete(name, force=True)
            return
        databases = TestDatabases(self.url)
        made = await databases.make()
        try:
            yield made
        finally:
            await databases.remove(made)


def _as_warning(finding: Finding) -> Finding:
    return replace(finding, severity="warning") if finding.severity == "error" else finding


def _verified(findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, source="verification") for finding in findings]


async def read_server_version(url: DatabaseURL) -> str:
    """Return the version of the server, as it writes it."""
    async with migration_connection(url) as connection:
        return str(await connection.scalar(text("SHOW server_version")))
