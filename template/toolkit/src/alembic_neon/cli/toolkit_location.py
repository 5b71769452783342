"""Where the toolkit that runs comes from, and whether that is the one that the project means."""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any, Final

from ..errors import ConfigurationError
from ..project import project_root, read_toml

NAME: Final = "alembic-neon"
_PACKAGE: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class ToolkitLocation:
    """The toolkit that was imported: its folder, its version, and the project's own folder of it.

    `declared` is the folder that the project's `pyproject.toml` names; None where the toolkit is an
    ordinary package.
    """

    path: Path
    version: str
    declared: Path | None

    @property
    def is_declared(self) -> bool:
        """Whether what was imported is what the project names."""
        return self.declared is None or self.path.is_relative_to(self.declared)

    @property
    def is_installed(self) -> bool:
        """Whether it is a copy in the environment, as `uv sync --no-editable` makes it."""
        return not {"site-packages", "dist-packages"}.isdisjoint(self.path.parts)

    def __str__(self) -> str:
        kind = "package" if self.declared is None or not self.is_declared else "folder"
        return f"{kind} {self.path}, version {self.version}"


def find_toolkit() -> ToolkitLocation:
    """Find the toolkit that runs, and the folder that the project names."""
    return ToolkitLocation(_PACKAGE, _version_of_package(), _declared_folder())


def require_toolkit() -> ToolkitLocation:
    """Find the toolkit that runs, and refuse another one than the project's.

    Raises:
        ConfigurationError: the project's folder of it is missing, or of another version.
    """
    found = find_toolkit()
    folder = found.declared
    if folder is None:
        return found
    if not (folder / "pyproject.toml").is_file():
        if found.is_installed:  # an image has the package and need not have the folder
            return found
        raise ConfigurationError(
            f"The toolkit's folder {folder} is missing, and pyproject.toml names it.",
            "Restore it from git, or run: copier update",
        )
    of_folder = _version_in(folder)
    if not found.is_declared and of_folder != found.version:
        raise ConfigurationError(
            f"The toolkit that runs is version {found.version} in {found.path}; the project's in "
            f"{folder} is {of_folder}.",
            "Run: uv sync",
        )
    return found


def installed_twice() -> list[Path]:
    """Return where the environment has the toolkit, if it has more than one; otherwise nothing."""
    folders = {Path(str(each.locate_file(""))).resolve() for each in distributions(name=NAME)}
    return sorted(folders) if len(folders) > 1 else []


def _version_of_package() -> str:
    source = _PACKAGE.parent.parent  # `src` of the toolkit's folder lies between
    if (source / "pyproject.toml").is_file() and (found := _version_in(source)) is not None:
        return found
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "unknown"


def _version_in(folder: Path) -> str | None:
    project = read_toml(folder / "pyproject.toml").get("project", {})
    return str(project["version"]) if project.get("name") == NAME else None


def _declared_folder() -> Path | None:
    """Return the folder that uv's or Poetry's dependency leads to; None where there is none."""
    try:
        root = project_root()
        tool = read_toml(root / "pyproject.toml").get("tool", {})
    except ConfigurationError:
        return None  # no project; whoever needs one says so
    sources: Any = (
        tool.get("uv", {}).get("sources", {}),
        tool.get("poetry", {}).get("dependencies", {}),
    )
    for source in sources:
        entry = source.get(NAME)
        if isinstance(entry, dict) and isinstance(path := entry.get("path"), str):
            return (root / path).resolve()
    return None
