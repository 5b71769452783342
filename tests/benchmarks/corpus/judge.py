"""The judge of the corpus: has a tool write the revisions of a case, and says what they are."""

import asyncio
import runpy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.script import ScriptDirectory
from alembic_neon.embedded.server import LocalServer
from alembic_neon.engine.factory import create_migration_engine
from alembic_neon.engine.url import DatabaseURL
from alembic_neon.errors import ToolkitError
from alembic_neon.migration.lint import lint_revisions
from alembic_neon.migration.runner.run import upgrade
from alembic_neon.verification.catalog import (
    Catalog,
    CatalogObject,
    Difference,
    significant,
    take_snapshot,
)
from alembic_neon.verification.databases import TestDatabases
from alembic_neon.verification.declared_schema import create_models
from alembic_neon.verification.round_trip import check_round_trip
from scratch_project import ScratchProject
from sqlalchemy import Connection, create_mock_engine
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.schema import CreateSchema

from . import Case

_STOCK_ENVIRONMENT: Final = """
import runpy
from pathlib import Path

{imports}
from alembic import context

metadata = runpy.run_path(str(Path(__file__).parent / "models.py"))["metadata"]
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=any(table.schema for table in metadata.tables.values()),
    include_name=lambda name, kind, parents: kind != "schema" or name in {{
        None, *(table.schema for table in metadata.tables.values())
    }},
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
"""
_BASE: Final = '''"""first"""
from alembic import op
revision = "first"
down_revision = None

def upgrade():
    for statement in {statements!r}:
        op.get_bind().exec_driver_sql(statement)

def downgrade():
    raise NotImplementedError
'''
# An ignore that `db revision` writes itself where it knows that readers wait.
_REWRITE: Final = "the table is written anew"
_BOOKKEEPING: Final = ("alembic_version", "alembic_neon_revisions")
_OF_THE_HISTORY: Final = ("position", "statistics")

Outcome = tuple[str, str]


class WrongError(Exception):
    """What was written is wrong, and why."""


class RefusedError(Exception):
    """The tool refused in one line, and left no file."""


