"""Arrays that are made of a few numbers."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, ShapeError, Variable
from xdl.testing import check_gradient


@pytest.mark.parametrize("num", [0, 1, 2, 7, 50])
@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (3.0, -2.5), (-1, 4)])
def test_linspace_gives_the_numbers_of_numpy(start, stop, num):
    y = xdl.linspace(Variable(float(start), dtype="float64"), stop, num)

    assert y.dtype == "float64"
    np.testing.assert_allclose(y.numpy(), np.linspace(start, stop, num), 1e-14, 1e-15)


def test_linspace_of_whole_numbers_has_the_default_dtype_and_its_ends():
    y = xdl.linspace(2, 5, 11)

    assert ("float32", 2.0, 5.0) == (y.dtype, y[0].item(), y[-1].item())


def test_linspace_of_arrays_has_their_axes_after_its_own(rng):
    start, stop = rng.standard_normal((2, 1)), rng.standard_normal(3)

    y = xdl.linspace(Variable(start), Variable(stop), 4)

    np.testing.assert_allclose(y.numpy(), np.linspace(start, stop, 4), rtol=1e-14)


@pytest.mark.parametrize("order", [1, 2])
def test_gradients_of_linspace_are_those_of_its_formula(order, rng):
    ends = Variable(rng.standard_normal((2, 1))), Variable(rng.standard_normal(3))

    check_gradient(lambda a, b: xdl.linspace(a, b, 4), *ends, order=order)


@pytest.mark.parametrize(
    ("start", "num", "error", "says"),
    [
        (0.0, -1, ArgumentError, "num -1 came, needed an int >= 0"),
        (0.0, 2.5, ArgumentError, "num 2.5 came"),
        (np.zeros(2), 3, ShapeError, "do not broadcast"),
    ],
)
def test_linspace_refuses_what_has_no_numbers(start, num, error, says):
    with pytest.raises(error, match=says):
        xdl.linspace(start, np.ones(3), num)
