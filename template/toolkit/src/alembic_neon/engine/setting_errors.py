"""What is said of a setting with a wrong value, without what may be a secret."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

# A key may stand in the project's place, and a password in the host's URL.
_HIDDEN: Final = {
    *("database_url", "database_url_unpooled"),
    *("neon_api_key", "neon_project_id", "neon_api_host"),
}
# What any other value may look like to be shown: short, and no URL.
_HARMLESS: Final = re.compile(r"[\w ./+-]{0,40}")


def explain(error: ValidationError, fields: Mapping[str, FieldInfo]) -> str:
    """Return what is wrong with each setting, and what it takes."""
    lines = []
    for detail in error.errors(include_context=False):
        name = str(detail["loc"][0])
        value = str(detail["input"])
        is_shown = name not in _HIDDEN and _HARMLESS.fullmatch(value)
        got = repr(value) if is_shown else "a value"
        takes = fields[name].description or "text"
        lines.append(f"{name.upper()} is {got}; it takes {takes}.")
    return " ".join(lines)
