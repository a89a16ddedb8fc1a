"""docs/tour.md and docs/new-operation.md show what is there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
TOUR = (ROOT / "docs" / "tour.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`((?:xdl|examples)/[\w/]+\.py)`", TOUR)))
STOPS = sorted(set(re.findall(r"`(xdl/[\w/]+\.py)`: `(\w+)`", TOUR)))


def test_the_tour_has_its_stops():
    assert len(STOPS) >= 20


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_the_tour_names_exists(path):
    assert (ROOT / path).is_file()


@pytest.mark.parametrize(("path", "name"), STOPS)
def test_what_the_tour_looks_at_is_made_in_its_file(path, name):
    text = (ROOT / path).read_text(encoding="utf-8")

    assert re.search(rf"^ *(class|def) {name}\b|^{name}\b.* = ", text, re.MULTILINE)


NEW_OPERATION = (ROOT / "docs" / "new-operation.md").read_text(encoding="utf-8")
PLACES = ("xdl/ops/activation/hard.py", "xdl/ops/exports.py")
BLOCKS = re.findall(r"```python\n(.*?)```", NEW_OPERATION, re.S)


def test_the_code_of_the_new_operation_is_that_of_its_files():
    text = "".join((ROOT / path).read_text() for path in PLACES)

    assert 3 == len(BLOCKS)
    assert [] == [block for block in BLOCKS if block not in text]
