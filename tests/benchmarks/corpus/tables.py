"""Tables that come and go, are parted, moved and joined."""

from . import Kind

kind = Kind("tables")
add = kind.sqlalchemy
STAYS = 'table("a")\ntable("b")\n'

add("a new table", STAYS, STAYS + 'table("c", Column("x", String(9)))')
add(
    "a new table that refers to an old one",
    STAYS,
    STAYS + 'table("c", Column("a_id", ForeignKey("a.id"), index=True))',
)
add("a table dropped", STAYS + 'table("c", Column("x", String(9)))', STAYS)
add(
    "a table dropped that others refer to",
    STAYS + 'table("c")\ntable("d", Column("c_id", ForeignKey("c.id")))',
    STAYS + 'table("d")',
)
add("a table in a new schema", STAYS, STAYS + 'table("c", schema="Sales Dept")')
add("a table with mixed case", STAYS, STAYS + 'table("Order", Column("From", Date, index=True))')
add(
    "a table with a comment and storage parameters",
    STAYS,
    STAYS + 'table("c", comment="it\'s :x", postgresql_with={"fillfactor": 70})',
)
add("an unlogged table", STAYS, STAYS + 'table("c", prefixes=["UNLOGGED"])')
add(
    "a split table",
    'table("customers", Column("name", Text), Column("street", Text), Column("city", Text))',
    'table("customers", Column("name", Text))\ntable("addresses", '
    'Column("customer_id", ForeignKey("customers.id"), nullable=False), Column("street", Text), '
    'Column("city", Text))',
)
PARTITIONED = """
Table("m", Base.metadata, Column("id", BigInteger, primary_key=True),
      Column("day", Date, primary_key=True), Column("v", {type}{more}),
      postgresql_partition_by="RANGE (day)")
table("note", Column("m_id", BigInteger), Column("m_day", Date),
      ForeignKeyConstraint(["m_id", "m_day"], ["m.id", "m.day"]))
"""
PARTS = (
    "CREATE TABLE m_2026 PARTITION OF m FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
    "CREATE TABLE m_rest PARTITION OF m DEFAULT",
)
INT = PARTITIONED.format(type="Integer", more="")
add("a partitioned table", STAYS, STAYS + INT)
add(
    "a column of a partitioned table",
    INT,
    INT.replace("postgresql_p", 'Column("w", Text), postgresql_p'),
    sql=PARTS,
)
add(
    "a type in a partitioned table",
    INT,
    PARTITIONED.format(type="BigInteger", more=""),
    sql=PARTS,
)
add(
    "an index on a partitioned table",
    INT,
    PARTITIONED.format(type="Integer", more=", index=True"),
    sql=PARTS,
)
add(
    "a table beside functions and triggers",
    'table("t", Column("a", Integer))',
    'table("t", Column("a", Integer), Column("b", Integer))',
    sql=(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    ),
)
add(
    "many-to-many",
    STAYS,
    STAYS + 'Table("a_b", Base.metadata, Column("a_id", ForeignKey("a.id"), primary_key=True), '
    'Column("b_id", ForeignKey("b.id"), primary_key=True))',
)
SHOP = """
table("orders", Column("number", Integer))
table("lines", Column("order_id", ForeignKey("orders.id")){})
"""
add(
    "several changes at once",
    SHOP.format(', Column("old", Integer), Column("qty", Integer)'),
    SHOP.format(', Column("qty", BigInteger, index=True), Column("note", Text)')
    + 'table("tags", Column("line_id", ForeignKey("lines.id"), nullable=False))',
    "--no-rename",
)

add = kind.sqlmodel
FIRST = """
class {name}(Base, table=True):
    id: int | None = Field(default=None, primary_key=True)
    title: str = Field(index=True, max_length=50)
"""
add(
    "a new table",
    FIRST.format(name="One"),
    FIRST.format(name="One") + FIRST.format(name="Two"),
    "--no-rename",
)
add(
    "a link table",
    FIRST.format(name="One") + FIRST.format(name="Two"),
    FIRST.format(name="One")
    + FIRST.format(name="Two")
    + """
class Link(Base, table=True):
    one_id: int | None = Field(default=None, foreign_key="one.id", primary_key=True)
    two_id: int | None = Field(default=None, foreign_key="two.id", primary_key=True)
""",
)
