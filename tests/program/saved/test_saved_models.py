"""Models whose programs are saved: batches of other sizes as in eager code."""

import numpy as np
import pytest

import xdl
from tests.program.test_models_compiled import MODELS
from tests.support.batched import rows
from tests.support.saved import differing, loaded
from xdl import nn
from xdl.program import compile


def _batch(model, draw, n):
    """Return the arguments of a model's step for a batch of n."""
    few = draw(np.random.default_rng(n))
    picked = np.random.default_rng(n).integers(0, len(few[0]), n)
    return [np.asarray(a)[picked] for a in few]


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_training_step_takes_batches_of_all_sizes(name, tmp_path):
    make, draw = MODELS[name]
    xdl.seed(1)
    model = make()
    optimizer = xdl.SGD(model, lr=0.05, momentum=0.9)

    def step(*arguments):
        *x, target = arguments
        model.forward(*x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    fast = compile(step, model, optimizer)
    fast(*_batch(model, draw, 8))
    module = loaded(fast.program, tmp_path / "step.py")
    draws = (lambda i: {"key": 5, "draw": i * module.draws}) if module.draws else None

    xdl.seed(5)
    sizes = (8, 64, 1, 7, 100, 2)
    expected = [step(*_batch(model, draw, n)) for n in sizes]
    found = [
        module.step(*_batch(model, draw, n), **(draws(i) if draws else {}))
        for i, n in enumerate(sizes)
    ]

    assert [] == differing(expected, found, rtol=2e-4)


@pytest.mark.parametrize("name", ["MLP with dropout", "LeNet", "LSTM", "GPT"])
def test_a_saved_prediction_takes_batches_of_all_sizes(name, tmp_path):
    make, draw = MODELS[name]
    xdl.seed(1)
    model = make().eval()
    fast = compile(model)
    fast(*_batch(model, draw, 64)[:-1])

    module = loaded(fast.program, tmp_path / "predict.py")

    batches = [_batch(model, draw, n)[:-1] for n in (1, 7, 64, 100, 3, 2000)]
    expected = [model(*batch) for batch in batches]
    assert [] == differing(expected, [module.step(*batch) for batch in batches])


def test_batch_norm_in_training_counts_the_given_rows(tmp_path):
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4))
    fast = compile(model)
    fast(rows(8))
    module = loaded(fast.program, tmp_path / "step.py")

    expected = [model(rows(n)) for n in (7, 64, 2)]
    found = [module.step(rows(n)) for n in (7, 64, 2)]

    assert [] == differing(expected, found)
    statistics = {name: v for name, v in model.parameter.items() if "running" in name}
    saved = {name: module.state[name.replace("/", "_")] for name in statistics}
    assert [] == differing(statistics, saved)
    with pytest.raises(ValueError, match="x has n = 1, needed 2 or more"):
        module.step(rows(1))
