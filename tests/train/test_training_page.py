"""docs/training.md: its programs run, one after the other, and say what they show."""

import pathlib
import re

import pytest

import xdl.train
from xdl.train.metrics import NAMES

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "training.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_the_programs_of_the_page_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "page"}

    for code in BLOCKS:
        exec(compile(code, str(PAGE), "exec"), names)

    said = capsys.readouterr().out
    assert "20 batches are left of 22" in said
    assert "\nTrue\n" in said
    assert 0.9 < names["history"][-1]["val_accuracy"]


@pytest.mark.parametrize("name", sorted(xdl.train.__all__))
def test_the_page_names_all_that_there_is(name):
    assert name in TEXT


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_page_has_a_line_for_each_metric(name):
    assert f'"{name}"' in TEXT
