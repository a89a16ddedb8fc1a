"""check_gradient finds wrong gradients, says where, and leaves no trace."""

import re

import numpy as np
import pytest

import xdl
from tests.support.strict import DEVICE1
from xdl.core.case import BadCase, Case
from xdl.testing import check_gradient, draw_inputs


class _Cube(xdl.Op):
    """Cube, with a gradient that is wrong by ``error(x)``."""

    def __init__(self, error):
        self.error = error

    def compute(self, xp, x):
        return x * x * x

    def gradient(self, xp, gy, x):
        return (gy * (3 * x * x + self.error(x)),)


class _DetachedSlope(xdl.Op):
    """Square; the slope in its gradient is a constant to a second differentiation."""

    def compute(self, xp, x):
        return x * x

    def gradient(self, xp, gy, x):
        slope = x.detach() if isinstance(x, xdl.Variable) else x
        return (gy * (2 * slope),)


def test_check_gradient_accepts_right_gradient():
    check_gradient(_Cube(lambda x: 0.0), [[0.5, -1.0], [2.0, 0.1]])


def test_check_gradient_names_input_and_gives_norms():
    x = xdl.Variable([1.0, 1.0], name="x")

    with pytest.raises(AssertionError) as caught:
        check_gradient(_Cube(lambda x: 4.0), x)

    message = str(caught.value)
    norms = [
        float(n) for n in re.findall(r"(?:difference|gradient) (\d[\d.]*)", message)
    ]
    assert message.startswith('check_gradient: input 0 "x" (2,): the gradient is not')
    np.testing.assert_allclose(np.divide(norms, norms[2]), [4 / 3, 7 / 3, 1], rtol=1e-5)


def test_check_gradient_shows_the_worst_element():
    wrong_at_the_second = _Cube(lambda x: np.asarray([0.0, 0.5, 0.0]))

    with pytest.raises(AssertionError, match=r"worst at \(1,\)"):
        check_gradient(wrong_at_the_second, np.ones(3))


def test_check_gradient_sees_errors_that_cancel_in_a_sum():
    errors = np.asarray([1.0, -1.0])

    with pytest.raises(AssertionError, match=r"input 0 \(2,\)"):
        check_gradient(_Cube(lambda x: errors), [1.0, 1.0])


def test_check_gradient_sees_a_missing_gradient():
    def loses_y(x, y):
        return x * y.detach()

    with pytest.raises(AssertionError, match=r"input 1 \(2,\).*there is none"):
        check_gradient(loses_y, [1.0, 2.0], [3.0, 4.0])


def test_check_gradient_sees_a_gradient_that_is_nan():
    with pytest.raises(AssertionError, match="of the gradient nan"):
        check_gradient(_Cube(lambda x: float("nan")), 1.0)


def test_check_gradient_of_second_order_sees_what_the_first_does_not():
    check_gradient(_DetachedSlope(), [1.0, 2.0])

    with pytest.raises(AssertionError, match=r"input 0 \(2,\)"):
        check_gradient(_DetachedSlope(), [1.0, 2.0], order=2)


def test_check_gradient_of_third_order_accepts_a_power():
    check_gradient(lambda x: x**4, [0.5, 1.5], order=3, step=1e-5, tolerance=1e-5)


def test_check_gradient_checks_every_output_of_a_tuple():
    wrong = _Cube(lambda x: 1.0)

    with pytest.raises(AssertionError, match="input 0"):
        check_gradient(lambda x: (x * 2, wrong(x)), [1.0, 2.0])


def test_check_gradient_passes_integers_none_and_frozen_variables_on():
    frozen = xdl.Variable([2.0, 3.0], trainable=False)
    seen = []

    def function(x, indices, nothing, factor):
        seen.append((indices.dtype, nothing, factor.trainable))
        return xdl.take(x, indices) * factor

    check_gradient(function, [1.0, 2.0], [1, 0], None, frozen)

    assert {(np.dtype(np.int64), None, False)} == set(seen)


def test_check_gradient_computes_in_float64():
    dtypes = []

    def function(x, y):
        dtypes.extend([x.dtype, y.dtype])
        return x * y

    check_gradient(function, np.float32(0.1), xdl.Variable([1.0, 2.0]))

    assert {np.dtype(np.float64)} == set(dtypes)


def test_check_gradient_keeps_the_digits_of_lists():
    seen = []

    def function(x):
        seen.append(x.item())
        return x * x

    check_gradient(function, 0.1)

    assert 0.1 == seen[0]


def test_check_gradient_leaves_given_variables_as_they_were():
    x = xdl.Variable([1.0, 2.0])
    (x * 3).sum().backward()

    check_gradient(lambda x: x * x, x, order=2)

    assert [1.0, 2.0] == x.numpy().tolist()
    assert [3.0, 3.0] == x.grad.tolist()


def test_check_gradient_stays_on_the_device():
    devices = []

    def function(x):
        devices.append(x.device)
        return xdl.exp(x)

    check_gradient(function, xdl.Variable([1.0, 2.0]).to(DEVICE1), order=2)

    assert {DEVICE1} == set(devices)


@pytest.mark.parametrize("order", [0, -1])
def test_check_gradient_refuses_order(order):
    with pytest.raises(xdl.ArgumentError, match="needed 1 or more"):
        check_gradient(lambda x: x, 1.0, order=order)


def test_draw_inputs_keeps_to_the_range():
    (x,) = draw_inputs(Case([(1000,)], low=0.25, high=0.5))

    assert 0.25 <= x.min() < 0.26
    assert 0.49 < x.max() <= 0.5


def test_draw_inputs_depends_on_seed_alone():
    case = BadCase([(3,), None, [1.5]], ValueError, "")

    first, nothing, literal = draw_inputs(case, "float32", seed=3)

    assert first.tolist() == draw_inputs(case, "float32", seed=3)[0].tolist()
    assert first.tolist() != draw_inputs(case, "float32", seed=4)[0].tolist()
    assert nothing is None
    assert literal.tolist() == [1.5]