@dataclass(frozen=True)
class Bench:
    """A project, a server and a tool, for one case after the other."""

    project: ScratchProject
    tool: str
    server: LocalServer

    @classmethod
    @contextmanager
    def open(cls, folder: Path, tool: str) -> "Iterator[Bench]":
        """Make the project and start its server, which stops at the end."""
        project = ScratchProject.make(folder / "project")
        if tool != "ours":
            imports = "import alembic_postgresql_enum" if tool == "plugin" else ""
            environment = _STOCK_ENVIRONMENT.format(imports=imports)
            (project.folder / "migrations/env.py").write_text(environment)
        with chdir(project.folder), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            server = LocalServer.for_project()
            try:
                with server.in_use():
                    yield cls(project, tool, server)
            finally:
                server.stop()

    def run(self, case: Case) -> Outcome:
        """Return the outcome of a case, and the reason where it is not the best one."""
        try:
            return asyncio.run(self._run(case))
        except WrongError as error:
            return "wrong", _line(error)
        except RefusedError as error:
            return "refused", _line(error)
        finally:
            for path in self.project.versions.glob("*.py"):
                path.unlink()

    async def _run(self, case: Case) -> Outcome:
        databases = TestDatabases(self.server)
        before, after, work = [await databases.make() for _ in range(3)]
        try:
            self._write_base(case)
            await upgrade(before, config=self.project.config)
            was = await self._declared(case, "before", after, before)
            await databases.remove(after)
            after = await databases.make()
            await self._write(before, case.options)
            written = self._new_revisions({"first"})
            if not written:
                raise WrongError("nothing was written")
            await self._check_round_trips(case, work, written)
            now = await self._declared(case, "after", after, work)
            self._compare(case, await take_snapshot(before), was, await take_snapshot(work), now)
            await self._write(work)
            if more := self._new_revisions({"first", *written}):
                raise WrongError(f"a second run writes {_body(self.project, more[0])}")
            return self._lint(written)
        finally:
            for url in (before, after, work):
                await databases.remove(url)

    def _write_base(self, case: Case) -> None:
        self.project.models(case.models("before"))
        metadata = self._metadata()
        statements: list[str] = []
        dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call] # it has no annotations

        def keep(ddl: Any, *_: object, **__: object) -> None:
            statements.append(str(ddl.compile(dialect=dialect)))

        for schema in sorted({t.schema for t in metadata.tables.values() if t.schema}):
            keep(CreateSchema(schema))
        metadata.create_all(create_mock_engine("postgresql+asyncpg://", keep), checkfirst=False)
        path = self.project.versions / "2026_01_01_0000-first.py"
        path.write_text(_BASE.format(statements=[*statements, *case.sql]))
        self.project.models(case.models("after"))

    def _metadata(self) -> Any:
        return runpy.run_path(str(self.project.folder / "migrations/models.py"))["metadata"]

    async def _declared(
        self, case: Case, stage: str, empty: DatabaseURL, migrated: DatabaseURL
    ) -> Catalog:
        self.project.models(case.models(stage))
        omitted = await create_models([self._metadata()], empty, await take_snapshot(migrated))
        self.project.models(case.models("after"))
        if omitted and stage == "before":
            raise AssertionError(f"{case.name}: {omitted[0]}")  # the case itself is wrong
        return await take_snapshot(empty)

    def _new_revisions(self, known: set[str]) -> list[str]:
        try:
            scripts = ScriptDirectory.from_config(self.project.config)
            found = [each.revision for each in scripts.walk_revisions()]
        except Exception as error:  # noqa: BLE001 - a file that is no Python, for one
            raise WrongError(f"does not import: {_line(error)}") from None
        return [each for each in reversed(found) if each not in known]

    async def _write(self, database: DatabaseURL, options: Sequence[str] = ()) -> None:
        before = set(self.project.revision_files)
        try:
            if self.tool == "ours":
                await asyncio.to_thread(run_ours, options)
            else:
                await self._write_stock(database)
        except ToolkitError as error:
            if set(self.project.revision_files) != before:
                raise WrongError(f"refused, and left a file: {error}") from None
            raise RefusedError(str(error)) from None
        except Exception as error:  # noqa: BLE001 - whatever the tool ends in
            raise WrongError(f"{type(error).__name__}: {_line(error)}") from None

    async def _write_stock(self, database: DatabaseURL) -> None:
        def run(connection: Connection) -> None:
            config = self.project.config
            config.attributes["connection"] = connection
            command.revision(
                config, "change", autogenerate=True, process_revision_directives=_skip_empty
            )

        engine = create_migration_engine(database)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(run)
        finally:
            await engine.dispose()

    async def _check_round_trips(self, case: Case, url: DatabaseURL, revisions: list[str]) -> None:
        # Rows are there before the change, and none comes between its revisions.
        is_filled = any(statement.startswith("INSERT") for statement in case.sql)
        for revision in revisions:
            hook = _no_more_rows if is_filled or revision != revisions[0] else None
            try:
                found = await check_round_trip(url, revision, config=self.project.config, hook=hook)
            except ToolkitError as error:
                raise WrongError(str(error)) from None
            if found.irreversible:
                raise WrongError(f"irreversible: {found.irreversible}")
            differences = [
                each
                for each in (*found.after_downgrade, *found.after_second_upgrade)
                if not each.is_of_order
            ]
            if found.failure is not None:
                raise WrongError(f"{found.failure.stage} fails: {found.failure.reason}")
            if differences:
                raise WrongError(f"the downgrade leaves {_shown(differences)}")
            if case.keeps and (found.lost or found.data_loss):
                raise WrongError(f"loses values: {found.data_loss or found.lost[0]}")
            if found.after_downgrade:
                # Only the order of columns: the trip ended before its second upgrade.
                await upgrade(url, revision, config=self.project.config)

    def _compare(
        self, case: Case, before: Catalog, was: Catalog, after: Catalog, now: Catalog
    ) -> None:
        """Refuse what differs from the models, but for what no model was of and stays."""
        beside = {label for label in before.objects if label not in was.objects}
        wanted = {label: _plain(found) for label, found in now.objects.items()}
        for label in beside & after.objects.keys():
            wanted.setdefault(label, _plain(after.objects[label]))
        partitions = {
            (each.schema, each.name)
            for each in after.objects.values()
            if each.attributes.get("is_partition")
        }
        found = {
            label: _plain(each)
            for label, each in after.objects.items()
            if label in wanted or (each.schema, each.table) not in partitions
        }
        differences = [
            Difference(found.get(label), wanted.get(label))
            for label in sorted(found.keys() | wanted.keys())
            if found.get(label) != wanted.get(label) and not _is_bookkeeping(label)
        ]
        if differences := significant(differences):
            raise WrongError(f"not what the models declare: {_shown(differences)}")
        lost = [each for each in case.sql if (name := _created(each)) and name not in found]
        if lost:
            raise WrongError(f"dropped what no model is of: {lost[0]}")

    def _lint(self, written: list[str]) -> Outcome:
        config = self.project.config
        scripts = ScriptDirectory.from_config(config)
        revisions = [each for name in written if (each := scripts.get_revision(name))]
        findings = lint_revisions(config, revisions)
        errors = [each for each in findings if each.severity == "error"]
        if errors:
            rules = ", ".join(sorted({each.rule for each in errors}))
            return "right, not safe", rules
        texts = [Path(each.path).read_text(encoding="utf-8") for each in revisions]
        if rewritten := [text for text in texts if _REWRITE in text]:
            return (
                "right, not safe",
                f"{len(rewritten)} of {len(written)} revisions say: {_REWRITE}",
            )
        return "right and safe", f"{len(written)} revisions" if len(written) > 1 else ""


def run_ours(options: Sequence[str]) -> None:
    """Run `db revision` in this process."""
    from alembic_neon.cli.app import app
    from typer.testing import CliRunner

    result = CliRunner().invoke(app, ["revision", "-m", "change", *options])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    if result.exit_code:
        raise RuntimeError(result.output)


def _no_more_rows(_: str, __: object) -> bool:
    return True


def _skip_empty(_: Any, __: Any, directives: list[Any]) -> None:
    if directives[0].upgrade_ops.is_empty():
        directives.clear()


def _plain(found: CatalogObject) -> CatalogObject:
    return found.without(*_OF_THE_HISTORY)


def _is_bookkeeping(label: str) -> bool:
    return any(name in label for name in _BOOKKEEPING)


def _created(statement: str) -> str | None:
    """Return the label of a view, the one kind of object beside the models that is asked for."""
    words = statement.split()
    return f"view public.{words[2]}" if words[:2] == ["CREATE", "VIEW"] else None


def _shown(differences: list[Difference]) -> str:
    return _line("; ".join(str(each) for each in differences[:3]))


def _body(project: ScratchProject, revision: str) -> str:
    [path] = [each for each in project.revision_files if revision in each.read_text()]
    text = path.read_text()
    return _line(text[text.index("def upgrade") : text.index("def downgrade")])


def _line(text: object) -> str:
    return " ".join(str(text).split())[:300]
