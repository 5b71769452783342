"""What `op.get_bind()` gives while a revision is shown as SQL: a connection that has no rows."""

from collections.abc import Callable, Iterator
from typing import Any, Self

from sqlalchemy import Dialect
from sqlalchemy.engine.mock import MockConnection


class NeedsDatabaseError(Exception):
    """The revision asks the database for something, and there is none."""


class OfflineConnection(MockConnection):
    """A connection that hands each statement over and commits nothing; also for `orm.Session`."""

    def __init__(self, dialect: Dialect, keep: Callable[[Any], None]) -> None:
        super().__init__(dialect, keep)
        self._keep = keep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, obj: Any, *_: Any, **__: Any) -> "NoRows":
        """Keep a statement; with or without parameters it is the same to whoever lints it."""
        self._keep(obj)
        return NoRows()

    exec_driver_sql = execute

    def scalar(self, *_: Any, **__: Any) -> Any:
        """Fail: there is no value."""
        raise NeedsDatabaseError("scalar() asks the database")

    def scalars(self, *_: Any, **__: Any) -> Any:
        """Fail: there are no values."""
        raise NeedsDatabaseError("scalars() asks the database")

    def in_transaction(self) -> bool:
        """Tell a Session that the transaction is somebody else's."""
        return True

    def in_nested_transaction(self) -> bool:
        """Tell a Session that there is no savepoint."""
        return False

    def begin(self) -> Self:
        """Begin nothing: the revision's transaction is the runner's."""
        return self

    begin_nested = get_transaction = begin

    def commit(self) -> None:
        """Commit nothing."""

    rollback = close = commit
    is_active = True
    closed = False


class NoRows:
    """The result of a statement that did not run: whoever looks into it needs a database."""

    rowcount = -1

    def close(self) -> None:
        """Do nothing."""

    def __iter__(self) -> Iterator[Any]:
        raise NeedsDatabaseError("a loop over rows asks the database")

    def __getattr__(self, name: str) -> Any:
        raise NeedsDatabaseError(f"{name}() asks the database")
