"""README and docs/performance.md say what benchmarks/results/ holds."""

import pathlib

import pytest

from benchmarks import figures

ROOT = pathlib.Path(__file__).parents[1]
TABLES = {
    "one thread": lambda: figures.ratios(1),
    "two threads": lambda: figures.ratios(2),
    "memory": figures.memory,
    "by hand": figures.by_hand,
}


def _words(page):
    return " ".join((ROOT / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_the_page_is_that_of_the_results(table):
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")

    assert "\n".join(TABLES[table]()) in page


def test_the_costs_on_the_page_are_those_of_the_results():
    assert figures.cost() in _words("docs/performance.md")


def test_the_sentence_of_readme_is_that_of_the_results():
    assert figures.sentence() in _words("README.md")
