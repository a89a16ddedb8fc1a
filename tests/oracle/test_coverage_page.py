"""docs/coverage.md says what is there; ``python -m tests.coverage_table`` writes it."""

from tests import coverage_table
from tests.oracle.comparison import torch  # noqa: F401  (skips without PyTorch)


def test_the_page_is_current():
    assert coverage_table.page() == coverage_table.PAGE.read_text(encoding="utf-8")
