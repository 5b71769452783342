"""The toolkit, the template and the pages are written in the field's words."""

import re
from collections.abc import Iterator
from pathlib import Path

from rendering import ROOT

# Words of an older dialect of this repository, which have no other use here, and the field's.
DIALECT = {
    r"told": "reported, shown, notified",
    r"mend(s|ed|ing)?": "fix",
    r"strangers?": "unmanaged",
    r"in vain": "an error",
    r"taken back": "reverted",
    r"stands? against": "a problem",
    r"(way|ways) back": "to roll back",
    r"anyhow": "say what happens",
    r"Relay": "ForwardingProgress",
    r"for want of": "for lack of",
    r"somebody should look": "needs a review",
    r"not as it stands": "blocked: 3 errors",
}
PATTERN = re.compile(rf"\b({'|'.join(DIALECT)})\b", re.IGNORECASE)
SUFFIXES = {".py", ".md", ".jinja", ".toml", ".yml", ".mako", ".ini", ".html"}
FOLDERS = ("template", "docs", "hooks")
FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "copier.yml")


def written() -> Iterator[Path]:
    """Yield every file that a user or a maintainer reads."""
    yield from (ROOT / file for file in FILES)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file() and ".venv" not in path.parts:
                yield path


def found(text: str) -> list[str]:
    return [match[0] for match in PATTERN.finditer(text)]


def test_no_file_has_words_of_the_old_dialect() -> None:
    words = [
        f"{path.relative_to(ROOT)}:{number}: {word}"
        for path in written()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for word in found(line)
    ]
    assert words == [], DIALECT


def test_the_words_are_found_where_they_are_and_nowhere_else() -> None:
    assert found("It was told. Mend it; strangers") == ["told", "Mend", "strangers"]
    assert found("recommended, amended, stranger_danger, relayed") == []
