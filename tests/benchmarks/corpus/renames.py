"""Columns, tables, enums and their like that get another name: no value may be lost."""

from functools import partial

from . import Kind

kind = Kind("renames")
add = partial(kind.sqlalchemy, keeps=True)


def rename(*values: str) -> tuple[str, ...]:
    """Return the options for these renames."""
    return tuple(word for value in values for word in ("--rename", value))


add("a column", "title: Mapped[str]", "headline: Mapped[str]", *rename("tasks.title=headline"))
add(
    "a column with an index and a unique constraint",
    "a: Mapped[int] = col(index=True)\n__table_args__ = (UniqueConstraint('a', 'id'),)",
    "b: Mapped[int] = col(index=True)\n__table_args__ = (UniqueConstraint('b', 'id'),)",
    *rename("tasks.a=b"),
)
add(
    "a column with a CHECK",
    "a: Mapped[int]\n__table_args__ = (CheckConstraint('a > 0', name='positive'),)",
    "b: Mapped[int]\n__table_args__ = (CheckConstraint('b > 0', name='positive'),)",
    *rename("tasks.a=b"),
)
add(
    "a column with a partial index",
    "a: Mapped[int]\n__table_args__ = (Index('ix_part', 'id', postgresql_where=text('a > 5')),)",
    "b: Mapped[int]\n__table_args__ = (Index('ix_part', 'id', postgresql_where=text('b > 5')),)",
    *rename("tasks.a=b"),
)
add(
    "a column under a generated one",
    "a: Mapped[int]\nc: Mapped[int] = col(Computed('a * 2', persisted=True))",
    "b: Mapped[int]\nc: Mapped[int] = col(Computed('b * 2', persisted=True))",
    *rename("tasks.a=b"),
)
add(
    "a column under a view",
    "a: Mapped[int]",
    "b: Mapped[int]",
    *rename("tasks.a=b"),
    sql=("CREATE VIEW v AS SELECT id, a FROM tasks",),
)
add(
    "a primary key",
    'Table("t", Base.metadata, Column("id", Integer, primary_key=True))',
    'Table("t", Base.metadata, Column("key", Integer, primary_key=True))',
    *rename("t.id=key"),
)
KEYS = """
Table("seats", Base.metadata, Column("{0}", Integer, primary_key=True),
      Column("row", Integer, primary_key=True))
table("tickets", Column("hall", Integer), Column("row", Integer),
      ForeignKeyConstraint(["hall", "row"], ["seats.{0}", "seats.row"]))
"""
add(
    "a column of a composite key",
    KEYS.format("hall"),
    KEYS.format("room"),
    *rename("seats.hall=room"),
)
add(
    "a foreign key's column",
    'table("u")\ntable("t", Column("u_id", ForeignKey("u.id"), index=True))',
    'table("u")\ntable("t", Column("owner_id", ForeignKey("u.id"), index=True))',
    *rename("t.u_id=owner_id"),
)
add(
    "a column and its length",
    "a: Mapped[str] = col(String(20))",
    "b: Mapped[str] = col(String(50))",
    *rename("tasks.a=b"),
)
add(
    "a column that becomes nullable too",
    "a: Mapped[int]",
    "b: Mapped[int | None]",
    *rename("tasks.a=b"),
)
add(
    "a column and its default",
    'a: Mapped[int] = col(server_default="1")',
    'b: Mapped[int] = col(server_default="2")',
    *rename("tasks.a=b"),
)
add(
    "two columns",
    "a: Mapped[int]\nb: Mapped[int]",
    "c: Mapped[int]\nd: Mapped[int]",
    *rename("tasks.a=d", "tasks.b=c"),
)
add(
    "a column, and another one added",
    "a: Mapped[int]",
    "b: Mapped[int]\nc: Mapped[str | None]",
    *rename("tasks.a=b"),
)
add(
    "an enum column",
    "a: Mapped[Any] = col(Enum('x', 'y', name='state'), server_default='x')",
    "b: Mapped[Any] = col(Enum('x', 'y', name='state'), server_default='x')",
    *rename("tasks.a=b"),
)
add(
    "a column whose name needs quotes",
    'a: Mapped[int] = col("Due Date")',
    'a: Mapped[int] = col("order")',
    *rename("tasks.Due Date=order"),
)
TABLE = """
table("{0}", Column("a", Integer, CheckConstraint("a > 0", name="positive"), nullable=False),
      Column("b", Integer, index=True), UniqueConstraint("a", "b"))
table("lines", Column("task_id", ForeignKey("{0}.id")))
"""
add("a table", TABLE.format("tasks"), TABLE.format("jobs"), *rename("tasks=jobs"))
add(
    "a table and a column in it",
    'table("tasks", Column("a", Integer, nullable=False))',
    'table("jobs", Column("b", Integer, nullable=False))',
    *rename("tasks=jobs", "jobs.a=b"),
)
add(
    "a table in a schema",
    'table("old", Column("a", Integer), schema="Sales Dept")',
    'table("new", Column("a", Integer), schema="Sales Dept")',
    *rename("Sales Dept.old=new"),
)
add(
    "a table with an identity",
    'Table("a", Base.metadata, Column("id", BigInteger, Identity(), primary_key=True))',
    'Table("b", Base.metadata, Column("id", BigInteger, Identity(), primary_key=True))',
    *rename("a=b"),
)
add(
    "a table that refers to itself",
    'table("a", Column("up", ForeignKey("a.id")))',
    'table("b", Column("up", ForeignKey("b.id")))',
    *rename("a=b"),
)
add(
    "an index",
    "a: Mapped[int]\n__table_args__ = (Index('one', 'a'),)",
    "a: Mapped[int]\n__table_args__ = (Index('uno', 'a'),)",
)
add(
    "a constraint",
    "a: Mapped[int]\n__table_args__ = (UniqueConstraint('a', name='one'),)",
    "a: Mapped[int]\n__table_args__ = (UniqueConstraint('a', name='uno'),)",
)
add(
    "an enum type",
    "a: Mapped[Any] = col(Enum('x', 'y', name='status'), server_default='x')",
    "a: Mapped[Any] = col(Enum('x', 'y', name='state'), server_default='x')",
)

add = partial(kind.sqlmodel, keeps=True)
add("a column", "title: str", "headline: str", *rename("tasks.title=headline"))
add(
    "an indexed column",
    "a: int = Field(index=True)",
    "b: int = Field(index=True)",
    *rename("tasks.a=b"),
)
add("a column and its type", "a: int", "b: int = Field(sa_type=BigInteger)", *rename("tasks.a=b"))
MODEL = """
class {name}(Base, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str = Field(unique=True)

class Line(Base, table=True):
    id: int | None = Field(default=None, primary_key=True)
    task_id: int = Field(foreign_key="{table}.id")
"""
add(
    "a table",
    MODEL.format(name="Task", table="task"),
    MODEL.format(name="Job", table="job"),
    *rename("task=job"),
)
