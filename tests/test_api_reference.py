"""The page of the Python API says what the docstrings say, and every public name is typed."""

import ast
from pathlib import Path

import alembic_neon
import api_reference
import public_api_usage


def test_the_api_page_is_current() -> None:
    message = "run: uv run python tests/api_reference.py"
    assert api_reference.PAGE.read_text() == api_reference.page(), message


def test_every_public_name_is_on_the_page_and_used_as_a_user_would() -> None:
    """mypy checks the file of uses with the rest of the tests; here each name has to be in it."""
    page = api_reference.page()
    tree = ast.parse(Path(public_api_usage.__file__).read_text())
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for name in alembic_neon.__all__:
        assert f"### `{name}`\n" in page
        assert name in used, f"tests/public_api_usage.py does not use {name}"


def test_what_is_lazy_and_what_is_typed_are_the_same() -> None:
    assert set(alembic_neon._MODULES) == set(alembic_neon.__all__)
    assert set(dir(alembic_neon)) == {*alembic_neon.__all__, "__version__"}
