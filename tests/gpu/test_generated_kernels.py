"""Generated kernels against NumPy, unit by unit of recorded steps, on the GPU."""

import importlib

import numpy as np
import pytest

import xdl
from tests.host_gpu import report
from tests.host_gpu.watch import is_there
from tests.optim.every import EVERY
from tests.support.lowered import Both, Units, assert_close, program_of, units_of
from xdl import models, nn, optim

CLOSE = 2e-5
# What cuBLAS, checks of the whole step and the random bits of a stream are for.
LEFT = {"matmul", "check_indices", "refuse_non_finite", "random_bits"}
LEFT |= {"convolution", "convolution_by_input", "convolution_by_weight"}


def _rows(rng):
    return rng.standard_normal((8, 5)).astype("f4"), rng.integers(0, 3, 8)


def _tokens(rng):
    return rng.integers(0, 7, (2, 6)), rng.integers(0, 7, (2, 6))


def _images(rng):
    return rng.standard_normal((4, 1, 8, 8)).astype("f4"), rng.integers(0, 3, 4)


def _sequences(rng):
    return rng.standard_normal((4, 5, 3)).astype("f4"), rng.integers(0, 2, 4)


class _Normed(xdl.Model):
    """Images through batch norms, of four axes and of two."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 4, 3),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(36, 8),
            nn.BatchNorm1d(8),
            nn.GELU(),
            nn.Linear(8, 3),
        )
        self.loss_ops = nn.SoftmaxLoss()

    def forward(self, x):
        self.output = self.layers(x)
        return self.output


class _Plain(xdl.Model):
    """Two affine layers of weights with two axes, which every optimizer takes."""

    def __init__(self):
        super().__init__()
        self.layers = [nn.Linear(5, 6, bias=False), nn.Linear(6, 3, bias=False)]
        self.loss_ops = nn.SoftmaxLoss()

    def forward(self, x):
        self.output = self.layers[1](xdl.tanh(self.layers[0](x)))
        return self.output


MODELS = {
    "linear": (lambda: models.LinearModel(5, 3), _rows, optim.SGD),
    "MLP": (lambda: models.MLP([5, 8, 6, 3], dropout=0.4), _rows, optim.SGD),
    "LeNet": (
        lambda: models.LeNet(classes=3, size=8, window=3, widths=(2, 4, 8, 6)),
        _images,
        optim.Adam,
    ),
    "ResNet": (
        lambda: models.ResNet(channels=1, classes=3, width=2, blocks=(1, 1)),
        _images,
        optim.Adam,
    ),
    "batch norm": (_Normed, _images, optim.AdamW),
    "LSTM": (lambda: models.RNNClassifier(3, 4, classes=2), _sequences, optim.Adam),
    "GRU": (
        lambda: models.RNNClassifier(3, 4, 2, nn.GRU, bidirectional=True, layers=2),
        _sequences,
        optim.Adam,
    ),
    "language model": (
        lambda: models.LSTMLanguageModel(7, 6, layers=2, dropout=0.2, tied=True),
        _tokens,
        optim.Adam,
    ),
    "GPT": (
        lambda: models.GPT(7, context=6, size=8, heads=2, layers=2, dropout=0.1),
        _tokens,
        optim.AdamW,
    ),
}
STEPS = {
    **MODELS,
    **{f"optim.{name}": (_Plain, _rows, make) for name, make in EVERY.items()},
}


def _training(name, together=False):
    """Return the Program of a training step."""
    make, draw, make_optimizer = STEPS[name]
    with xdl.use_device("cpu"):
        xdl.seed(0)
        model = make()
        optimizer = make_optimizer(model)

    def step(x, target):
        model.forward(x)
        loss = model.loss(target)
        model.backward()
        optimizer.update()
        return loss

    given = draw(np.random.default_rng(0))
    sources = model, optimizer
    return program_of(step, *given, sources=sources, together=together)


def _assert_units_agree(units, is_nasty=False):
    cupy = importlib.import_module("cupy")
    module = units.compiled(cupy)
    for seed, (unit, taken, kernels) in enumerate(units.kernels):
        both = Both(unit, taken, kernels, is_nasty, seed)
        expected = both.expected()
        assert_close(expected, both.actual(cupy, module), CLOSE)


@pytest.mark.gpu
@pytest.mark.parametrize("name", STEPS)
def test_the_kernels_of_a_step_give_what_numpy_does(name):
    units = Units(units_of(_training(name)))

    _assert_units_agree(units)
    _assert_units_agree(units, is_nasty=True)


@pytest.mark.gpu
@pytest.mark.parametrize("name", STEPS)
def test_kernels_write_over_what_they_have_read(name):
    units = Units(units_of(_training(name)), over=True)

    assert units.kernels
    _assert_units_agree(units)


@pytest.mark.gpu
@pytest.mark.parametrize("name", STEPS)
def test_groups_that_need_nothing_of_one_another_are_one_launch(name):
    apart = Units(units_of(_training(name)))

    together = Units(units_of(_training(name, together=True)))

    _assert_units_agree(together)
    assert together.launches < apart.launches
    assert together.left == apart.left


@pytest.mark.gpu
@pytest.mark.parametrize("name", STEPS)
def test_a_step_leaves_little_that_has_no_kernel(name):
    units = Units(units_of(_training(name)))

    assert set() == set(units.left) - LEFT


@pytest.mark.gpu
@pytest.mark.skipif(not is_there(), reason="the host GPU has NVRTC's word")
@pytest.mark.parametrize("name", ["GPT", "language model", "ResNet", "optim.LAMB"])
def test_kernels_take_few_registers_and_spill_none(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOST_GPU_MET", str(tmp_path))
    cupy = importlib.import_module("cupy")
    units = Units(units_of(_training(name)))

    cupy.RawModule(code=units.source() + "\n// met\n").compile()

    (records,) = report.met(tmp_path).values()
    assert set(units.all_there) <= {n for record in records for n in record["names"]}
    assert max(record["registers"] for record in records) <= 128
    assert 0 == sum(record["spills"] for record in records)
