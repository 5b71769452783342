"""Where statements end, and how values are quoted."""

import pytest
from alembic_neon.engine.sql_scan import quote_literal, split_statements, without_literals

ATOMIC = (
    "CREATE FUNCTION f(a int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN a > 0 THEN 1 END; "
    "SELECT 2; END"
)


@pytest.mark.parametrize(
    ("sql", "statements"),
    [
        ("SELECT 1", ["SELECT 1"]),
        (" ; SELECT 1;; ", ["SELECT 1"]),
        ("SELECT ';'; SELECT 2", ["SELECT ';'", "SELECT 2"]),
        ("SELECT E'\\';'; SELECT 2", ["SELECT E'\\';'", "SELECT 2"]),
        ("SELECT '\\'; SELECT 2", ["SELECT '\\'", "SELECT 2"]),
        ('SELECT ";"; SELECT 2', ['SELECT ";"', "SELECT 2"]),
        ("SELECT $$;$$; SELECT $a$ $$;$$ $a$", ["SELECT $$;$$", "SELECT $a$ $$;$$ $a$"]),
        ("SELECT a$b;SELECT c$b", ["SELECT a$b", "SELECT c$b"]),
        ("SELECT 1 -- ;\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("/* a; /* b; */ c; */ COMMIT", ["COMMIT"]),
        (f"{ATOMIC}; SELECT 3", [ATOMIC, "SELECT 3"]),
    ],
)
def test_a_text_is_split_where_postgresql_splits_it(sql: str, statements: list[str]) -> None:
    assert split_statements(sql) == statements


def test_what_is_no_code_is_left_out() -> None:
    assert without_literals("SELECT '$1', $2 -- $3").split() == ["SELECT", ",", "$2"]


@pytest.mark.parametrize(
    ("value", "literal"), [("it's", "'it''s'"), ("a\\'b", " E'a\\\\''b'"), ("", "''")]
)
def test_a_value_is_quoted(value: str, literal: str) -> None:
    assert quote_literal(value) == literal
