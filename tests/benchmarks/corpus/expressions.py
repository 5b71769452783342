"""Generated columns and defaults that are expressions."""

from . import Kind

kind = Kind("expressions")
add = kind.sqlalchemy


def generated(expression: str, more: str = "persisted=True", rest: str = "") -> str:
    """Return a body with a column that is generated from another."""
    return f"q: Mapped[int]\ns: Mapped[int] = col(Computed({expression!r}, {more}))\n{rest}"


add("a stored column added", "q: Mapped[int]", generated("q / 2"))
add("a virtual column added", "q: Mapped[int]", generated("q / 2", "persisted=False"))
add("a generated column dropped", generated("q / 2"), "q: Mapped[int]")
add("another expression", generated("q / 2"), generated("q / 3"))
add(
    "another virtual expression",
    generated("q / 2", "persisted=False"),
    generated("q / 3", "persisted=False"),
)
add(
    "another expression with its index",
    generated("q / 2", rest="__table_args__ = (Index('i', 's'),)"),
    generated("q / 3", rest="__table_args__ = (Index('i', 's'),)"),
)
add("a generated column made plain", generated("q / 2"), "q: Mapped[int]\ns: Mapped[int]")
add(
    "a plain column made generated",
    "q: Mapped[int]\ns: Mapped[int]",
    generated("q / 2"),
)
add(
    "a default that is a function",
    "a: Mapped[str]",
    "a: Mapped[str] = col(server_default=func.to_char(func.now(), 'YYYY'))",
)
add(
    "a default with an interval",
    "a: Mapped[dt.datetime] = col(DateTime(timezone=True))",
    "a: Mapped[dt.datetime] = col(DateTime(timezone=True), "
    "server_default=func.now() + text(\"interval '1 day'\"))",
)
add(
    "a uuid's default",
    "a: Mapped[uuid.UUID]",
    "a: Mapped[uuid.UUID] = col(server_default=func.gen_random_uuid())",
)
SEQUENCE = 'numbers = Sequence("numbers", metadata=Base.metadata)\n'
add("a sequence", 'table("t")', SEQUENCE + 'table("t")')
add(
    "a column with a sequence",
    'table("t")',
    SEQUENCE + 'table("t", Column("n", Integer, server_default=numbers.next_value()))',
)
