"""Writes the histories of this folder as the revision files of a project."""

from scratch_project import ScratchProject

from .downgrades import Statements
from .histories import History
from .schema import BASE, UNDO_BASE


def body(statements: str | Statements) -> str:
    """Return the body of a function that runs statements; a text with `op.` is one already."""
    if isinstance(statements, str):
        if "op." in statements:
            return statements
        statements = (statements,)
    return "\n".join(f"op.execute(sa.text({_literal(each)}))" for each in statements) or "pass"


def _literal(statement: str) -> str:
    # In sa.text a colon begins a parameter.
    return repr(
        statement.replace("\\", "\\\\").replace(":", "\\:") if ":" in statement else statement
    )


def write_base(project: ScratchProject, before: Statements = ()) -> None:
    """Write the first revision of a faulty history: a1."""
    project.revision("a1", up=body((*BASE, *before)), undo=body(UNDO_BASE))


def write_history(project: ScratchProject, history: History) -> None:
    """Write the revisions of a right history."""
    for name, each in history.items():
        project.revision(name, each.down, up=body(each.up), undo=body(each.undo), extra=each.extra)
