"""The thresholds of a rehearsal's verdict, from `[tool.db.rehearsal]`."""

from dataclasses import dataclass, fields
from typing import Any

from ..errors import ConfigurationError
from ..project import setting_source, tool_settings


@dataclass(frozen=True)
class Thresholds:
    """What a rehearsal may measure and still be called safe.

    `max_lock_ms`: how long a lock that stops writers may be held on a table that was there before,
    in milliseconds. Half a second is what people do not notice yet; a queue of requests that waited
    longer can exhaust a connection pool.
    `large_table_mib`: from which size on, in MiB, rewriting a table, or reading it in full while
    its writers wait, is refused however fast it was: what is fast on a quiet branch is not so on a
    busy parent, and the table grows.
    """

    max_lock_ms: int = 500
    large_table_mib: int = 10


def load_thresholds() -> Thresholds:
    """Read the thresholds; what is not set keeps its default.

    Raises:
        ConfigurationError: a name that does not exist, or a value that is no number above 0.
    """
    values: Any = tool_settings().get("rehearsal", {})
    names = [field.name for field in fields(Thresholds)]
    file = setting_source("rehearsal")
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"[tool.db] rehearsal in {file} is {values!r}.",
            f"It is a table of {' and '.join(names)}.",
        )
    for name, value in values.items():
        if name not in names:
            raise ConfigurationError(
                f"[tool.db.rehearsal] {name} in {file} is not understood.",
                f"It takes {' and '.join(names)}.",
            )
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise ConfigurationError(
                f"[tool.db.rehearsal] {name} in {file} is {value!r}.",
                "It takes a whole number above 0.",
            )
    return Thresholds(**values)
