"""A trainer on a GPU: the same script, the numbers of the CPU."""

import numpy as np
import pytest

import xdl
from tests.train.trained import Net, X, Y
from xdl.train import ClipGradNorm, EarlyStopping, Trainer, WeightAverage, batches

pytestmark = pytest.mark.gpu


def trained(device, on_device=False):
    """Return what three epochs come to, and predictions."""
    xdl.seed(0)
    with xdl.use_device(device):
        model = Net(drops=False)
        callbacks = [
            ClipGradNorm(0.5),
            WeightAverage(xdl.optim.EMA(model, 0.5)),
            EarlyStopping(),
        ]
        trainer = Trainer(
            model,
            xdl.SGD(model, 0.05, momentum=0.9),
            callbacks=callbacks,
            metrics=["accuracy", "f1"],
        )
        x = xdl.Variable(X).value if on_device else X
        data = batches(x, Y, 8, shuffle=True, seed=0)
        history = trainer.fit(data, batches(X, Y, 8), epochs=3)
        return history, trainer.predict(x), trainer


@pytest.mark.parametrize("on_device", [False, True])
def test_a_trainer_gives_the_numbers_of_the_cpu(on_device):
    history, expected, _ = trained("cpu")

    found, predicted, _ = trained("cuda", on_device)

    for one, other in zip(history, found, strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    np.testing.assert_allclose(predicted, expected, 1e-3, 1e-4)


def test_a_checkpoint_goes_on_on_the_other_device(tmp_path):
    history, _, trainer = trained("cuda")
    trainer.save(tmp_path / "last")
    _, _, other = trained("cpu")

    other.load(tmp_path / "last")

    assert history == other.history
    np.testing.assert_allclose(other.predict(X), trainer.predict(X), 1e-3, 1e-4)


def test_nan_is_reported_before_the_update():
    _, _, trainer = trained("cuda")
    x = X.copy()
    x[3] = np.nan

    with pytest.raises(xdl.NonFiniteError, match="epoch 4, batch 1: x holds NaN"):
        trainer.fit(batches(x, Y, 8), epochs=4)
