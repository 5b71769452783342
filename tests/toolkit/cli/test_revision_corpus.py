"""A slice of the corpus that `tests/benchmarks/revision.py` runs in whole: right and safe."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from benchmarks.corpus import Case, all_cases
from benchmarks.corpus.judge import Bench

SLICE: Final = (
    "columns: a nullable column",
    "columns: a required column that is filled from another",
    "columns: a column dropped on which a generated one stands",
    "constraints: the text of a CHECK",
    "enums: a value added at the end",
    "constraints: a table with an exclusion constraint",
    "constraints: a unique constraint with NULLS NOT DISTINCT",
    "expressions: a column with a sequence",
    "expressions: a generated column made plain",
    "expressions: a virtual column added",
    "expressions: another virtual expression",
    "indexes: an index",
    "keys: a column added to the primary key",
    "keys: a foreign key",
    "keys: a primary key added",
    "keys: a primary key dropped",
    "renames: a column with an index and a unique constraint",
    "renames: a table and a column in it",
    "tables: a new table that refers to an old one",
    "types: a collation",
)
# Right, and marked in the revision as what writes every row under a lock.
REWRITTEN: Final = (
    "enums: an enum that becomes a text",
    "expressions: a plain column made generated",
    "expressions: another expression with its index",
    "types: an interval's fields",
)
CASES: Final = [case for case in all_cases() if f"{case.kind}: {case.name}" in SLICE]
REWRITES: Final = [case for case in all_cases() if f"{case.kind}: {case.name}" in REWRITTEN]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench.open(tmp_path_factory.mktemp("corpus"), "ours") as bench:
        yield bench


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.style}-{case.name}")
def test_a_change_of_models_is_handed_over_right_and_safe(bench: Bench, case: Case) -> None:
    outcome, reason = bench.run(case)
    assert (outcome, reason if outcome != "right and safe" else "") == ("right and safe", "")


@pytest.mark.parametrize("case", REWRITES, ids=lambda case: f"{case.style}-{case.name}")
def test_a_change_that_writes_the_table_anew_is_right_and_marked(bench: Bench, case: Case) -> None:
    outcome, reason = bench.run(case)
    assert outcome == "right, not safe", reason
    assert reason.endswith("the table is written anew")


def test_each_name_is_that_of_a_case() -> None:
    names = {f"{case.kind}: {case.name}" for case in [*CASES, *REWRITES]}
    assert names == {*SLICE, *REWRITTEN}


def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    """Alembic's own autogenerate drops the values of a renamed column, and locks for an index."""
    cases = {f"{each.kind}: {each.name}": each for each in CASES if each.style == "sqlalchemy"}
    with Bench.open(tmp_path, "stock") as bench:
        assert bench.run(cases["indexes: an index"])[0] == "right, not safe"
        assert bench.run(cases["renames: a table and a column in it"])[0] == "wrong"
        assert bench.run(cases["columns: a nullable column"])[0] == "right and safe"
