"""Texts that match a pattern of a CHECK: a regular expression, or a LIKE."""

import random
import string
from typing import Final

_CLASSES: Final = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits + "_",
    "s": " ",
    "[:alpha:]": string.ascii_letters,
    "[:digit:]": string.digits,
    "[:alnum:]": string.ascii_letters + string.digits,
    "[:upper:]": string.ascii_uppercase,
    "[:lower:]": string.ascii_lowercase,
    "[:space:]": " ",
    "[:xdigit:]": string.hexdigits,
    "[:punct:]": string.punctuation,
}
_ANY: Final = string.ascii_lowercase + string.ascii_uppercase + string.digits + "-_.@ "


def like(pattern: str) -> str:
    """Return a text that a LIKE pattern takes."""
    return pattern.replace("%", "x").replace("_", "x")


def matching(pattern: str, rng: random.Random) -> str:
    """Return a text that a regular expression most likely takes. What is not understood is literal.

    Of a repetition without an end, few are made; look-around and back references are left out.
    """
    try:
        return _Maker(pattern, rng).alternatives()
    except (IndexError, ValueError):
        return pattern


class _Maker:
    """Walks a pattern once from left to right, and makes a text on the way."""

    def __init__(self, pattern: str, rng: random.Random) -> None:
        self._rest = pattern.removeprefix("(?i)")
        self._rng = rng

    def alternatives(self) -> str:
        """Make one of what stands between bars, up to a closing parenthesis or the end."""
        made = [self._sequence()]
        while self._rest.startswith("|"):
            self._take()
            made.append(self._sequence())
        return self._rng.choice(made)

    def _sequence(self) -> str:
        made = ""
        while self._rest and self._rest[0] not in "|)":
            before = self._rest
            atom = self._atom()
            after = self._rest
            least, most = self._repetition()
            if (least, most) == (1, 1):
                made += atom
                continue
            behind = self._rest
            for _ in range(self._rng.randint(least, most)):
                self._rest = before  # each repetition may be another text
                made += self._atom()
            del after
            self._rest = behind
        return made

    def _atom(self) -> str:
        first = self._take()
        if first in "^$":
            return ""
        if first == ".":
            return self._rng.choice(_ANY)
        if first == "[":
            return self._rng.choice(self._bracket())
        if first == "(":
            if self._rest.startswith("?"):
                self._take(2)  # (?: and its like
            made = self.alternatives()
            self._take()
            return made
        if first == "\\":
            escaped = self._take()
            if escaped in "AZmMyYB":
                return ""
            return self._rng.choice(_CLASSES.get(escaped, escaped))
        return first

    def _bracket(self) -> str:
        negated = self._rest.startswith("^")
        if negated:
            self._take()
        chosen = ""
        while not (self._rest.startswith("]") and chosen):
            name = next((name for name in _CLASSES if self._rest.startswith(name)), "")
            if name.startswith("["):
                chosen += _CLASSES[name]
                self._take(len(name))
                continue
            first = self._take()
            if first == "\\":
                first = self._take()
                chosen += _CLASSES.get(first, first)
            elif self._rest.startswith("-") and self._rest[1] != "]":
                self._take()
                chosen += "".join(map(chr, range(ord(first), ord(self._take()) + 1)))
            else:
                chosen += first
        self._take()
        return "".join(each for each in _ANY if each not in chosen) if negated else chosen

    def _repetition(self) -> tuple[int, int]:
        sign = self._rest[:1]
        if sign not in ("*", "+", "?", "{"):
            return 1, 1
        self._take()
        bounds = {"*": (0, 3), "+": (1, 4), "?": (0, 1)}.get(sign)
        if bounds is None:
            inside, _, self._rest = self._rest.partition("}")
            least, comma, most = inside.partition(",")
            bounds = (int(least or 0), int(most or int(least) + 3) if comma else int(least))
        if self._rest.startswith("?"):
            self._take()  # lazy; the text is the same
        return bounds

    def _take(self, count: int = 1) -> str:
        if not self._rest:
            raise IndexError
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken
