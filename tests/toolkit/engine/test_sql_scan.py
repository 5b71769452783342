"""Where statements end, and how values are quoted."""

import pytest
from alembic_neon.engine.sql_scan import has_parameters, quote_literal, scan, split_statements

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
        ("-- a\nSELECT /* ; */ 1 /* b */;", ["SELECT /* ; */ 1"]),
        (
            "CREATE RULE r AS ON INSERT TO t DO (a; b); c",
            ["CREATE RULE r AS ON INSERT TO t DO (a; b)", "c"],
        ),
        (f"{ATOMIC}; SELECT 3", [ATOMIC, "SELECT 3"]),
    ],
)
def test_a_text_is_split_where_postgresql_splits_it(sql: str, statements: list[str]) -> None:
    assert split_statements(sql) == statements


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT ($1)", True),
        ("SELECT a$1", False),
        ("SELECT '$1', $a$ $1 $a$ -- $1", False),
        ('SELECT "$1" /* $1 */', False),
        ("SELECT /* ' */ $1", True),
    ],
)
def test_a_parameter_is_one_outside_of_literals_and_comments(sql: str, expected: bool) -> None:
    assert has_parameters(sql) is expected


@pytest.mark.parametrize(
    ("sql", "tokens"),
    [
        ('DROP  TABLE s."T"', ["word DROP", "word TABLE", "word s", "symbol .", 'name "T"']),
        ("f(a, (b), ')') + 1.5", ["word f", "group (a, (b), ')')", "symbol +", "number 1.5"]),
        ("a /* ( */ (b /* ) */)", ["word a", "group (b /* ) */)"]),
        ("E'\\'' $x$'$x$ $1 $", [*("string E'\\''", "string $x$'$x$"), "parameter $1", "symbol $"]),
        ("(a", ["group (a"]),
        ("'a", ["symbol '", "word a"]),
    ],
)
def test_a_statement_is_words_names_literals_and_parentheses(sql: str, tokens: list[str]) -> None:
    (statement,) = scan(sql)
    assert [f"{token.kind} {token.text}" for token in statement.tokens] == tokens
    assert all(statement.text.startswith(each.text, each.start) for each in statement.tokens)


@pytest.mark.parametrize(
    ("value", "literal"), [("it's", "'it''s'"), ("a\\'b", " E'a\\\\''b'"), ("", "''")]
)
def test_a_value_is_quoted(value: str, literal: str) -> None:
    assert quote_literal(value) == literal
