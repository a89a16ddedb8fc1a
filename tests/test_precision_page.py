"""docs/precision.md: its programs run, and it names what there is."""

import pathlib
import re

import pytest

from tests.support.operations import with_cases
from xdl.core.mode import _mode

PAGE = pathlib.Path(__file__).parents[1] / "docs" / "precision.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}

    for code in BLOCKS:
        exec(compile(code, str(PAGE), "exec"), names)

    assert "float32 True\nTrue True\n" == capsys.readouterr().out
    assert _mode.get() is None


@pytest.mark.parametrize(
    "name", ["matmul", "linear", "einsum", "conv1d", "conv2d", "conv3d", "rnn", "lstm"]
)
def test_what_the_page_says_to_be_rounded_multiplies(name):
    multiplies = {cls.__name__.lower() for cls in with_cases() if cls.multiplies}

    assert f"`{name}`" in TEXT
    assert name in multiplies
