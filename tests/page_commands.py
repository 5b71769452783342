"""The commands that a page of the documentation shows."""

import re


def fenced(text: str, language: str) -> list[str]:
    """Return the contents of all blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def blocks(text: str) -> list[str]:
    """Return the commands of all blocks, without comments; a continued line is one command."""
    found = re.findall(r"^ *```(?:console|bash|sh)\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(found).replace("\\\n", " ").splitlines()
    return [line for each in lines if (line := re.sub(r"(^|\s+)#\s.*$", "", each).strip())]
