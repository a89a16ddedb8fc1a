"""The axes 0 and -1 of a single number: taken where NumPy takes them."""

import numpy as np
import pytest
import scipy.special

import xdl
from tests.support.strict import CPU
from xdl import ArgumentError, ShapeError, Variable

X = 3.0
# Every function that takes an axis, ours and NumPy's or SciPy's.
PAIRS = {
    "all": (xdl.all, np.all),
    "any": (xdl.any, np.any),
    "argmax": (xdl.argmax, np.argmax),
    "argmin": (xdl.argmin, np.argmin),
    "argsort": (xdl.argsort, np.argsort),
    "concat": (lambda x, axis: xdl.concat([x, x], axis), None),
    "cumulative_prod": (xdl.cumulative_prod, np.cumprod),
    "cumulative_sum": (xdl.cumulative_sum, np.cumsum),
    "diff": (lambda x, axis: xdl.diff(x, axis=axis), None),
    "expand_dims": (xdl.expand_dims, np.expand_dims),
    "flip": (xdl.flip, np.flip),
    "log_softmax": (xdl.log_softmax, scipy.special.log_softmax),
    "logsumexp": (xdl.logsumexp, scipy.special.logsumexp),
    "max": (xdl.max, np.max),
    "mean": (xdl.mean, np.mean),
    "min": (xdl.min, np.min),
    "moveaxis": (lambda x, axis: xdl.moveaxis(x, axis, axis), None),
    "norm": (xdl.norm, lambda x, axis: np.linalg.norm(x, axis=axis)),
    "norm, ord 1": (lambda x, axis: xdl.norm(x, axis, ord=1), None),
    "norm, ord inf": (lambda x, axis: xdl.norm(x, axis, ord=np.inf), None),
    "prod": (xdl.prod, np.prod),
    "repeat": (
        lambda x, axis: xdl.repeat(x, 2, axis),
        lambda x, axis: np.repeat(x, 2, axis),
    ),
    "roll": (
        lambda x, axis: xdl.roll(x, 1, axis),
        lambda x, axis: np.roll(x, 1, axis),
    ),
    "softmax": (xdl.softmax, scipy.special.softmax),
    "sort": (xdl.sort, np.sort),
    "split": (lambda x, axis: xdl.split(x, 1, axis), None),
    "squeeze": (xdl.squeeze, np.squeeze),
    "stack": (lambda x, axis: xdl.stack([x, x], axis), None),
    "std": (xdl.std, np.std),
    "sum": (xdl.sum, np.sum),
    "swapaxes": (lambda x, axis: xdl.swapaxes(x, axis, axis), None),
    "take": (
        lambda x, axis: xdl.take(x, 0, axis),
        lambda x, axis: np.take(x, 0, axis),
    ),
    "take_along_axis": (lambda x, axis: xdl.take_along_axis(x, 0, axis), None),
    "topk": (lambda x, axis: xdl.topk(x, 1, axis), None),
    "unstack": (lambda x, axis: xdl.unstack(x, axis), None),
    "var": (xdl.var, np.var),
    "vecdot": (lambda x, axis: xdl.vecdot(x, x, axis=axis), None),
}
REFUSED = {
    "mean",
    "var",
    "std",
    "norm",
    "norm, ord 1",
    "norm, ord inf",
    "sort",
    "flip",
    "roll",
    "concat",
    "diff",
    "moveaxis",
    "split",
    "swapaxes",
    "take_along_axis",
    "topk",
    "unstack",
    "vecdot",
}
NOT_COMPARED = {"stack"}  # its axis is that of the result
TAKEN = sorted(PAIRS.keys() - REFUSED - NOT_COMPARED)
every_axis = pytest.mark.parametrize("axis", [0, -1])


