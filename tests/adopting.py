"""Adopts existing projects with Copier, as a person does or with fewer questions."""

from pathlib import Path
from typing import Any

import copier
import yaml
from existing_projects import ExistingProject
from forked_runs import check_module
from rendering import Template

FIRST, SECOND = "v1.0.0", "v1.1.0"
TOOLKIT = "template/toolkit"
LATER = "toolkit/src/alembic_neon/later.py"
TWO_BASES = "store.sales:Base, store.stock:Base.metadata"
DECLARATIVE = {"metadata": TWO_BASES, "version_table_schema": "ops"}


def release_two_versions(folder: Path) -> Template:
    """Make a repository of the present template, and of a version after it."""
    template = Template.of_working_tree(folder)
    template.release(FIRST)
    (template.folder / "template" / LATER).write_text('"""Came later."""\n')
    path = template.folder / "template/db.toml.jinja"
    path.write_text(path.read_text().replace("# Settings of", "# The settings of"))
    template.release(SECOND)
    return template


def adopt(
    template: Template, project: ExistingProject, answers_file: str | None = None, **answers: Any
) -> dict[str, Any]:
    """Bring the toolkit in as carelessly as Copier allows, and return what was stored."""
    copier.run_copy(
        str(template.folder),
        project.folder,
        data=answers,
        answers_file=answers_file,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
        vcs_ref=FIRST,
    )
    return stored(project, answers_file or ".copier-answers.yml")


def copy_and_read_message(template: Template, project: ExistingProject, *options: str) -> str:
    """Bring the toolkit in as `copier copy --defaults` does, and return Copier's message."""
    arguments = ("copy", "--defaults", *options, str(template.folder), ".")
    return check_module("copier", *arguments, cwd=project.folder).stderr


def update(project: ExistingProject, version: str, answers_file: str | None = None) -> None:
    """Update as `copier update --defaults` does."""
    copier.run_update(
        project.folder,
        answers_file=answers_file,
        defaults=True,
        overwrite=True,
        quiet=True,
        unsafe=False,
        vcs_ref=version,
    )


def stored(project: ExistingProject, answers_file: str = ".copier-answers.yml") -> dict[str, Any]:
    """Return the stored answers, without what Copier itself remembers."""
    found = yaml.safe_load((project.folder / answers_file).read_text())
    return {name: value for name, value in found.items() if not name.startswith("_")}


def new_files(project: ExistingProject) -> set[str]:
    """Return the files that were added outside the toolkit; nothing else may have happened."""
    status = project.status()
    assert status
    assert [line for line in status if not line.startswith("?? ")] == []
    return {line[3:] for line in status if not line.startswith("?? toolkit/")}
