"""The parts of Alembic beyond its documented API are where the runner looks for them."""

import inspect
from typing import Any

import alembic
import pytest
from alembic.runtime.migration import HeadMaintainer, MigrationContext, RevisionStep, StampStep
from alembic.script import Script, ScriptDirectory
from alembic_neon.migration import alembic_internals as internals
from alembic_neon.migration.commands import script_directory
from scratch_project import ScratchProject


def test_they_were_read_in_the_minor_version_that_is_installed() -> None:
    read, installed = (
        version.split(".")[:2] for version in (internals.READ_IN, alembic.__version__)
    )
    assert read == installed, "read alembic_internals.py beside Alembic's changes, then raise it"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (MigrationContext.begin_transaction, ["self", "_per_migration"]),
        (MigrationContext._ensure_version_table, ["self", "purge"]),
        (HeadMaintainer.__init__, ["self", "context", "heads"]),
        (HeadMaintainer.update_to_step, ["self", "step"]),
        (RevisionStep.__init__, ["self", "revision_map", "revision", "is_upgrade"]),
        (ScriptDirectory._upgrade_revs, ["self", "destination", "current_rev"]),
    ],
)
def test_a_signature_is_what_the_runner_calls(function: Any, parameters: list[str]) -> None:
    assert list(inspect.signature(function).parameters) == parameters


def test_the_attributes_that_are_read_are_there(project: ScratchProject) -> None:
    project.revision("a1")
    project.revision("b2", "a1", extra='depends_on = "a1"')
    script = script_directory(project.config)
    revision = script.get_revision("b2")
    assert isinstance(revision, Script)
    assert internals.down_revisions_of(revision) == ("a1",)
    assert [step.revision.revision for step in internals.upgrade_steps(script, "head", ())] == [  # type: ignore[union-attr]
        "a1",
        "b2",
    ]
    step = internals.single_step(script, revision, is_upgrade=True)
    assert internals.script_of(step) is revision
    assert internals.script_of(StampStep("a1", "b2", True, False)) is None
    context = MigrationContext.configure(
        dialect_name="postgresql",
        opts={"fn": lambda *_: [step], "destination_rev": "head", "as_sql": True},
    )
    assert internals.is_run(context)
    assert internals.destination(context) == "head"
    assert internals.list_steps(context, ()) == [step]
    assert not internals.is_purge(context)
    assert context.impl.memo == {}
    internals.on_version_apply(context, print)
    assert context.on_version_apply_callbacks == (print,)