@every_axis
@pytest.mark.parametrize("name", TAKEN)
def test_an_axis_of_a_number_gives_what_it_gives_in_numpy(name, axis):
    ours, theirs = PAIRS[name]
    expected, x = theirs(np.array(X), axis=axis), Variable(X)

    y = ours(x, axis=axis)

    assert np.shape(expected) == y.shape
    np.testing.assert_allclose(expected, y.value, rtol=1e-6)
    if y.trainable:
        y.backward(np.ones(y.shape))
        at_rest = name in ("softmax", "log_softmax")
        assert (0.0 if at_rest else float(y.size)) == float(x.grad)


@every_axis
@pytest.mark.parametrize("name", TAKEN)
def test_a_namespace_of_the_standard_gives_the_same(name, axis):
    ours, _ = PAIRS[name]
    expected = ours(Variable(X), axis=axis)
    x = Variable(X).to(CPU)

    y = ours(x, axis=axis)

    assert np.array_equal(expected.value, y.numpy())


@every_axis
@pytest.mark.parametrize("name", TAKEN)
def test_a_compiled_step_gives_the_same(name, axis):
    ours, _ = PAIRS[name]
    w = Variable(X)

    def step(x):
        y = ours(w * x, axis=axis)
        if y.trainable:
            xdl.sum(y).backward()
        gradient, w.grad = w.grad, None
        return y, gradient

    compiled = xdl.compile(step, w)
    for factor in (1.0, 0.5, 2.0):
        x = np.array(factor, np.float32)
        expected, gradient = step(x)

        y, replayed = compiled(x)

        assert np.array_equal(expected.value, y.value)
        assert gradient == replayed


@every_axis
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_axis_of_a_number_is_refused_as_in_numpy(name, axis):
    ours, theirs = PAIRS[name]
    if theirs is not None:
        with pytest.raises(np.exceptions.AxisError):
            theirs(np.array(X), axis=axis)

    with pytest.raises(ShapeError, match="but there are 0 axes|a single number came"):
        ours(Variable(X), axis=axis)


@pytest.mark.parametrize("axis", [1, -2])
@pytest.mark.parametrize("name", sorted(PAIRS.keys() - {"expand_dims", "stack"}))
def test_any_other_axis_of_a_number_is_refused(name, axis):
    ours, _ = PAIRS[name]

    with pytest.raises(ShapeError, match="but there are 0 axes|a single number came"):
        ours(Variable(X), axis=axis)


@pytest.mark.parametrize("axis", [(), "0", 0.5, [None], True])
@pytest.mark.parametrize(
    "name",
    [
        "argmax",
        "argsort",
        "concat",
        "cumulative_sum",
        "diff",
        "repeat",
        "sort",
        "stack",
        "swapaxes",
        "take_along_axis",
        "topk",
        "unstack",
        "vecdot",
    ],
)
def test_an_axis_that_is_no_int_is_refused(name, axis):
    ours, _ = PAIRS[name]

    with pytest.raises(ArgumentError, match="came, needed an int"):
        ours(Variable([[1.0, 2.0]]), axis=axis)


@pytest.mark.parametrize("axis", ["0", 0.5, True, [None]])
@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "any", "var", "flip", "squeeze"]
)
def test_axes_that_are_no_ints_are_refused(name, axis):
    ours, _ = PAIRS[name]

    with pytest.raises(ArgumentError, match="needed None, an int or a tuple of ints"):
        ours(Variable([[1.0, 2.0]]), axis=axis)


def test_arrays_are_joined_flat_along_no_axis():
    a, b = Variable([[1.0, 2.0]]), Variable(3.0)

    y = xdl.concat([a, b], axis=None)
    y.backward([1.0, 2.0, 3.0])

    assert [1.0, 2.0, 3.0] == y.value.tolist()
    assert ([[1.0, 2.0]], 3.0) == (a.grad.tolist(), b.grad.item())


@pytest.mark.parametrize("shape", [(), (1,), (2, 1)])
def test_broadcasting_to_fewer_axes_is_refused(shape):
    x = Variable(np.ones((1,) * (len(shape) + 1)))

    with pytest.raises(ShapeError, match="does not broadcast"):
        xdl.broadcast_to(x, shape)
