"""The examples, unchanged on a GPU: they print what they print on the CPU."""

import functools

import pytest

import xdl
from tests.support import examples
from tests.test_examples import every_line


@pytest.mark.gpu
@every_line
def test_an_example_prints_the_same_wherever_it_runs(line, monkeypatch, capsys):
    pytest.importorskip("sklearn")
    run = functools.partial(examples.run, monkeypatch=monkeypatch, capsys=capsys)
    with xdl.use_device("cpu"):
        expected = run(line)

    actual = run(line)

    assert expected == actual
