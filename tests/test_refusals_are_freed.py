"""What an operation refuses is freed with the error, by reference count alone."""

import gc
import weakref

import numpy as np
import pytest

import xdl
from tests.support.operations import with_cases
from xdl.core.case import BadCase
from xdl.testing import draw_inputs


@pytest.fixture
def no_collector():
    """Switch Python's collector of reference cycles off."""
    gc.disable()
    yield
    gc.enable()


def _bad_cases():
    return [
        pytest.param(op_class, case, id=f"{op_class.__name__}-{i}")
        for op_class in with_cases()
        for i, case in enumerate(op_class.cases)
        if type(case) is BadCase
    ]


def _refused(call, *given):
    """Call what raises an error, and forget the error."""
    try:
        call(*given)
    except Exception:
        return
    pytest.fail("nothing was refused")


@pytest.mark.parametrize(("op_class", "case"), _bad_cases())
def test_what_an_operation_refuses_is_freed_with_the_error(
    op_class, case, no_collector
):
    arrays = draw_inputs(case, "float32")
    inputs = [a if a is None else xdl.Variable(a, trainable=False) for a in arrays]
    kept = [weakref.ref(x) for x in inputs if x is not None]

    _refused(lambda *given: op_class(**case.options)(*given), *inputs)
    del inputs

    assert all(ref() is None for ref in kept)


@pytest.mark.parametrize("executor", ["eager", "numpy"])
def test_a_refused_batch_is_freed_with_the_error(executor, no_collector):
    model = xdl.models.LinearModel(4, 3)
    optimizer = xdl.SGD(model, lr=0.1)

    def step(x, target):
        loss = xdl.softmax_cross_entropy(model.forward(x), target)
        model.output = None
        loss.backward()
        optimizer.update()
        return loss

    if executor != "eager":
        step = xdl.compile(step, model, optimizer, executor=executor)
        for _ in range(3):
            step(np.ones((8, 4), np.float32), np.zeros(8, int))
    x = np.ones((8, 4), np.float32)
    given = [xdl.Variable(x, trainable=False), np.full(8, 7)]
    kept = weakref.ref(given[0])

    _refused(step, *given)
    del given

    assert kept() is None
