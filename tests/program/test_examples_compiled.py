"""The examples' own loops, compiled: the losses of eager, on every executor."""

import importlib.util

import numpy as np
import pytest

from tests.support import examples
from tests.support.compared import arrays_of, differing
from tests.support.counted import Counted

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


class Noted:
    """An example that has run.

    Attributes:
        losses: what its steps returned, flat.
        steps: those that ran as they are, Counted.
        printed: what it printed.
    """

    def __init__(self, compiled):
        self.losses, self.steps, self.printed = [], [], None
        self._compiled = compiled

    def compiled(self, step, *state, executor):
        """Do what the examples' ``compiled`` does, and note what the steps return."""
        self.steps.append(Counted(step))
        call = self._compiled(self.steps[-1], *state, executor=executor)

        def call_and_note(*batch):
            returned = call(*batch)
            self.losses += arrays_of(returned)
            return returned

        return call_and_note

    @property
    def eager_calls(self):
        """How often the steps ran as they are."""
        return sum(step.calls for step in self.steps)


@pytest.fixture
def trained(monkeypatch, capsys):
    """Return a function that runs an example and returns it, Noted."""
    monkeypatch.syspath_prepend(examples.EXAMPLES)
    compiling = importlib.import_module("compiling")
    as_it_is = compiling.compiled

    def train(line):
        noted = Noted(as_it_is)
        monkeypatch.setattr(compiling, "compiled", noted.compiled)
        noted.printed = examples.run(line, monkeypatch, capsys)
        return noted

    return train


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
