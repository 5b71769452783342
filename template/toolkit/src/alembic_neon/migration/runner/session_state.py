"""What a revision finds in its session, whatever those before it have set there.

A plain SET outlives its transaction: the `search_path` of pg_dump's output, a SET ROLE or a
`lock_timeout` would govern all later revisions, and the toolkit's own statements.
"""

from typing import Any, Final

from sqlalchemy import Connection, text

from ...engine.simple_query import SimpleQueryConnection
from ...engine.sql_scan import quote_literal
from ..sql_events import TOOLKIT_STATEMENT, SqlListener
from .timeouts import Timeouts

# How long the client may be silent within a transaction: one that is frozen, or that the network
# has lost, would hold its locks for as long as it likes.
IDLE_SECONDS: Final = 60
# A client that is gone is noticed in mid-statement after a second, and its locks are free then.
# With it comes which tables are there, and whether the second is the toolkit's and may be written:
# it is one round trip less for each. A list of privileges would ask for any of them.
_CAPTURE_SQL: Final = text("""
SELECT current_setting('role') AS role, current_setting('search_path') AS search_path,
    to_regclass(:versions) IS NOT NULL AS has_versions,
    CASE WHEN to_regclass(:revisions) IS NOT NULL THEN
        has_table_privilege(to_regclass(:revisions), 'SELECT')
        AND has_table_privilege(to_regclass(:revisions), 'INSERT')
        AND has_table_privilege(to_regclass(:revisions), 'DELETE')
        AND EXISTS (
            SELECT FROM pg_attribute r
            JOIN pg_attribute d ON d.attrelid = r.attrelid AND d.attname = 'down_revisions'
            JOIN pg_index i ON i.indrelid = r.attrelid AND i.indisprimary
            WHERE r.attrelid = to_regclass(:revisions) AND r.attname = 'revision'
              AND r.atttypid = 'text'::regtype AND d.atttypid = 'text[]'::regtype
              AND i.indkey::text = r.attnum::text
        )
    END AS may_note,
    set_config('client_connection_check_interval', '1s', false),
    set_config('idle_in_transaction_session_timeout', :idle_timeout, false)
""")
# A lock that nobody else asks for: it is gone as soon as the transaction is, and by nothing else.
# The first number is the toolkit's, of its own choice.
_MARK_SQL: Final = "SELECT pg_advisory_xact_lock_shared(16718, pg_backend_pid())"
TRANSACTION_ENDED: Final = "ANX01"  # the SQLSTATE of the check below
_CHECK_SQL: Final = """
DO $alembic_neon$ BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_locks
        WHERE locktype = 'advisory' AND classid = 16718 AND objid = pg_backend_pid()::oid
          AND objsubid = 2 AND pid = pg_backend_pid()
    ) THEN
        RAISE EXCEPTION 'the transaction of the revision has ended' USING ERRCODE = 'ANX01';
    END IF;
END $alembic_neon$
"""


class SessionState(SqlListener):
    """The session as the run found it, restored at the end of each revision.

    It costs no round trip: BEGIN takes it along, and the version stamp what comes before it.
    """

    def __init__(self, connection: Connection, timeouts: Timeouts) -> None:
        self._connection = connection
        self._timeouts = timeouts
        self._is_marked = False
        self._own: dict[str, str] = {}

    def capture(self, versions: str, revisions: str) -> tuple[bool, bool | None]:
        """Take the settings down as they are, and ask for two tables, named as SQL has them.

        Returns whether the version table is there, and whether the table of applied revisions may
        be written, and has the shape that the toolkit gives it; None: it is not there.
        """
        row = self._connection.execute(
            _CAPTURE_SQL,
            {
                "versions": versions,
                "revisions": revisions,
                "idle_timeout": f"{IDLE_SECONDS * 1000:.0f}ms",
            },
            execution_options=TOOLKIT_STATEMENT,
        ).one()
        self._own = {"role": row.role, "search_path": row.search_path}
        return row.has_versions, row.may_note

    def begin_revision(self, *, waits_for_disk: bool | None) -> None:
        """Let the transaction begin with the limits of ordinary statements, and with a mark.

        `waits_for_disk` is `synchronous_commit`; None leaves it as it is.
        """
        settings = self._timeouts.reset().settings
        if waits_for_disk is not None:
            settings["synchronous_commit"] = "on" if waits_for_disk else "off"
        self._is_marked = True
        self._begin_with(f"SELECT {_set(settings)}", _MARK_SQL)

    def before_commit(self, connection: Connection) -> None:
        """Mark the transaction after an `autocommit_block` as well."""
        if self._is_marked and self.takes_scripts:
            self._begin_with(_MARK_SQL)
        else:
            self._is_marked = False

    def end_revision(self) -> list[str]:
        """Return what has to run before the version stamp, in whatever state the session is.

        It ends with the check that the transaction is still the one that the revision began with.
        """
        statements = [f"SELECT {_set(self._own)}"]
        if self._is_marked:
            statements.append(_CHECK_SQL)
        self._is_marked = False
        return statements

    def forget(self) -> None:
        """Let later transactions begin with nothing."""
        self._is_marked = False
        if isinstance(driver := self._driver, SimpleQueryConnection):
            driver.begin_with = ""

    @property
    def is_in_transaction(self) -> bool:
        """Whether the server says that a transaction is open; True where the driver cannot tell."""
        ask = getattr(self._driver, "is_in_transaction", None)
        return True if ask is None else bool(ask())

    @property
    def takes_scripts(self) -> bool:
        """Whether several statements go to the server as one string, and the last one counts."""
        return isinstance(self._driver, SimpleQueryConnection)

    @property
    def _driver(self) -> Any:
        if self._connection.invalidated or self._connection.closed:
            return None
        return self._connection.connection.driver_connection

    def _begin_with(self, *statements: str) -> None:
        if isinstance(driver := self._driver, SimpleQueryConnection):
            driver.begin_with = "; ".join(statements)
        else:
            for statement in statements:
                self._connection.exec_driver_sql(statement, execution_options=TOOLKIT_STATEMENT)


def roll_back(connection: Connection) -> None:
    """Roll back what is open on the server, whatever SQLAlchemy makes of the transaction.

    Where a commit was refused as it began, it takes the transaction for ended, and would hand its
    remains over to the next one.
    """
    if connection.closed or connection.invalidated:
        return
    driver: Any = connection.connection.driver_connection
    is_closed = getattr(driver, "is_closed", None)
    if is_closed is not None and is_closed():
        return
    if connection.get_transaction() is not None:
        connection.rollback()
    connection.connection.rollback()


def _set(settings: dict[str, str]) -> str:
    return ", ".join(
        f"set_config('{name}', {quote_literal(value)}, false)" for name, value in settings.items()
    )
