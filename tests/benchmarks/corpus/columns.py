"""Columns that come, go, or become required."""

from . import Kind

kind = Kind("columns")
add = kind.sqlalchemy

add("a nullable column", "title: Mapped[str]", "title: Mapped[str]\nnote: Mapped[str | None]")
add(
    "several nullable columns",
    "title: Mapped[str]",
    "title: Mapped[str]\na: Mapped[int | None]\nb: Mapped[dt.date | None]\nc: Mapped[float | None]",
)
add(
    "a required column with a constant default",
    "title: Mapped[str]",
    'title: Mapped[str]\nrank: Mapped[int] = col(server_default="3")',
)
add(
    "a required column with a volatile default",
    "title: Mapped[str]",
    "title: Mapped[str]\nkey: Mapped[uuid.UUID] = col(server_default=func.gen_random_uuid())",
)
add(
    "a required column with now()",
    "title: Mapped[str]",
    "title: Mapped[str]\n"
    "at: Mapped[dt.datetime] = col(DateTime(timezone=True), server_default=func.now())",
)
add(
    "a required column that is filled from another",
    "owner_id: Mapped[int]",
    "owner_id: Mapped[int]\nreviewer_id: Mapped[int]",
    "--fill",
    "tasks.reviewer_id=owner_id",
)
add(
    "a required column that is filled with a constant",
    "title: Mapped[str]",
    "title: Mapped[str]\nstate: Mapped[str] = col(String(9))",
    "--fill",
    "tasks.state='new'",
)
add(
    "a column that becomes required",
    "title: Mapped[str | None]",
    "title: Mapped[str]",
    "--fill",
    "tasks.title=''",
)
add("a column that becomes nullable", "title: Mapped[str]", "title: Mapped[str | None]")
add("a column dropped", "title: Mapped[str]\nnote: Mapped[str | None]", "title: Mapped[str]")
add("a required column dropped", "title: Mapped[str]\nrank: Mapped[int]", "title: Mapped[str]")
add(
    "a column dropped with its index",
    "title: Mapped[str]\nrank: Mapped[int] = col(index=True)",
    "title: Mapped[str]",
)
add(
    "a column dropped with its foreign key",
    'table("users")\ntable("tasks", Column("user_id", ForeignKey("users.id")))',
    'table("users")\ntable("tasks")',
)
add(
    "a column dropped with its CHECK",
    'a: Mapped[int]\n__table_args__ = (CheckConstraint("a > 0", name="a_positive"),)',
    "__table_args__ = ()",
)
add(
    "a column dropped on which a generated one stands",
    "a: Mapped[int]\nb: Mapped[int]\nc: Mapped[int] = col(Computed('a + b', persisted=True))",
    "b: Mapped[int]",
)
add("a default set", "a: Mapped[int]", 'a: Mapped[int] = col(server_default="1")')
add(
    "a default changed",
    'a: Mapped[str] = col(server_default="it\'s")',
    'a: Mapped[str] = col(server_default="100%: \\"x\\"")',
)
add("a default dropped", 'a: Mapped[int] = col(server_default="1")', "a: Mapped[int]")
add(
    "a default of now() for a constant",
    'at: Mapped[dt.date] = col(server_default="2020-01-01")',
    "at: Mapped[dt.date] = col(server_default=func.current_date())",
)
add(
    "a default of json",
    'doc: Mapped[Any] = col(JSON, server_default="{}")',
    "doc: Mapped[Any] = col(JSON, server_default='{\"a\": [1]}')",
)
add(
    "a default of an array",
    'tags: Mapped[Any] = col(ARRAY(Text), server_default="{}")',
    'tags: Mapped[Any] = col(ARRAY(Text), server_default="{a,b}")',
)
add(
    "comments on a table and its columns",
    'a: Mapped[int]\n__table_args__ = {"comment": "it\'s one"}',
    'a: Mapped[int] = col(comment="50 % :x")\n__table_args__ = {"comment": "two\\nlines"}',
)
add("a comment dropped", 'a: Mapped[int] = col(comment="a")', "a: Mapped[int]")
add(
    "a column with its CHECK inside",
    "a: Mapped[int]",
    "a: Mapped[int]\nb: Mapped[int | None] = col(CheckConstraint('b > 0', name='b_positive'))",
)
add(
    "a column with a foreign key and an index",
    'table("users")\ntable("tasks")',
    'table("users")\ntable("tasks", Column("user_id", ForeignKey("users.id"), index=True))',
)
add(
    "a unique column",
    "title: Mapped[str]",
    "title: Mapped[str]\nslug: Mapped[str | None] = col(unique=True)",
)
add(
    "a mixed-case column with a space",
    "title: Mapped[str]",
    'title: Mapped[str]\nx: Mapped[int | None] = col("Due Date")',
)

add = kind.sqlmodel
add("a nullable column", "title: str", "title: str\ndue_at: dt.datetime | None = None")
add(
    "a required column with a default",
    "title: str",
    'title: str\nrank: int = Field(default=0, sa_column_kwargs={"server_default": "0"})',
)
add(
    "a required column that is filled",
    "title: str",
    "title: str\nslug: str = Field(max_length=80)",
    "--fill",
    "tasks.slug=left(title, 80)",
)
add("a column dropped", "title: str\nnote: str | None = None", "title: str")
add("a column that becomes nullable", "title: str", "title: str | None = None")
add(
    "a column that becomes required",
    "title: str | None = None",
    "title: str",
    "--fill",
    "tasks.title='none'",
)
add(
    "many columns of many types",
    "title: str",
    "title: str\nat: dt.time | None = None\nspan: dt.timedelta | None = None\n"
    "blob: bytes | None = None\nprice: decimal.Decimal | None = Field(default=None, max_digits=8, "
    "decimal_places=2)\nkey: uuid.UUID | None = None\nratio: float | None = None\n"
    "words: list[str] | None = Field(default=None, sa_type=ARRAY(AutoString(length=20)))",
)
add(
    "an indexed column",
    "title: str",
    "title: str\nslug: str | None = Field(default=None, index=True, max_length=50)",
)
