"""PostgreSQL's text of indexes and constraints, read into its parts."""

# ruff: noqa: E501 - as PostgreSQL writes it

import pytest
from alembic_neon.migration.autogenerate.definition_text import (
    IndexText,
    KeyText,
    parse_check,
    parse_index,
    parse_key,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "CREATE INDEX i ON public.t USING btree (a)",
            IndexText(False, "btree", ("a",), (), False, (), None),
        ),
        (
            'CREATE UNIQUE INDEX "I x" ON "S p"."t ON" USING gin ("to" jsonb_path_ops, lower((b)::text) DESC)'
            " INCLUDE (c, \"d e\") NULLS NOT DISTINCT WITH (fillfactor='70', fastupdate=off)"
            " WHERE ((a > 1) AND (b <> '), ('::text))",
            IndexText(
                True,
                "gin",
                ('"to" jsonb_path_ops', "lower((b)::text) DESC"),
                ("c", "d e"),
                True,
                (("fillfactor", "70"), ("fastupdate", "off")),
                "(a > 1) AND (b <> '), ('::text)",
            ),
        ),
        ("CREATE INDEX i ON public.t USING btree (a) TABLESPACE fast", None),
        ("CREATE INDEX i ON ONLY public.t USING btree (a)", None),
    ],
)
def test_an_index(text: str, parts: IndexText | None) -> None:
    assert parse_index(text) == parts


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("CHECK ((n > 5))", "n > 5"),
        ("CHECK (((a > 1) OR (b > 2)))", "(a > 1) OR (b > 2)"),
        ("CHECK (((a)::text <> ')'::text))", "(a)::text <> ')'::text"),
        ("CHECK (is_ok(a))", "is_ok(a)"),
        ("CHECK ((n > 5)) NOT VALID", None),
        ("CHECK ((n > 5)) NO INHERIT", None),
        ("UNIQUE (a)", None),
    ],
)
def test_a_check(text: str, condition: str | None) -> None:
    assert parse_check(text) == condition


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("PRIMARY KEY (id)", KeyText("PRIMARY KEY", ("id",))),
        (
            'UNIQUE NULLS NOT DISTINCT (a, "B c") INCLUDE (d) DEFERRABLE INITIALLY DEFERRED',
            KeyText("UNIQUE", ("a", "B c"), ("d",), True, True, "DEFERRED"),
        ),
        (
            'FOREIGN KEY (a, b) REFERENCES "S p"."T.x"(c, d) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL (a)',
            KeyText(
                "FOREIGN KEY",
                ("a", "b"),
                target=("S p", "T.x"),
                target_columns=("c", "d"),
                match="FULL",
                onupdate="CASCADE",
                ondelete="SET NULL (a)",
            ),
        ),
        ("FOREIGN KEY (a) REFERENCES public.t(id) NOT VALID", None),
        ("PRIMARY KEY (id, span WITHOUT OVERLAPS)", None),
    ],
)
def test_a_key(text: str, parts: KeyText | None) -> None:
    assert parse_key(text) == parts
