"""A trigger that gives a column its value where a release writes rows without it."""

from ..autogenerate.missed_changes import execute
from .facts import ExistingTable, object_name
from .step import Stage, Step
from .work import Work, label


def create_fill_trigger(
    column: str, value: str, table: ExistingTable, work: Work
) -> tuple[list[str], list[str]]:
    """Return the statements that make the trigger, and those that drop it.

    The value is an expression over the table's columns: within the function the new row stands in
    for the table.
    """
    facts = work.facts
    name = object_name(table.name, column, "fill")
    schema = facts.dialect.identifier_preparer.quote_schema(table.schema)
    function = f"{schema}.{facts.quoted(name)}"
    quoted, on = facts.quoted(column), facts.sql_name(table)
    alias = facts.quoted(table.name)
    body = (
        f"BEGIN NEW.{quoted} := (SELECT ({value}) FROM (SELECT NEW.*) AS {alias}); "  # noqa: S608
        "RETURN NEW; END"
    )
    tag = "$fill$"
    create = [
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS {tag} {body} {tag}",
        f"CREATE TRIGGER {facts.quoted(name)} BEFORE INSERT OR UPDATE ON {on} FOR EACH ROW "
        f"WHEN (NEW.{quoted} IS NULL) EXECUTE FUNCTION {function}()",
    ]
    drop = [f"DROP TRIGGER {facts.quoted(name)} ON {on}", f"DROP FUNCTION {function}()"]
    return create, drop


def drop_fill_trigger(column: str, value: str, table: ExistingTable, work: Work) -> Step:
    """Return the step that drops the trigger when every running release writes the column."""
    create, drop = create_fill_trigger(column, value, table, work)
    return Step(
        Stage.CONTRACT,
        "trigger",
        f"Drops the trigger that fills {table.name}.{column} for the release before",
        [execute(sql) for sql in drop],
        [execute(sql) for sql in create],
        label(table),
        "contract",
        f"ACCESS EXCLUSIVE on {table.name} for a moment",
    )
