"""A column's type changed beside it: a new column kept in step, filled, and exchanged for the old.

Nobody waits, and both releases read and write the column by its name all the while. It is done for
a column on which nothing else stands; for another it is refused.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from alembic.operations.ops import AlterColumnOp, MigrateOperation
from sqlalchemy import text
from sqlalchemy.types import to_instance

from ...errors import UsageError
from ..autogenerate.missed_changes import execute
from ..lint.type_changes import keeps_rows
from .backfill import backfill
from .blocks import ignored
from .changes import Change
from .facts import ExistingTable, object_name
from .not_null import not_valid, validate
from .step import Stage, Step
from .work import Work, label

_MAX_NAME: Final = 63
_NUMBER: Final = re.compile(r"-?[\d.]+")
_MOMENT: Final = "ACCESS EXCLUSIVE on {} for a moment"
# What the linter finds in the exchange, and is meant.
_ACCEPTED: Final = {
    " RENAME COLUMN ": "renaming-column",
    " RENAME CONSTRAINT ": "renaming-object",
    " DROP NOT NULL": "ban-drop-not-null",
    " DROP DEFAULT": "ban-drop-default",
}
# What PostgreSQL would have to change with the column; its default and its NOT NULL are moved.
_STANDS_ON_SQL: Final = text("""
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(:table)
    AND a.attname = :column AND d.deptype IN ('n', 'a', 'i')
    AND (d.classid <> 'pg_attrdef'::regclass OR a.attgenerated <> '')
    AND NOT EXISTS (SELECT FROM pg_constraint c WHERE d.classid = 'pg_constraint'::regclass
        AND c.oid = d.objid AND c.contype = 'n')
