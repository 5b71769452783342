"""What a user does to a project in its first year, in whichever version and profile it was made."""

from pathlib import Path
from typing import Final

SAMPLE_REVISION: Final = "86263795b5d7"

# Two people each wrote a revision on top of the sample's, and the third merges them.
REVISIONS: Final = {
    "2026_12_01_0900-0a1b2c3d4e5f_add_due_date.py": '''"""add due date"""

import sqlalchemy as sa
from alembic import op

revision = "0a1b2c3d4e5f"
down_revision = "86263795b5d7"


def upgrade() -> None:
    op.add_column("tasks", sa.Column("due_on", sa.Date(), nullable=True))


def downgrade() -> None:
    op.drop_column("tasks", "due_on")
''',
    "2026_12_01_0930-1b2c3d4e5f6a_add_nickname.py": '''"""add nickname"""

import sqlalchemy as sa
from alembic import op

revision = "1b2c3d4e5f6a"
down_revision = "86263795b5d7"


def upgrade() -> None:
    op.add_column("users", sa.Column("nickname", sa.String(50), nullable=True))


def downgrade() -> None:
    op.drop_column("users", "nickname")
''',
    "2026_12_02_1000-2c3d4e5f6a7b_merge.py": '''"""merge due date and nickname"""

revision = "2c3d4e5f6a7b"
down_revision = ("0a1b2c3d4e5f", "1b2c3d4e5f6a")


def upgrade() -> None:
    pass


def downgrade() -> None:
    pass
''',
}
HEAD: Final = "2c3d4e5f6a7b"

HOOKS = '''"""Alembic's part that is ours: the tables of the billing program are not."""

from typing import Any


def include_object(object: Any, name: str | None, type_: str, *_: Any) -> bool:
    return not (type_ == "table" and name and name.startswith("billing_"))
'''

OUR_TEST = '''"""Our columns are there."""

from sqlalchemy import select

from {package}.db import close_db, init_db, session_scope
from {package}.db.connection.url import DatabaseURL
from {package}.models import User


async def test_a_user_has_a_nickname(migrated_database: DatabaseURL) -> None:
    await init_db()
    async with session_scope() as session:
        session.add(User(email="ada@example.org", name="Ada", nickname="A"))
    async with session_scope() as session:
        assert (await session.scalars(select(User))).one().nickname == "A"
    await close_db()
'''

# Of the files that are the template's and the user's: path, what was there, what is there now.
SHARED_EDITS: Final = (
    # What `uv add` writes, as the list is in order.
    (
        "pyproject.toml",
        '  "pydantic-settings>=2.16,<3",\n',
        '  "pydantic-settings>=2.16,<3",\n  "python-dotenv>=1,<2",\n',
    ),
    (
        "pyproject.toml",
        "\n[tool.ruff]\n",
        "\n[tool.db.rehearsal]\nmax_lock_ms = 250\n\n[tool.ruff]\n",
    ),
    ("pyproject.toml", "[tool.mypy]\n", "[tool.mypy]\npretty = true\n"),
    ("README.md", "## Start\n", "Ask Ada for the plan of the year.\n\n## Start\n"),
    ("README.md", "\n## The embedded", "\nOurs are in the vault.\n\n## The embedded"),
    (".gitignore", "# Settings", "/notes/\n\n# Settings"),
    (
        ".pre-commit-config.yaml",
        "        entry: uv run pytest -q tests/migrations\n"
        "        language: system\n"
        "        files: ^(migrations/|src/.*/models/)\n"
        "        pass_filenames: false\n",
        "        entry: uv run pytest -q tests/migrations\n"
        "        language: system\n"
        "        files: ^(migrations/|src/.*/models/)\n"
        "        pass_filenames: false\n"
        "      - id: words\n"
        "        name: no placeholder is left\n"
        "        entry: 'TO-BE-WRITTEN'\n"
        "        language: pygrep\n",
    ),
)


def replace(path: Path, old: str, new: str) -> None:
    """Replace text that must be in a file."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new))


def edit_shared_files(project: Path) -> None:
    """Change what is the template's and the user's; a fresh project takes the same changes."""
    for path, old, new in SHARED_EDITS:
        replace(project / path, old, new)


def live_in(project: Path) -> None:
    """Do what users do, to files of every owner."""
    (package,) = (path.parent for path in project.glob("src/*/models"))
    edit_shared_files(project)
    _change_models(package / "models")
    versions = project / "migrations/versions"
    for name, text in REVISIONS.items():
        (versions / name).write_text(text)
    (project / "migrations/hooks.py").write_text(HOOKS)
    (project / "tests/test_models.py").unlink()
    (project / "tests/test_ours.py").write_text(OUR_TEST.format(package=package.name))
    replace(project / ".env.example", "# DB_POOL_SIZE=20", "DB_POOL_SIZE=5")
    if (package / "main.py").exists():
        replace(package / "main.py", "lifespan=lifespan", 'lifespan=lifespan, version="7"')
    if (project / ".github").exists():
        (project / ".github/workflows/test.yml").unlink()  # their tests run elsewhere


def _change_models(models: Path) -> None:
    """Add two columns, and put the sample's users into a file of another name."""
    task = models / "task.py"
    if "sqlmodel" in task.read_text():
        replace(
            task,
            "    created_at: datetime = ",
            "    due_on: date | None = None\n    created_at: datetime = ",
        )
        nickname = "    nickname: str | None = Field(default=None, max_length=50)\n"
        before = "    created_at: datetime = "
    else:
        before = "    created_at: Mapped[datetime] = "
        replace(task, before, f"    due_on: Mapped[date | None]\n{before}")
        nickname = "    nickname: Mapped[str | None] = mapped_column(String(50))\n"
    replace(task, "from datetime import datetime", "from datetime import date, datetime")
    (models / "user.py").rename(models / "person.py")
    replace(models / "person.py", before, f"{nickname}{before}")
    replace(
        models / "__init__.py",
        "from .task import Task, TaskStatus\nfrom .user import User",
        "from .person import User\nfrom .task import Task, TaskStatus",
    )
