"""Indexes of all kinds on tables that have rows."""

from . import Kind

kind = Kind("indexes")
add = kind.sqlalchemy
EVENTS = """
events = table("events", Column("email", String(100)), Column("n", Integer),
               Column("doc", pg.JSONB, nullable=False, server_default=text("'{{}}'::jsonb")),
               Column("net", pg.INET), Column("body", Text))
{}
"""


def on(name: str, before: str, after: str) -> None:
    """Add a case of one table with all that can be indexed."""
    add(name, EVENTS.format(before), EVENTS.format(after))


on("an index", "", "Index(None, events.c.n)")
on("an index dropped", "Index(None, events.c.n)", "")
on("a unique index", "", "Index('u', events.c.n, events.c.id, unique=True)")
on("an index on two columns", "", "Index(None, events.c.n, events.c.email)")
on(
    "an index made unique",
    "Index('i', events.c.id, events.c.n)",
    "Index('i', events.c.id, events.c.n, unique=True)",
)
on(
    "another order of columns",
    "Index('i', events.c.n, events.c.id)",
    "Index('i', events.c.id, events.c.n)",
)
on("a descending index", "", "Index('i', events.c.n.desc().nulls_last())")
on("an index made descending", "Index('i', events.c.n)", "Index('i', events.c.n.desc())")
on("a functional index", "", "Index('i', func.lower(events.c.email))")
on(
    "another function",
    "Index('i', func.lower(events.c.email))",
    "Index('i', func.upper(events.c.email))",
)
on("a partial index", "", "Index('i', events.c.n, postgresql_where=events.c.email.is_not(None))")
on(
    "another predicate",
    "Index('i', events.c.n, postgresql_where=events.c.n > 5)",
    "Index('i', events.c.n, postgresql_where=events.c.n > 6)",
)
on(
    "a predicate dropped",
    "Index('i', events.c.n, postgresql_where=events.c.n > 5)",
    "Index('i', events.c.n)",
)
on(
    "a GIN index with an operator class",
    "",
    "Index('i', events.c.doc, postgresql_using='gin', postgresql_ops={'doc': 'jsonb_path_ops'})",
)
on(
    "another operator class",
    "Index('i', events.c.doc, postgresql_using='gin')",
    "Index('i', events.c.doc, postgresql_using='gin', postgresql_ops={'doc': 'jsonb_path_ops'})",
)
on("another method", "Index('i', events.c.n)", "Index('i', events.c.n, postgresql_using='hash')")
on("INCLUDE", "Index('i', events.c.n)", "Index('i', events.c.n, postgresql_include=['email'])")
on(
    "another INCLUDE",
    "Index('i', events.c.n, postgresql_include=['email'])",
    "Index('i', events.c.n, postgresql_include=['doc'])",
)
on(
    "NULLS NOT DISTINCT",
    "Index('i', events.c.id, events.c.n, unique=True)",
    "Index('i', events.c.id, events.c.n, unique=True, postgresql_nulls_not_distinct=True)",
)
on(
    "a full text index",
    "",
    "Index('i', func.to_tsvector('english', events.c.body), postgresql_using='gin')",
)
on("an index on a json value", "", "Index('i', events.c.doc['user'].as_integer())")
on(
    "storage parameters",
    "Index('i', events.c.n)",
    "Index('i', events.c.n, postgresql_with={'fillfactor': 70})",
)
on("a name over 63 bytes", "", "Index('ix_' + 60 * 'n' + '_é', events.c.n)")
on(
    "an index in a schema with a space",
    "",
    "table('t', Column('a', Integer, index=True), schema='Sales Dept')",
)

add = kind.sqlmodel
add("an index", "a: int", "a: int = Field(index=True)")
add("an index dropped", "a: int = Field(index=True)", "a: int")
add(
    "a unique index",
    "a: int",
    "a: int = Field(index=True, unique=True)",
    sql=("INSERT INTO tasks (a) VALUES (1), (2)",),
)
