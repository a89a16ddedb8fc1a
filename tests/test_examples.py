"""The examples, run with few steps: on the CPU, and unchanged on a stand-in GPU."""

import pathlib
import runpy
import sys

import pytest

import xdl
from tests.backend import fake_cupy

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
LINES = [
    "characters.py --model gpt --steps 4",
    "characters.py --model lstm --steps 4",
    "digits.py --epochs 1 --batch-size 16",
    "digits_models.py --model linear --epochs 2",
    "digits_models.py --model mlp --epochs 2",
    "digits_models.py --model cnn --epochs 1",
    "gan.py --steps 20",
    "tabular.py --epochs 2",
]
every_line = pytest.mark.parametrize("line", LINES)


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs an example and returns what it prints."""

    def run_and_read(line):
        name, *options = line.split()
        monkeypatch.setattr(sys, "argv", [name, *options])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run_and_read


@every_line
def test_an_example_prints_the_same_wherever_it_runs(line, run):
    on_the_cpu = run(line)

    with fake_cupy.installed(), xdl.use_device("cuda"):
        on_a_gpu = run(line)
        waits = len(fake_cupy.waits)  # of the host for the GPU

    assert waits
    assert on_the_cpu == on_a_gpu


def test_another_seed_prints_something_else(run):
    line = "digits_models.py --model linear --epochs 2 --seed "

    assert run(line + "0") != run(line + "1")


def test_every_example_is_here():
    written = {path.name for path in EXAMPLES.glob("*.py")} - {"plotting.py"}

    assert written == {line.partition(" ")[0] for line in LINES}
