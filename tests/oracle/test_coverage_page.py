"""docs/coverage.md says what is there, as tests.support.coverage_table writes it."""

from tests.oracle.comparison import torch  # noqa: F401  (skips without PyTorch)
from tests.support import coverage_table


def test_the_page_is_current():
    assert coverage_table.page() == coverage_table.PAGE.read_text(encoding="utf-8")