LIMIT 1
""")
_DEFAULT_SQL: Final = text("""
SELECT pg_get_expr(f.adbin, f.adrelid) FROM pg_attrdef f
JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum
WHERE f.adrelid = to_regclass(:table) AND a.attname = :column
""")


def is_online(op: AlterColumnOp, work: Work) -> bool:
    """Tell whether a change of a type is to be made beside the column."""
    if op.modify_type is None or not work.options.online:
        return False
    return not keeps_rows(op.existing_type, op.modify_type, work.facts.dialect)


def changed_beside(change: Change, table: ExistingTable, work: Work) -> list[Step]:
    """Return the steps that change a type without a lock that lasts.

    Raises:
        UsageError: something else stands on the column, or there is no key to fill it by.
    """
    exchange = _Exchange.of(change, table, work)
    exchange.require_free()
    name, new = exchange.name, exchange.new
    required = [] if exchange.is_nullable else validate(new, table, work, "expand")
    return [
        exchange.added(),
        backfill(new, exchange.cast, table, work),
        *required,
        exchange.switched(),
        exchange.dropped(name),
    ]


@dataclass(frozen=True)
class _Exchange:
    """The column, the types as SQL, and the casts between them."""

    table: ExistingTable
    work: Work
    name: str
    old_type: str
    new_type: str
    cast: str
    back: str
    is_nullable: bool

    @classmethod
    def of(cls, change: Change, table: ExistingTable, work: Work) -> "_Exchange":
        up: Any = change.up
        down: Any = change.down
        old, new = (
            to_instance(each).compile(dialect=work.facts.dialect)
            for each in (up.existing_type, up.modify_type)
        )
        quoted = work.facts.quoted(up.column_name)
        cast = up.kw.get("postgresql_using") or f"CAST({quoted} AS {new})"
        back = down.kw.get("postgresql_using") or f"CAST({quoted} AS {old})"
        is_nullable = up.existing_nullable is not False
        return cls(table, work, up.column_name, old, new, cast, back, is_nullable)

    @property
    def new(self) -> str:
        """The name of the column while it is filled."""
        return f"{self.name[: _MAX_NAME - 4]}_new"

    @property
    def old(self) -> str:
        """The name of the former column until it is dropped."""
        return f"{self.name[: _MAX_NAME - 4]}_old"

    @property
    def _alter(self) -> str:
        return f"ALTER TABLE {self.work.facts.sql_name(self.table)}"

    def _quoted(self, name: str) -> str:
        return self.work.facts.quoted(name)

    def require_free(self) -> None:
        """Refuse a column that something else stands on, or that cannot be filled in batches.

        Raises:
            UsageError: one of these.
        """
        where = {"table": self.work.facts.sql_name(self.table), "column": self.name}
        found = self.work.facts.connection.execute(_STANDS_ON_SQL, where).scalar()
        full = f"{self.table.name}.{self.name}"
        without = "Leave out --online: the table is locked while it is written anew."
        if found is not None:
            raise UsageError(f"{full} cannot change online, as {found} stands on it.", without)
        if not self.table.key:
            raise UsageError(f"{full} cannot change online without a primary key.", without)

    def _default(self) -> str | None:
        where = {"table": self.work.facts.sql_name(self.table), "column": self.name}
        found = self.work.facts.connection.execute(_DEFAULT_SQL, where).scalar()
        return None if found is None else str(found)

    def _trigger(self) -> tuple[list[str], list[str]]:
        """Return the statements that keep the new column in step, and those that end it."""
        facts = self.work.facts
        trigger = self._quoted(object_name(self.table.name, self.name, "step"))
        schema = facts.dialect.identifier_preparer.quote_schema(self.table.schema)
        on, alias = facts.sql_name(self.table), self._quoted(self.table.name)
        body = (
            f"BEGIN NEW.{self._quoted(self.new)} := "  # noqa: S608
            f"(SELECT ({self.cast}) FROM (SELECT NEW.*) AS {alias}); RETURN NEW; END"
        )
        create = [
            f"CREATE FUNCTION {schema}.{trigger}() RETURNS trigger LANGUAGE plpgsql "
            f"AS $step$ {body} $step$",
            f"CREATE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {on} "
            f"FOR EACH ROW EXECUTE FUNCTION {schema}.{trigger}()",
        ]
        return create, [f"DROP TRIGGER {trigger} ON {on}", f"DROP FUNCTION {schema}.{trigger}()"]

    def added(self) -> Step:
        """Add the column, and keep it in step with the old one."""
        create, drop = self._trigger()
        add = f"{self._alter} ADD COLUMN {self._quoted(self.new)} {self.new_type}"
        remove = f"{self._alter} DROP COLUMN {self._quoted(self.new)}"
        refuse = [] if self.is_nullable else [not_valid(self.new, self.table, self.work)[0]]
        return Step(
            Stage.QUICK,
            "new column",
            f"Adds {self.table.name}.{self.new}, and a trigger that keeps it in step",
            [execute(sql) for sql in (add, *create, *refuse)],
            [execute(sql) for sql in (*drop, remove)],
            label(self.table),
            locks=_MOMENT.format(self.table.name),
            alone=True,
        )

    def switched(self) -> Step:
        """Give the new column the name, its default and its NOT NULL."""
        create, drop = self._trigger()
        fill = (
            f"UPDATE {self.work.facts.sql_name(self.table)} SET {self._quoted(self.old)} = "  # noqa: S608
            f"({self.back}) WHERE {self._quoted(self.old)} IS DISTINCT FROM ({self.back})"
        )
        up = [*drop, *self._renamed(self.name, self.old), *self._renamed(self.new, self.name)]
        down = [fill, *self._renamed(self.name, self.new), *self._renamed(self.old, self.name)]
        default = self._default()
        if default is not None:
            # A number of the old type, without quotes, would be cast for ever.
            quoted = f"'{default}'" if _NUMBER.fullmatch(default) else default
            up += [self._set(self.old, "DROP DEFAULT")]
            up += [self._set(self.name, f"SET DEFAULT {quoted}")]
            down += [self._set(self.new, "DROP DEFAULT")]
            down += [self._set(self.name, f"SET DEFAULT {default}")]
        return Step(
            Stage.FINISH,
            "switch",
            f"Exchanges {self.table.name}.{self.name} for the new column",
            _accepted(up),
            [execute(sql) for sql in (*down, *create)],
            label(self.table),
            locks=_MOMENT.format(self.table.name),
            alone=True,
        )

    def _set(self, name: str, what: str) -> str:
        return f"{self._alter} ALTER COLUMN {self._quoted(name)} {what}"

    def _renamed(self, name: str, to: str) -> list[str]:
        """Return the statements that rename a column; the former one lets rows be without it."""
        rename = f"{self._alter} RENAME COLUMN {self._quoted(name)} TO {self._quoted(to)}"
        if self.is_nullable:
            return [rename]
        if to == self.old:
            return [self._set(name, "DROP NOT NULL"), rename]
        if name == self.old:
            return [rename, self._set(to, "SET NOT NULL")]
        if not self.work.facts.names_not_null:
            return [rename]
        names = [
            self._quoted(object_name(self.table.name, each, "not_null")) for each in (name, to)
        ]
        return [rename, f"{self._alter} RENAME CONSTRAINT {names[0]} TO {names[1]}"]

    def dropped(self, name: str) -> Step:
        """Drop the former column, whose values the new one has."""
        old = self._quoted(self.old)
        return Step(
            Stage.CONTRACT,
            "drop",
            f"Drops {self.table.name}.{self.old}",
            [execute(f"{self._alter} DROP COLUMN {old}")],
            [execute(f"{self._alter} ADD COLUMN {old} {self.old_type}")],
            label(self.table),
            "contract",
            _MOMENT.format(self.table.name),
            f"Column {self.table.name}.{self.old} goes; {name} has its values in the new type.",
        )


def _accepted(statements: list[str]) -> list[MigrateOperation]:
    found: list[MigrateOperation] = []
    for sql in statements:
        rule = next((rule for words, rule in _ACCEPTED.items() if words in sql), None)
        if rule is not None:
            found.append(ignored(rule, "the column of that name has the same values"))
        found.append(execute(sql))
    return found
