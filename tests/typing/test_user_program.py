"""Type checkers understand what users write."""

import pathlib
import re
import subprocess
import sys

import pytest

from tests.typing import user_program

PROGRAM = pathlib.Path(user_program.__file__)
ROOT = PROGRAM.parents[2]
SHOWN = PROGRAM.read_text(encoding="utf-8").count(" reveal_type(") - 1  # its own


def _said_by(*command):
    """Return what a checker says of the program."""
    parts = [sys.executable, "-m", *command, str(PROGRAM.relative_to(ROOT))]
    return subprocess.run(parts, cwd=ROOT, capture_output=True, text=True).stdout


def test_the_program_runs():
    user_program.main()


def test_mypy_finds_no_fault_and_knows_every_type():
    pytest.importorskip("mypy")

    said = _said_by("mypy", "--strict")

    faults = [line for line in said.splitlines() if ": error:" in line]
    types = re.findall(r'Revealed type is "(.*)"', said)
    assert [] == [line for line in faults if PROGRAM.name in line]
    assert SHOWN == len(types)
    assert "Any" not in types


def test_pyright_finds_no_fault_and_knows_every_type():
    pytest.importorskip("pyright")

    said = _said_by("pyright")

    types = re.findall(r'Type of ".*" is "(.*)"', said)
    assert "0 errors, 0 warnings" in said, said
    assert SHOWN == len(types)
    assert not {"Any", "Unknown"} & set(types)
