"""An array that a product and its gradient read is rounded once."""

import numpy as np
import pytest

import xdl
from tests.support.executors import every_executor
from xdl import Variable

A, B, V = (np.random.default_rng(i).standard_normal((6, 6), "f4") for i in range(3))


def _step(x, w):
    @xdl.autocast("bfloat16")
    def step(a):
        loss = xdl.sum(xdl.tanh((a + x) @ w))
        loss.backward()
        gradients = x.grad * 1.0, w.grad * 1.0
        x.clear_grad()
        w.clear_grad()
        return loss, *gradients

    return step


@every_executor
def test_each_input_of_a_product_is_rounded_once_for_forward_and_backward(executor):
    x, w = Variable(B), Variable(V)
    step = xdl.compile(_step(x, w), x, w, executor=executor)

    step(A)

    names = [one.name for one in step.program.instructions]
    inner = [i.name for g in step.program.instructions for i in getattr(g, "inner", ())]
    assert 3 == [*names, *inner].count("round_to_bfloat16")  # both, and a gradient


def test_the_numbers_are_eagers_to_the_bit():
    x, w = Variable(B), Variable(V)
    step = _step(x, w)
    expected = step(A)
    compiled = xdl.compile(step, x, w, executor="numpy")

    for _ in range(3):
        found = compiled(A)

        for a, b in zip(expected, found, strict=True):
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


@pytest.mark.parametrize("axes", [(1, 0, 2), (2, 1, 0), (0, 2, 1)])
def test_any_order_of_the_axes_is_a_view_of_what_was_rounded(axes):
    x = Variable(np.random.default_rng(3).standard_normal((4, 4, 4), "f4"))

    @xdl.autocast("bfloat16")
    def step(y):
        return xdl.permute_dims(x, axes) @ y, x @ y

    expected = step(A[:4, :4])
    compiled = xdl.compile(step, x)

    for a, b in zip(expected, compiled(A[:4, :4]), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert 2 == str(compiled.program).count("round_to_bfloat16(")
