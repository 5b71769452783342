"""Enums: values that come and go, and what stands on them."""

from . import Kind

kind = Kind("enums")
add = kind.sqlalchemy


def values(*names: str, more: str = "", type_name: str = "state", default: str = "") -> str:
    """Return a body with one enum column and what else is on the table."""
    listed = ", ".join(map(repr, names))
    options = f", server_default={default!r}" if default else ""
    return f"a: Mapped[Any] = col(Enum({listed}, name={type_name!r}){options})\n{more}"


CHECK = '__table_args__ = (CheckConstraint("a <> \'y\' OR id > 0", name="y_id"),)'
PARTIAL = "__table_args__ = (Index('ix_part', 'id', postgresql_where=text(\"a = 'x'\")),)"
ROWS = "INSERT INTO tasks (a) VALUES ('x')"
add("a value added at the end", values("x", "y"), values("x", "y", "z"))
add("a value added first", values("x", "y"), values("w", "x", "y"))
add("a value added between", values("x", "z"), values("x", "y z", "z"))
add("two values added", values("x", "y"), values("w", "x", "y", "z"))
add("a value with a quote", values("x", "y"), values("x", "y", "it's"))
add("a value added and made the default", values("x", default="x"), values("x", "y", default="y"))
add("a value added under a CHECK", values("x", "y", more=CHECK), values("x", "y", "z", more=CHECK))
add(
    "a value added under a partial index",
    values("x", "y", more=PARTIAL),
    values("x", "y", "z", more=PARTIAL),
)
add("a value removed", values("x", "y", "z"), values("x", "y"), sql=(ROWS,))
add(
    "a value removed, and the default with it",
    values("x", "y", "z", default="z"),
    values("x", "y", default="x"),
    sql=(ROWS,),
)
add(
    "a value removed under a CHECK",
    values("x", "y", "z", more=CHECK),
    values("x", "y", more=CHECK),
    sql=(ROWS,),
)
add(
    "a value removed under a partial index",
    values("x", "y", "z", more=PARTIAL),
    values("x", "y", more=PARTIAL),
    sql=(ROWS,),
)
add(
    "a value removed under a view",
    values("x", "y", "z"),
    values("x", "y"),
    sql=(
        ROWS,
        "CREATE VIEW v AS SELECT id, a FROM tasks WHERE a = 'x'",
    ),
)
add(
    "a value removed under a policy",
    values("x", "y", "z"),
    values("x", "y"),
    sql=(
        ROWS,
        "CREATE POLICY p ON tasks USING (a = 'x')",
    ),
)
add("values in another order", values("x", "y", "z"), values("z", "y", "x"))
add(
    "an array of an enum",
    "a: Mapped[Any] = col(ARRAY(Enum('x', 'y', name='state')), server_default='{x}')",
    "a: Mapped[Any] = col(ARRAY(Enum('x', 'y', 'z', name='state')), server_default='{x}')",
)
add(
    "an array of an enum that loses a value",
    "a: Mapped[Any] = col(ARRAY(Enum('x', 'y', name='state')), server_default='{x}')",
    "a: Mapped[Any] = col(ARRAY(Enum('x', name='state')), server_default='{x}')",
    sql=("INSERT INTO tasks (a) VALUES ('{x}')",),
)
add("the first enum of a table", "b: Mapped[int]", "b: Mapped[int]\n" + values("x", default="x"))
add("an enum column dropped", "b: Mapped[int]\n" + values("x"), "b: Mapped[int]")
add(
    "a text that becomes an enum",
    "a: Mapped[str | None] = col(Text)",
    "a: Mapped[Any | None] = col(Enum('x', 'y', name='state'))",
    sql=("INSERT INTO tasks (a) VALUES ('x'), (NULL)",),
)
add("an enum that becomes a text", values("x", "y"), "a: Mapped[str] = col(Text)")
SHARED = """
state = Enum({values}, name="state")
table("t", Column("a", state, nullable=False, server_default="x"))
table("u", Column("a", state))
"""
add(
    "an enum of two tables",
    SHARED.format(values="'x', 'y'"),
    SHARED.format(values="'x', 'y', 'z'"),
)
add(
    "an enum of two tables that loses a value",
    SHARED.format(values="'x', 'y', 'z'"),
    SHARED.format(values="'x', 'y'"),
    sql=("INSERT INTO t (a) VALUES ('x')", "INSERT INTO u (a) VALUES ('y')"),
)
add(
    "a table dropped with its enum",
    'table("t", Column("a", Enum("x", name="state")))\ntable("u")',
    'table("u")',
)
SCHEMA = 'table("t", Column("a", Enum({values}, name="state", schema="paint")), schema="paint")'
add(
    "an enum in another schema",
    SCHEMA.format(values="'x', 'y'"),
    SCHEMA.format(values="'x', 'y', 'deep blue'"),
)
add("an enum in a new schema", 'table("u")', 'table("u")\n' + SCHEMA.format(values="'x', 'y'"))
NOT_NATIVE = (
    "a: Mapped[Any] = col(Enum({values}, native_enum=False, create_constraint=True, length=9, "
    "name='state'))"
)
add(
    "an enum that is a CHECK",
    NOT_NATIVE.format(values="'x', 'y'"),
    NOT_NATIVE.format(values="'x', 'y', 'z'"),
)
DECORATED = """
class Strict(TypeDecorator):
    impl = Enum
    cache_ok = True

class Colour(enum.Enum):
    RED = "red"
    {more}

table("t", Column("a", Strict(Colour, name="colour")))
"""
add(
    "an enum in a TypeDecorator",
    DECORATED.format(more=""),
    DECORATED.format(more='BLUE = "blue"'),
)

add = kind.sqlmodel
LEVEL = """
class Level(enum.Enum):
    LOW = 1
    HIGH = 2
    {more}

class Task(Base, table=True):
    __tablename__ = "tasks"
    id: int | None = Field(default=None, primary_key=True)
    level: Level
    other: Level | None = None
"""
add("a member added", LEVEL.format(more=""), LEVEL.format(more="TOP = 3"))
add(
    "a member removed",
    LEVEL.format(more="TOP = 3"),
    LEVEL.format(more=""),
    sql=("INSERT INTO tasks (level) VALUES ('LOW')",),
)
