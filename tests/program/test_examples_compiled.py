"""The examples' own loops, compiled: the losses of eager, on every executor."""

import functools
import importlib.util

import numpy as np
import pytest

from tests.support.compared import differing
from tests.support.examples import noted

# How often the steps of each run as they are: twice for a shape of batches, and once
# for one that comes once.
LINES = {
    "characters.py --model gpt --steps 30": 2,
    "characters.py --model lstm --steps 30": 2,
    "digits.py --epochs 1 --batch-size 45": 3,
    "digits_models.py --model linear --epochs 1": 3,
    "digits_models.py --model mlp --epochs 1": 3,
    "digits_models.py --model cnn --epochs 1": 3,
    "gan.py --steps 30": 2,
    "tabular.py --epochs 3": 8,  # two models, two shapes each
}
STEPS = 30
every_line = pytest.mark.parametrize("line", LINES)
needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)


@pytest.fixture
def trained(monkeypatch, capsys):
    """Return a function that runs an example and returns it, Noted."""
    return functools.partial(noted, monkeypatch=monkeypatch, capsys=capsys)


@every_line
def test_an_example_trains_as_in_eager_to_the_bit(line, trained):
    eager = trained(line)

    replayed = trained(f"{line} --executor numpy")

    assert len(eager.losses) >= STEPS
    assert [] == differing(eager.losses, replayed.losses)
    assert eager.printed == replayed.printed
    assert LINES[line] == replayed.eager_calls


@needs_numba
@every_line
def test_an_example_trains_as_in_eager_on_numba(
    line, trained, monkeypatch, tmp_path_factory
):
    cache = tmp_path_factory.getbasetemp().parent / "xdl-numba"
    monkeypatch.setenv("XDL_CACHE", str(cache))
    eager = trained(line)

    native = trained(f"{line} --executor numba")

    np.testing.assert_allclose(native.losses, eager.losses, rtol=1e-4, atol=1e-6)
    assert native.eager_calls < STEPS / 3
