"""What is rendered, without running it: conditional files, ownership, nothing left over."""

import re
import tomllib
from pathlib import Path

import pytest
from rendering import ROOT, Template, check, commit_all, files

TOOLKIT = ROOT / "template/toolkit"


def test_the_toolkit_is_copied_as_it_is(template: Template, destination: Path) -> None:
    template.render(destination)
    original = files(TOOLKIT)
    assert files(destination / "toolkit") == original
    # Braces that are doubled without a space are Python's own, in f-strings.
    assert not [path for path, text in original.items() if re.search(r"{{ |{% |{# ", text)]


def test_a_new_project_is_small(template: Template, destination: Path) -> None:
    template.render(destination)
    rendered = {path: text for path, text in files(destination).items() if path[:8] != "toolkit/"}
    assert len(rendered) <= 45
    python = [text for path, text in rendered.items() if path.endswith(".py")]
    assert sum(text.count("\n") for text in python) <= 1000


def test_no_pattern_of_the_projects_own_leaves_a_file_of_the_toolkit_out(
    template: Template, destination: Path
) -> None:
    template.render(destination)
    with (destination / ".gitignore").open("a") as file:
        file.write("lib/\nengine/\nbranches/\nurl.py\n*.mako\ndist/\n")
    commit_all(destination, "Start")
    committed = set(check("git", "ls-files", "toolkit", cwd=destination).splitlines())
    assert committed == {f"toolkit/{path}" for path in files(destination / "toolkit")}


def test_as_a_package_it_is_pinned_to_the_commit(template: Template, destination: Path) -> None:
    template.render(destination, toolkit="package")
    assert not (destination / "toolkit").exists()
    commit = check("git", "rev-parse", "HEAD", cwd=template.folder).strip()
    pinned = f"alembic-neon @ git+file://{template.folder}@{commit}#subdirectory=template/toolkit"
    project = tomllib.loads((destination / "pyproject.toml").read_text())
    assert pinned in project["project"]["dependencies"]


def test_without_a_sample_there_are_no_tables(template: Template, destination: Path) -> None:
    template.render(destination, sample=False)
    rendered = files(destination)
    assert not [path for path in rendered if re.search(r"versions/\d|task|user|test_api", path)]
    own = [text for path, text in rendered.items() if path.startswith(("src/", "tests/"))]
    assert not [text for text in own if re.search(r"[Tt]ask|User", text)]


def test_jinja_is_the_suffix_only_where_something_is_substituted() -> None:
    for path in (ROOT / "template").rglob("*.jinja"):
        assert re.search(r"{{|{%", path.read_text()), f"{path} substitutes nothing"


def test_without_a_web_framework_no_trace_of_one_is_left(
    template: Template, destination: Path
) -> None:
    template.render(destination, web_framework="none")
    for path, text in files(destination).items():
        assert "api/" not in path
        if path != ".copier-answers.yml":
            found = re.search(r"fastapi|uvicorn|starlette", text, re.IGNORECASE)
            assert found is None, f"{path} has {found}"


def test_without_sqlmodel_no_dependency_on_it_is_left(
    template: Template, destination: Path
) -> None:
    template.render(destination, model_style="sqlalchemy")
    text = (destination / "pyproject.toml").read_text()
    assert "sqlmodel" not in text
    assert "from sqlmodel" not in "".join(files(destination / "src/my_app/models").values())


def test_without_ci_no_workflow_is_left(template: Template, destination: Path) -> None:
    template.render(destination, ci="none")
    assert not (destination / ".github").exists()
    assert ".github" not in (destination / "README.md").read_text()


@pytest.mark.parametrize(("asked", "embedded"), [(14, 16), (15, 16), (16, 16), (17, 18), (18, 18)])
def test_the_readme_says_which_version_stands_in(
    template: Template, destination: Path, asked: int, embedded: int
) -> None:
    template.render(destination, postgres_version=asked)
    text = (destination / "README.md").read_text()
    assert f"It is PostgreSQL {embedded}," in text
    assert (f"**Version {embedded} stands in for {asked}**" in text) == (asked != embedded)


def test_every_file_has_an_owner_in_the_readme(template: Template, destination: Path) -> None:
    template.render(destination)
    table = (destination / "README.md").read_text().partition("## File ownership")[2]
    owned = [name.replace("*", "[^/]*") for name in re.findall(r"`([\w./*-]+)`", table)]
    for path in files(destination):
        if path != ".copier-answers.yml":
            assert any(re.match(name, path) for name in owned), f"{path} is nobody's"


def test_no_secret_is_rendered(template: Template, destination: Path) -> None:
    template.render(destination)
    assert not (destination / ".env").exists()
    settings = (destination / ".env.example").read_text().splitlines()
    assert all(line.startswith("#") or not line for line in settings)


def test_git_ignores_settings_with_secrets_and_the_data(
    template: Template, destination: Path
) -> None:
    template.render(destination)
    check("git", "init", "--quiet", cwd=destination)
    hidden = [".env", ".env.development", ".env.production", ".neon-local/data"]
    ignored = check("git", "check-ignore", *hidden, cwd=destination)
    assert ignored.split() == hidden


def test_what_is_rendered_has_no_gap_and_no_space_at_an_end(
    template: Template, destination: Path
) -> None:
    template.render(destination)
    for path, text in files(destination).items():
        assert not re.search(r"[ \t]+$|\n\n\n\n", text, re.MULTILINE), path
        assert text == "" or text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
