"""CHECKs, unique and exclusion constraints."""

from . import Kind

kind = Kind("constraints")
add = kind.sqlalchemy
NET = 'table("slots", Column("net", pg.INET), Column("during", pg.TSTZRANGE){})'


def args(*items: str) -> str:
    """Return a body of two columns with these table arguments."""
    listed = "".join(f"{item}, " for item in items)
    return f"a: Mapped[int]\nb: Mapped[str] = col(String(20))\n__table_args__ = ({listed})"


add("a CHECK", args(), args('CheckConstraint("a IS NOT NULL", name="set")'))
add("a CHECK dropped", args('CheckConstraint("a > 0", name="p")'), args())
add(
    "the text of a CHECK",
    args('CheckConstraint("a > -5", name="p")'),
    args('CheckConstraint("a > -9", name="p")'),
)
add("a CHECK with a colon and a quote", args(), args("CheckConstraint(\"b <> ':x''%'\", name='c')"))
add(
    "a CHECK with IN",
    args("CheckConstraint(\"b IN ('x', 'y')\", name=\"c\")"),
    args("CheckConstraint(\"b IN ('x', 'y', 'z')\", name=\"c\")"),
)
add(
    "a boolean with a CHECK",
    "a: Mapped[int]",
    "a: Mapped[int]\nb: Mapped[bool | None] = col(Boolean(create_constraint=True, name='b_bool'))",
)
add("a unique constraint", args(), args('UniqueConstraint("a", "id")'))
add("a unique constraint dropped", args('UniqueConstraint("a", "id")'), args())
add(
    "a unique constraint on more columns",
    args('UniqueConstraint("a", "id", name="u")'),
    args('UniqueConstraint("a", "b", "id", name="u")'),
)
add(
    "a unique constraint made deferrable",
    args('UniqueConstraint("a", "id", name="u")'),
    args('UniqueConstraint("a", "id", name="u", deferrable=True, initially="DEFERRED")'),
)
add(
    "a unique constraint with NULLS NOT DISTINCT",
    args('UniqueConstraint("a", "id", name="u")'),
    args('UniqueConstraint("a", "id", name="u", postgresql_nulls_not_distinct=True)'),
)
add(
    "an exclusion constraint",
    NET.format(""),
    NET.format(", pg.ExcludeConstraint(('during', '&&'), using='gist', name='x')"),
    sql=("INSERT INTO slots (net) VALUES ('10.0.0.1')",),
)
add(
    "an exclusion constraint with an operator class",
    NET.format(""),
    NET.format(
        ", pg.ExcludeConstraint(('net', '&&'), using='gist', ops={'net': 'inet_ops'}, name='x')"
    ),
    sql=("INSERT INTO slots (net) VALUES ('10.0.0.1')",),
)
add(
    "an exclusion constraint changed",
    NET.format(", pg.ExcludeConstraint(('during', '&&'), using='gist', name='x')"),
    NET.format(", pg.ExcludeConstraint(('during', '&&'), using='gist', name='x', deferrable=True)"),
    sql=("INSERT INTO slots (net) VALUES ('10.0.0.1')",),
)
add(
    "an exclusion constraint dropped",
    NET.format(", pg.ExcludeConstraint(('during', '&&'), using='gist', name='x')"),
    NET.format(""),
)
add(
    "a table with an exclusion constraint",
    'table("u")',
    'table("u")\n'
    + NET.format(", pg.ExcludeConstraint(('net', '&&'), using='gist', ops={'net': 'inet_ops'})"),
)
add(
    "a name over 63 bytes",
    args(),
    args(f'CheckConstraint("a IS NOT NULL", name="{"n" * 58}")'),
)

add = kind.sqlmodel
add(
    "a unique column",
    "a: int\nb: int",
    "a: int = Field(unique=True)\nb: int",
    sql=("INSERT INTO tasks (a, b) VALUES (1, 1), (2, 1)",),
)
add(
    "a CHECK",
    "a: int",
    'a: int\n__table_args__ = (CheckConstraint("a IS NOT NULL", name="set"),)',
)
