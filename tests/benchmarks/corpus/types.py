"""Columns whose type changes."""

from . import Kind

kind = Kind("types")
add = kind.sqlalchemy

add("a longer varchar", "a: Mapped[str] = col(String(20))", "a: Mapped[str] = col(String(50))")
add(
    "a shorter varchar",
    "a: Mapped[str] = col(String(50))",
    "a: Mapped[str] = col(String(20))",
    sql=("INSERT INTO tasks (a) VALUES ('x'), ('y')",),
)
add("varchar to text", "a: Mapped[str] = col(String(20))", "a: Mapped[str] = col(Text)")
add("int to bigint", "a: Mapped[int]", "a: Mapped[int] = col(BigInteger)")
add(
    "int to bigint of a primary key",
    'Table("t", Base.metadata, Column("id", Integer, primary_key=True))',
    'Table("t", Base.metadata, Column("id", BigInteger, primary_key=True))',
)
add("int to text", "a: Mapped[int]", "a: Mapped[str] = col(Text)")
add(
    "text to int",
    "a: Mapped[str] = col(Text)",
    "a: Mapped[int]",
    sql=("INSERT INTO tasks (a) VALUES ('1'), ('2')",),
)
add(
    "a wider numeric",
    "a: Mapped[Any] = col(Numeric(8, 2))",
    "a: Mapped[Any] = col(Numeric(12, 2))",
)
add(
    "float to numeric",
    "a: Mapped[float]",
    "a: Mapped[Any] = col(Numeric(12, 2))",
    sql=("INSERT INTO tasks (a) VALUES (1.5), (2)",),
)
add(
    "timestamp to timestamptz",
    "a: Mapped[dt.datetime]",
    "a: Mapped[dt.datetime] = col(DateTime(timezone=True))",
)
add("json to jsonb", "a: Mapped[Any] = col(JSON)", "a: Mapped[Any] = col(pg.JSONB)")
add("bool to int", "a: Mapped[bool]", "a: Mapped[int]")
add(
    "text to uuid",
    "a: Mapped[str | None] = col(Text)",
    "a: Mapped[uuid.UUID | None]",
    sql=("INSERT INTO tasks (a) VALUES (NULL), (gen_random_uuid())",),
)
add(
    "a type with its index",
    "a: Mapped[int] = col(index=True)",
    "a: Mapped[int] = col(BigInteger, index=True)",
)
add(
    "a type with its CHECK",
    'a: Mapped[int]\n__table_args__ = (CheckConstraint("a > 0", name="a"),)',
    'a: Mapped[int] = col(BigInteger)\n__table_args__ = (CheckConstraint("a > 0", name="a"),)',
)
add(
    "a type with its default",
    'a: Mapped[int] = col(server_default="1")',
    'a: Mapped[str] = col(Text, server_default="1")',
)
add(
    "a type under a generated column",
    "a: Mapped[int]\nb: Mapped[int] = col(Computed('a * 2', persisted=True))",
    "a: Mapped[int] = col(BigInteger)\nb: Mapped[int] = col(Computed('a * 2', persisted=True))",
)
add(
    "a type under a view",
    "a: Mapped[str] = col(String(20))",
    "a: Mapped[str] = col(Text)",
    sql=("CREATE VIEW v AS SELECT id, a FROM tasks",),
)
add(
    "a type of both ends of a foreign key",
    'table("u", Column("k", Integer, unique=True))\n'
    'table("t", Column("k", Integer, ForeignKey("u.k")))',
    'table("u", Column("k", BigInteger, unique=True))\n'
    'table("t", Column("k", BigInteger, ForeignKey("u.k")))',
)
add(
    "a type with a partial index",
    "a: Mapped[int]\n__table_args__ = (Index('ix_part', 'a', postgresql_where=text('a > 5')),)",
    "a: Mapped[int] = col(BigInteger)\n"
    "__table_args__ = (Index('ix_part', 'a', postgresql_where=text('a > 5')),)",
)
add(
    "REAL, which is Float(24)",
    "a: Mapped[float] = col(Float(24))",
    "a: Mapped[float] = col(Float(24))\nb: Mapped[float | None] = col(Float(53))",
)
DECORATED = """
class Short(TypeDecorator):
    impl = String
    cache_ok = True

class Doc(TypeDecorator):
    impl = pg.JSONB
    cache_ok = True

table("t", Column("a", Short({length}), nullable=False), Column("many", ARRAY(Short(3))){more})
"""
add(
    "a TypeDecorator, longer",
    DECORATED.format(length=7, more=""),
    DECORATED.format(length=9, more=', Column("doc", Doc)'),
)
add("a collation", "a: Mapped[str] = col(Text)", "a: Mapped[str] = col(Text(collation='C'))")
add(
    "an interval's fields",
    "a: Mapped[Any | None] = col(pg.INTERVAL)",
    "a: Mapped[Any | None] = col(pg.INTERVAL(fields='DAY TO SECOND', precision=3))",
)
add(
    "many types of PostgreSQL's",
    "a: Mapped[int]",
    "a: Mapped[int]\nb: Mapped[Any | None] = col(pg.BIT(3))\n"
    "c: Mapped[Any | None] = col(pg.CIDR)\nd: Mapped[Any | None] = col(pg.INT4RANGE)\n"
    "e: Mapped[Any | None] = col(pg.TSVECTOR)\nf: Mapped[Any | None] = col(pg.MONEY)\n"
    "g: Mapped[Any | None] = col(pg.TIMESTAMP(timezone=True, precision=0))\n"
    "h: Mapped[Any | None] = col(ARRAY(Numeric(6, 2)))\ni: Mapped[Any | None] = col(pg.MACADDR8)\n"
    "j: Mapped[Any | None] = col(pg.TSTZRANGE)\nk: Mapped[Any | None] = col(pg.INT4MULTIRANGE)",
)
add(
    "a domain",
    "a: Mapped[int]",
    "a: Mapped[int]\n"
    "z: Mapped[str | None] = col(pg.DOMAIN('zipcode', String(10), check=r\"VALUE ~ '^\\d+$'\"))",
)

add = kind.sqlmodel
add("a longer str", "a: str = Field(max_length=20)", "a: str = Field(max_length=60)")
add("int to bigint", "a: int", "a: int = Field(sa_type=BigInteger)")
add("int to str", "a: int", "a: str")
add("a time with a zone", "a: dt.datetime = Field(sa_type=DateTime)", "a: dt.datetime")
add(
    "an array of AutoString",
    "a: int",
    "a: int\nb: Any = Field(sa_type=ARRAY(AutoString(20)), nullable=True)",
)
