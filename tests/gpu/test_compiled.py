"""Steps that are compiled into one CUDA graph, against eager on the CPU."""

import numpy as np
import pytest

import xdl
from tests.optim.every import every_optimizer
from tests.program.test_models_compiled import MODELS, NoBias, Training, _adam, _rows
from tests.support.operations import cases_of
from tests.support.trained import trained

pytestmark = pytest.mark.gpu
STEPS = 30
every_gradient = pytest.mark.parametrize(
    ("op_class", "case"), cases_of(has=lambda op_class, case: op_class.gradient)
)


def _losses(make, draw, make_optimizer, device, executor=None):
    with xdl.use_device(device):
        training = Training(make, draw, make_optimizer, executor)
        return training.train(STEPS).losses


@pytest.mark.parametrize("name", MODELS)
def test_every_model_trains_as_eager_does_on_the_cpu(name):
    make, draw = MODELS[name]
    expected = _losses(make, draw, _adam, "cpu")

    actual = _losses(make, draw, _adam, "cuda", "cuda")

    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=1e-4)


@every_optimizer
def test_every_optimizer_trains_as_eager_does_on_the_cpu(make):
    def make_optimizer(model):
        return make(model, lr=0.01)

    expected = _losses(NoBias, _rows, make_optimizer, "cpu")

    actual = _losses(NoBias, _rows, make_optimizer, "cuda", "cuda")

    np.testing.assert_allclose(actual, expected, rtol=2e-3, atol=1e-4)


@every_gradient
def test_every_operation_has_the_numbers_and_gradients_of_the_cpu(op_class, case):
    with xdl.use_device("cpu"):
        expected, _ = trained(op_class, case, "float32")

    actual, _ = trained(op_class, case, "float32", "cuda")

    for a, b in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)
