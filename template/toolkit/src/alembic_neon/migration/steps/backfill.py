"""Backfills: a column filled in batches by key, as plain code in the revision.

Each batch is a transaction of its own, and touches only rows without a value: a run that was killed
goes on when it is started again. What waits for a lock gives up after a second, and is repeated.
"""

from textwrap import dedent
from typing import Final

from ..autogenerate.missed_changes import execute
from .blocks import CodeOp, ignored
from .facts import ExistingTable
from .step import Stage, Step
from .work import Work, label

_CODE: Final = '''\
# Each batch is committed by itself, and touches only rows that have no value yet.
first = sa.text("""
    SELECT {key_texts} FROM {table} AS batch ORDER BY {key_up} LIMIT 1
""")
last = sa.text("""
    SELECT {key_texts} FROM (
        SELECT {key} FROM {table}
        WHERE ({key}) >= ({low})
        ORDER BY {key} LIMIT :size
    ) AS batch ORDER BY {key_down} LIMIT 1
""")
fill = sa.text("""
    UPDATE {table} SET {column} = ({value})
    WHERE ({key}) >= ({low})
    AND ({key}) <= ({high})
    AND {column} IS NULL
    RETURNING 1
""")
with op.get_context().autocommit_block():
    if op.get_context().as_sql:  # --sql knows no loop
        op.execute({whole!r})
        return
    connection = op.get_bind()
    limit = connection.scalar(sa.text("SHOW lock_timeout"))
    connection.execute(sa.text("SET lock_timeout = '1s'"))
    size, failures, low = 500, 0, connection.execute(first).first()
    while low is not None:
        bounds = {{f"low_{{n}}": value for n, value in enumerate(low)}}
        high = connection.execute(last, {{**bounds, "size": size}}).one()
        bounds |= {{f"high_{{n}}": value for n, value in enumerate(high)}}
        started = time.monotonic()
        try:
            connection.execute(fill, bounds)
        except sa.exc.DBAPIError as error:
            code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
            failures += 1
            if code not in ("55P03", "40P01") or failures > 60:  # a lock not had, a deadlock
                raise
            time.sleep(1)
            continue
        seconds, failures = time.monotonic() - started, 0
        if tuple(high) == tuple(low):
            break
        low = high
        size = max(100, min(10_000, int(size * 0.2 / max(seconds, 0.01))))
        time.sleep(min(seconds, 0.5) / 2)  # leaves room for others
    reset = sa.text("SELECT set_config('lock_timeout', :limit, false)")
    connection.execute(reset, {{"limit": limit}})
'''


def backfill(column: str, value: str, table: ExistingTable, work: Work) -> Step:
    """Return the step that gives a column a value in each row that has none.

    `value` is an SQL expression over the table's columns.
    """
    facts = work.facts
    quoted, name = facts.quoted(column), facts.sql_name(table)
    whole = f"UPDATE {name} SET {quoted} = ({value}) WHERE {quoted} IS NULL"  # noqa: S608
    summary = f"Fills {table.name}.{column} with {value}, in batches by key"
    locks = f"ROW EXCLUSIVE on {table.name}, and the rows of a batch for less than a second"
    if table.key:
        code = CodeOp(_code(quoted, value, table, whole, work), ["import time"])
        return Step(
            Stage.BACKFILL, "backfill", summary, [code], [], label(table), locks=locks, alone=True
        )
    return Step(
        Stage.BACKFILL,
        "backfill",
        f"Fills {table.name}.{column} with {value}, in one statement: there is no primary key",
        [ignored("whole-table-write", "a table without a key has no batches"), execute(whole)],
        [],
        label(table),
        locks=f"every row of {table.name} without a value, until it is done",
        alone=True,
    )


def _code(column: str, value: str, table: ExistingTable, whole: str, work: Work) -> str:
    key = [work.facts.quoted(name) for name, _ in table.key]

    def bound(side: str) -> str:
        types = [kind for _, kind in table.key]
        return ", ".join(
            f"CAST(CAST(:{side}_{n} AS text) AS {kind})" for n, kind in enumerate(types)
        )

    return (
        dedent(_CODE)
        .format(
            table=work.facts.sql_name(table),
            column=column,
            value=_in_source(value),
            key=", ".join(key),
            key_texts=", ".join(f"CAST(batch.{name} AS text)" for name in key),
            # Qualified, as a plain name would be the text of the output.
            key_up=", ".join(f"batch.{name}" for name in key),
            key_down=", ".join(f"batch.{name} DESC" for name in key),
            low=bound("low"),
            high=bound("high"),
            whole=_escaped(whole),
        )
        .rstrip()
    )


def _escaped(sql: str) -> str:
    """Return SQL as `text()` takes it: a colon before a word would be a parameter."""
    return str(execute(sql).sqltext)


def _in_source(sql: str) -> str:
    """Return escaped SQL as it stands in three quotes of Python."""
    return _escaped(sql).replace("\\", "\\\\")
