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
    "expressions: another expression",
    "indexes: an index",
    "keys: a foreign key",
    "renames: a column with an index and a unique constraint",
    "renames: a table and a column in it",
    "tables: a new table that refers to an old one",
    "types: int to bigint",
)
CASES: Final = [case for case in all_cases() if f"{case.kind}: {case.name}" in SLICE]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench.open(tmp_path_factory.mktemp("corpus"), "ours") as bench:
        yield bench


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.style}-{case.name}")
def test_a_change_of_models_is_handed_over_right_and_safe(bench: Bench, case: Case) -> None:
    outcome, reason = bench.run(case)
    assert (outcome, reason if outcome != "right and safe" else "") == ("right and safe", "")


def test_each_name_is_that_of_a_case() -> None:
    assert {f"{case.kind}: {case.name}" for case in CASES} == set(SLICE)


def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    """Alembic's own autogenerate drops the values of a renamed column, and locks for an index."""
    cases = {f"{each.kind}: {each.name}": each for each in CASES if each.style == "sqlalchemy"}
    with Bench.open(tmp_path, "stock") as bench:
        assert bench.run(cases["indexes: an index"])[0] == "right, not safe"
        assert bench.run(cases["renames: a table and a column in it"])[0] == "wrong"
        assert bench.run(cases["columns: a nullable column"])[0] == "right and safe"
