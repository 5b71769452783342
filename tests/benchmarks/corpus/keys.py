"""Primary keys, foreign keys, identities."""

from . import Kind

kind = Kind("keys")
add = kind.sqlalchemy


def plain(*items: str, name: str = "t") -> str:
    """Return a table that has no `id` of its own."""
    return f'Table("{name}", Base.metadata, {", ".join(items)})'


def refers(options: str = "") -> str:
    """Return two tables, one with a foreign key to the other."""
    return f'table("u")\ntable("t", Column("u_id", ForeignKey("u.id"{options})))'


add(
    "a foreign key",
    'table("u")\ntable("t", Column("u_id", Integer))',
    refers(),
    sql=("INSERT INTO t (u_id) VALUES (NULL)",),
)
add("a foreign key dropped", refers(), 'table("u")\ntable("t", Column("u_id", Integer))')
add("ON DELETE", refers(), refers(', ondelete="CASCADE"'))
add("a foreign key made deferrable", refers(), refers(', deferrable=True, initially="DEFERRED"'))
add(
    "a foreign key to another table",
    'table("u")\ntable("v")\ntable("t", Column("x", ForeignKey("u.id")))',
    'table("u")\ntable("v")\ntable("t", Column("x", ForeignKey("v.id")))',
    sql=("INSERT INTO t (x) VALUES (NULL)",),
)
add(
    "a composite foreign key",
    plain('Column("a", Integer, primary_key=True)', 'Column("b", Integer, primary_key=True)')
    + '\ntable("v", Column("a", Integer), Column("b", Integer))',
    plain('Column("a", Integer, primary_key=True)', 'Column("b", Integer, primary_key=True)')
    + '\ntable("v", Column("a", Integer), Column("b", Integer), '
    'ForeignKeyConstraint(["a", "b"], ["t.a", "t.b"]))',
    sql=("INSERT INTO v (a) VALUES (NULL)",),
)
add("a table that refers to itself", 'table("t")', 'table("t", Column("up", ForeignKey("t.id")))')
add(
    "tables that refer to each other",
    'table("x")',
    'table("x")\ntable("dept", Column("boss_id", ForeignKey("emp.id", use_alter=True)))\n'
    'table("emp", Column("dept_id", ForeignKey("dept.id"), nullable=False))',
)
add(
    "existing tables that refer to each other",
    'table("dept", Column("boss_id", Integer))\ntable("emp", Column("dept_id", Integer))',
    'table("dept", Column("boss_id", ForeignKey("emp.id", use_alter=True)))\n'
    'table("emp", Column("dept_id", ForeignKey("dept.id")))',
    sql=("INSERT INTO dept DEFAULT VALUES", "INSERT INTO emp DEFAULT VALUES"),
)
A = 'Column("a", Integer, nullable=False, unique=True)'
add("a primary key added", plain(A), plain('Column("a", Integer, primary_key=True)'))
add(
    "a primary key dropped",
    plain('Column("a", Integer, primary_key=True)', 'Column("b", Integer)'),
    plain('Column("a", Integer, autoincrement=False, nullable=False)', 'Column("b", Integer)'),
)
add(
    "a column added to the primary key",
    plain('Column("a", Integer, primary_key=True)', 'Column("b", Integer, nullable=False)'),
    plain('Column("a", Integer, primary_key=True)', 'Column("b", Integer, primary_key=True)'),
)
add(
    "another primary key",
    plain(
        'Column("a", Integer, primary_key=True, autoincrement=False)',
        'Column("b", Integer, nullable=False, unique=True)',
    ),
    plain(
        'Column("a", Integer, nullable=False)',
        'Column("b", Integer, primary_key=True, autoincrement=False)',
    ),
)
add(
    "serial to identity",
    plain('Column("id", Integer, primary_key=True)'),
    plain('Column("id", Integer, Identity(), primary_key=True)'),
)
add(
    "identity to serial",
    plain('Column("id", Integer, Identity(), primary_key=True)'),
    plain('Column("id", Integer, primary_key=True)'),
)
add(
    "the options of an identity",
    plain('Column("id", BigInteger, Identity(always=True, increment=5), primary_key=True)'),
    plain('Column("id", BigInteger, Identity(increment=10, cache=20), primary_key=True)'),
)
add(
    "an identity dropped",
    plain('Column("id", BigInteger, Identity(), primary_key=True)'),
    plain('Column("id", BigInteger, primary_key=True, autoincrement=False)'),
)
add(
    "a foreign key into another schema",
    'table("u", schema="sales")\ntable("t", Column("u_id", Integer))',
    'table("u", schema="sales")\ntable("t", Column("u_id", ForeignKey("sales.u.id")))',
    sql=("INSERT INTO t (u_id) VALUES (NULL)",),
)

add = kind.sqlmodel
USERS = """
class User(Base, table=True):
    __tablename__ = "users"
    id: int | None = Field(default=None, primary_key=True)

class Task(Base, table=True):
    __tablename__ = "tasks"
    id: int | None = Field(default=None, primary_key=True)
    {}
"""
add(
    "a foreign key column",
    USERS.format("a: int"),
    USERS.format('a: int\n    user_id: int | None = Field(default=None, foreign_key="users.id")'),
)
add(
    "ON DELETE",
    USERS.format('user_id: int = Field(foreign_key="users.id")'),
    USERS.format('user_id: int = Field(foreign_key="users.id", ondelete="CASCADE")'),
)
