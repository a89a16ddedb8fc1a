"""Every public name that is promised: it is there, documented and checked."""

import pathlib

import pytest

import xdl
from tests.support.coverage_table import OTHER, PAGE, found, functions, is_documented
from tests.support.design_names import CLASSES, MISSING

TESTS = pathlib.Path(__file__).parent
NAMES = functions()  # what was there once stays
NAMES += [f"{space}.{name}".lstrip(".") for space in CLASSES for name in CLASSES[space]]
CHECKS = {
    f"{space}.{name}".lstrip("."): check
    for space, names in CLASSES.items()
    for name, check in names.items()
    if f"{space}.{name}".lstrip(".") not in MISSING
}
every_name = pytest.mark.parametrize("name", [n for n in NAMES if n not in MISSING])


@every_name
def test_name_is_there_and_documented_with_an_example(name):
    assert callable(found(name))
    assert is_documented(name)


@pytest.mark.parametrize("name", sorted(MISSING))
def test_name_that_is_not_there_yet_is_not_there(name):
    assert not hasattr(xdl, name)


@pytest.mark.parametrize("name", NAMES)
def test_page_has_a_line_for_the_name(name):
    assert f"\n| `{name}` | " in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CHECKS)
def test_check_of_a_name_is_a_function_or_a_test_that_mentions_it(name):
    check = CHECKS[name]
    if hasattr(xdl.ops, check):
        return
    file = check.split()[-1].removeprefix("tests/")
    path = TESTS / file if "/" in file or "tests/" in check else TESTS / "oracle" / file

    assert name.rpartition(".")[2] in path.read_text(encoding="utf-8")


def test_functions_of_the_package_are_promised_or_needed_beside():
    further = set(xdl.ops.__all__) - set(functions())

    assert OTHER == further, "write the page: python -m tests.support.coverage_table"
