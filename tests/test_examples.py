"""The examples, run with few steps."""

import functools
import re

import pytest

from tests.support import examples

LINES = [
    "characters.py --model gpt --steps 4",
    "characters.py --model lstm --steps 8",
    "digits.py --epochs 1 --batch-size 16",
    "digits_models.py --model linear --epochs 2",
    "digits_models.py --model mlp --epochs 2",
    "digits_models.py --model cnn --epochs 1",
    "estimators.py --epochs 1",
    "gan.py --steps 20",
    "many_models.py --rates 2 --alphas 2 --folds 2 --epochs 2",
    "tabular.py --epochs 2",
]
every_line = pytest.mark.parametrize("line", LINES)


@pytest.fixture
def run(monkeypatch, capsys):
    """Return a function that runs an example and returns what it prints."""
    return functools.partial(examples.run, monkeypatch=monkeypatch, capsys=capsys)


@every_line
def test_an_example_prints_the_same_when_it_runs_again(line, run):
    assert run(line) == run(line)


def test_another_seed_prints_something_else(run):
    line = "digits_models.py --model linear --epochs 2 --seed "

    assert run(line + "0") != run(line + "1")


def test_estimators_draw_curves_the_grid_and_calibration(run, tmp_path):
    picture = tmp_path / "estimators.svg"

    run(f"estimators.py --epochs 2 --plot {picture}")

    drawn = picture.read_text(encoding="utf-8")
    texts = re.findall(r"<!-- (.*?) -->", drawn, re.S)  # matplotlib notes what it drew
    assert {"Epoch", "Loss", "Validation score", "Classifier: loss"} <= set(texts)
    assert {"optimizer__lr", "module__channels", "calibrated"} <= set(texts)
    assert 4 == sum(bool(re.fullmatch(r"0\.\d{4}", text)) for text in texts)


def test_many_models_draw_the_grid_and_a_loss_for_each_rate(run, tmp_path):
    picture = tmp_path / "many.svg"

    run(f"many_models.py --rates 3 --alphas 2 --folds 2 --epochs 2 --plot {picture}")

    drawn = picture.read_text(encoding="utf-8")
    texts = set(re.findall(r"<!-- (.*?) -->", drawn, re.S))
    assert {"learning_rate_init", "alpha", "accuracy"} <= texts
    assert {"lr 0.0001", "lr 0.003", "lr 0.1"} <= texts


def test_every_example_is_here():
    shared = {"compiling.py", "plotting.py"}
    written = {path.name for path in examples.EXAMPLES.glob("*.py")} - shared

    assert written == {line.partition(" ")[0] for line in LINES}


@pytest.mark.parametrize("name", ["nimba", ""])
def test_an_executor_that_does_not_exist_is_refused_in_one_sentence(name, run, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(f"gan.py --executor={name}")

    last = capsys.readouterr().err.splitlines()[-1]
    assert 2 == stopped.value.code
    assert f"argument --executor: compile: executor '{name}' came, needed one" in last
