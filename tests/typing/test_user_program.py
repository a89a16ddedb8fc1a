"""Type checkers understand what users write, and little is hidden from them."""

import pathlib
import re
import subprocess
import sys

import pytest

import xdl
from tests.typing import user_program

PROGRAM = pathlib.Path(user_program.__file__)
PACKAGE = pathlib.Path(xdl.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))
SHOWN = PROGRAM.read_text().count(" reveal_type(")
# They may only fall.
IGNORES, ANYS, UNTYPED = 0, 0, 0


def _revealed(text, pattern):
    """Return the types that a checker showed."""
    return re.findall(pattern, text)


def _run(*command):
    root = PACKAGE.parent
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_the_program_runs():
    user_program.main()


def test_mypy_understands_the_program():
    pytest.importorskip("mypy")

    found = _run(sys.executable, "-m", "mypy", "--strict", str(PROGRAM))

    types = _revealed(found.stdout, r'Revealed type is "(.*)"')
    errors = [line for line in found.stdout.splitlines() if "error:" in line]
    assert [] == [line for line in errors if PROGRAM.name in line]
    assert SHOWN == len(types)
    assert "Any" not in types


def test_pyright_understands_the_program():
    pytest.importorskip("pyright")

    found = _run(sys.executable, "-m", "pyright", str(PROGRAM))

    types = _revealed(found.stdout, r'Type of ".*" is "(.*)"')
    assert "0 errors, 0 warnings" in found.stdout, found.stdout
    assert SHOWN == len(types)
    assert not {"Any", "Unknown"} & set(types)
