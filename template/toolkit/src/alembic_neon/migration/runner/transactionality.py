"""What of a revision runs outside its transaction, and whether an interruption leaves it half-done.

An `autocommit_block` commits what stands before it, ahead of the version. A revision that does more
than one thing, one of them in such a block, can be interrupted between two and is then run again
from its start.
https://alembic.sqlalchemy.org/en/latest/api/runtime.html#alembic.runtime.migration.MigrationContext.autocommit_block
"""

from pathlib import Path
from typing import Final

from alembic.script import Script
from sqlalchemy import Connection

from ...engine.sql_statement import read_statements
from ...errors import MigrationError
from ...project import tool_settings
from ..history.markers import revision_marker
from ..history.source import source_of
from ..lint.statements import render
from ..sql_events import Execution, Origin, SqlListener
from ..sql_line import shortened
from .concurrent_index import is_concurrent_index, stored_name
from .session_state import SessionState

_MIXED_HINT: Final = (
    'Give each a revision of its own, or say in the file why not: mixed = "why". For a history '
    "that is written like that: [tool.db] allow_mixed_revisions = true."
)


class Operations:
    """Counts what a revision does inside `autocommit_block`s, and outside them.

    Settings do nothing to the database, and an index that is dropped if it exists and built again
    is one thing, which is safe to run again.
    """

    def __init__(self) -> None:
        self.inside = 0
        self.outside = 0
        self._dropped = ""

    def add(self, sql: str, *, is_autocommit: bool) -> None:
        """Count the statements in `sql`."""
        for statement in read_statements(sql):
            if statement.is_setting:
                continue
            index = stored_name(statement) if is_concurrent_index(statement) else ""
            if index and statement.verb == "CREATE" and index == self._dropped:
                self._dropped = ""
                continue  # its DROP was counted
            is_drop = statement.verb == "DROP" and statement.is_conditional
            self._dropped = index if is_drop else ""
            if is_autocommit:
                self.inside += 1
            else:
                self.outside += 1

    @property
    def is_mixed(self) -> bool:
        """Whether an interruption between two of them is possible."""
        return self.inside > 0 and self.inside + self.outside > 1


def may_mix(script: Script) -> bool:
    """Tell whether a revision may do several things, one of them outside its transaction.

    It says so itself, or the setting that is for a whole history that was written without the rule.
    """
    return bool(revision_marker(script, "mixed") or tool_settings().get("allow_mixed_revisions"))


def check_single_autocommit_operation(script: Script, *, is_upgrade: bool) -> None:
    """Refuse a revision that does more than one thing and one of them outside its transaction.

    It is judged by the statements that it renders without a database, as `--sql` prints them. Only
    a file that names `autocommit_block` is asked: rendering runs its code.

    Raises:
        MigrationError: it does.
    """
    source = source_of(script)
    if "autocommit_block" not in source.text or may_mix(script):
        return
    function = "upgrade" if is_upgrade else "downgrade"
    operations = Operations()
    for statement in render(script, source.tree, function).statements:
        operations.add(statement.sql, is_autocommit=statement.autocommit)
    if operations.is_mixed:
        raise MigrationError(
            f"{Path(script.path).name}: {function}() does "
            f"{operations.inside + operations.outside} things, and {operations.inside} of them "
            "outside its transaction; interrupted, it would be half-done.",
            _MIXED_HINT,
        )


class TransactionGuard(SqlListener):
    """Keeps a revision inside its transaction, but for its `autocommit_block`s.

    It refuses what cannot be seen before the run: a mixed revision before it commits anything, and
    statements that would end the transaction behind the runner's back.
    """

    def __init__(self, session: SessionState) -> None:
        self.has_committed = False
        self._session = session
        self._script: Script | None = None
        self._is_upgrade = True
        self._operations = Operations()

    def begin(self, script: Script | None, *, is_upgrade: bool) -> None:
        """A revision, or a stamp, is about to run."""
        self.has_committed = False
        self._script, self._is_upgrade = script, is_upgrade
        self._operations = Operations()

    def end(self) -> None:
        """The code of the revision has run; what follows is the runner's."""
        self._script = None

    def before(self, execution: Execution) -> None:
        """Refuse what would end the transaction, and count what runs outside of it.

        Raises:
            MigrationError: the statement is COMMIT, ROLLBACK or the like.
        """
        if execution.origin is not Origin.REVISION or self._script is None:
            return
        self._refuse_transaction_control(execution.sql)
        self._operations.add(execution.sql, is_autocommit=execution.is_autocommit)
        self.has_committed = self.has_committed or execution.is_autocommit

    def after(self, execution: Execution) -> None:
        """Refuse to go on where the server says that the transaction is over.

        Raises:
            MigrationError: it is.
        """
        is_of_transaction = execution.origin is Origin.REVISION and not execution.is_autocommit
        if self._script and is_of_transaction and not self._session.is_in_transaction:
            self.has_committed = True
            raise MigrationError(
                f"{shortened(execution.sql, 40)} ended the transaction of the revision.",
                "What the revision had done is committed, or lost where this was a ROLLBACK.",
            )

    def before_commit(self, connection: Connection) -> None:
        """Notice what an `autocommit_block`, or a commit of the revision's own, makes permanent.

        Raises:
            MigrationError: the revision has done something in its transaction.
        """
        script, count = self._script, self._operations.outside
        if script is None or self.has_committed or count == 0:
            return
        if not may_mix(script):
            function = "upgrade" if self._is_upgrade else "downgrade"
            raise MigrationError(
                f"{function}() would commit {count} statement{'s' * (count != 1)} ahead of the "
                "version; interrupted, it would be half-done.",
                _MIXED_HINT,
            )
        self.has_committed = True

    def _refuse_transaction_control(self, sql: str) -> None:
        for statement in read_statements(sql):
            if statement.controls_transaction:
                word = shortened(statement.text, 40)
                raise MigrationError(
                    f"{word} would end the transaction of the revision, and leave the version "
                    "behind it.",
                    "Remove it. What must run outside a transaction belongs into "
                    "`with op.get_context().autocommit_block():`, alone in its revision.",
                )
