"""NumPy's functions and methods on Variables: what NumPy computes, with a gradient."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, ShapeError, Variable
from xdl.testing import check_gradient

X = np.random.default_rng(0).uniform(0.5, 2.0, (3, 4))

FUNCTIONS = {
    "concatenate": lambda a: np.concatenate([a, a], axis=1),
    "concatenate default": lambda a: np.concatenate((a, a)),
    "cumprod": lambda a: np.cumprod(a, axis=0),
    "cumprod of all": np.cumprod,
    "cumsum": lambda a: np.cumsum(a, 1),
    "cumsum of all": np.cumsum,
    "cumulative_prod": lambda a: np.cumulative_prod(a, axis=1),
    "cumulative_sum": lambda a: np.cumulative_sum(a, axis=1),
    "diagonal": lambda a: np.diagonal(a, 1),
    "diagonal below": lambda a: np.diagonal(a, -2),
    "diagonal beyond": lambda a: np.diagonal(a, 7),
    "diagonal of stack": lambda a: np.diagonal(
        np.reshape(a, (2, 2, 3)), 0, axis1=2, axis2=0
    ),
    "diff": lambda a: np.diff(a, 2, axis=0),
    "diff of none": lambda a: np.diff(a, 0),
    "flip": lambda a: np.flip(a, (0, 1)),
    "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "moveaxis of two": lambda a: np.moveaxis(np.reshape(a, (2, 2, 3)), (0, -1), (1, 0)),
    "pad": lambda a: np.pad(a, ((1, 0), (0, 2)), constant_values=3.0),
    "pad edge": lambda a: np.pad(a, ((2, 0), (0, 3)), mode="edge"),
    "pad reflect": lambda a: np.pad(a, (2, 1), mode="reflect"),
    "prod": lambda a: np.prod(a, axis=1, keepdims=True),
    "ravel": np.ravel,
    "repeat": lambda a: np.repeat(a, 2, axis=1),
    "repeat each": lambda a: np.repeat(a, [2, 0, 3], axis=0),
    "repeat never": lambda a: np.repeat(a, [0, 0, 0], axis=0),
    "repeat of all": lambda a: np.repeat(a, 2),
    "roll": lambda a: np.roll(a, 5),
    "roll along": lambda a: np.roll(a, (1, -1), axis=(0, 1)),
    "roll alike": lambda a: np.roll(a, 1, axis=(0, 1)),
    "sort": lambda a: np.sort(a, axis=0),
    "sort of all": lambda a: np.sort(a, axis=None),
    "sort stably": lambda a: np.sort(a, stable=True),
    "split": lambda a: np.split(a, 2, axis=1)[1],
    "split at": lambda a: np.split(a, [1, 1], axis=0)[2],
    "stack": lambda a: np.stack([a, a], axis=-1),
    "std": lambda a: np.std(a, axis=0, ddof=1),
    "swapaxes": lambda a: np.swapaxes(a, 0, 1),
    "take": lambda a: np.take(a, [[0, 5], [5, -1]]),
    "take along": lambda a: np.take(a, [[0, 1], [3, 3]], axis=1),
    "take_along_axis": lambda a: np.take_along_axis(
        a, np.array([[0, 3], [1, 1], [2, 0]]), axis=1
    ),
    "tile": lambda a: np.tile(a, (2, 1, 3)),
    "tile fewer": lambda a: np.tile(a, 2),
    "transpose": lambda a: np.transpose(a, (1, 0)),
    "tril": lambda a: np.tril(a, -1),
    "triu": lambda a: np.triu(a, k=1),
    "unstack": lambda a: np.unstack(a, axis=1)[2],
    "var": lambda a: np.var(a, axis=1, ddof=1, keepdims=True),
    "var of all": np.var,
    "vector_norm": lambda a: np.linalg.vector_norm(a, axis=0),
    "vector_norm 1": lambda a: np.linalg.vector_norm(a, ord=1),
    "vector_norm inf": lambda a: np.linalg.vector_norm(a, axis=1, ord=np.inf),
    "where": lambda a: np.where(a > 1, a, 0.0),
}
METHODS = {
    "cumprod": lambda a: a.cumprod(1),
    "cumsum": lambda a: a.cumsum(),
    "diagonal": lambda a: a.diagonal(1),
    "prod": lambda a: a.prod(axis=0),
    "repeat": lambda a: a.repeat(2, axis=0),
    "std": lambda a: a.std(axis=1, ddof=1),
    "swapaxes": lambda a: a.swapaxes(0, 1),
    "take": lambda a: a.take([3, -1]),
    "take along": lambda a: a.take([1, 1], axis=-1),
    "var": lambda a: a.var(axis=0, keepdims=True),
}

every_use = pytest.mark.parametrize(
    "use",
    [
        pytest.param(use, id=f"{kind} {name}")
        for kind, uses in (("np", FUNCTIONS), ("method", METHODS))
        for name, use in uses.items()
    ],
)


@every_use
def test_a_variable_gives_what_an_array_gives(use):
    y = use(Variable(X))

    expected = use(X)
    assert (expected.shape, expected.dtype) == (y.shape, y.dtype)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)


@every_use
def test_its_gradient_matches_finite_differences_twice(use):
    check_gradient(use, X)
    check_gradient(use, X, order=2)


def test_sort_gives_a_new_variable_and_argsort_the_order():
    x = Variable([[3.0, 1.0, 2.0]])

    assert [[1.0, 2.0, 3.0]] == x.sort().numpy().tolist()
    assert [[1, 2, 0]] == x.argsort().numpy().tolist()
    assert [[1, 2, 0]] == np.argsort(x, axis=1).numpy().tolist()
    assert [[3.0, 1.0, 2.0]] == x.numpy().tolist()


def test_a_list_is_taken_too():
    assert [[1.0, 2.0, 1.0, 2.0]] == xdl.tile([[1.0, 2.0]], 2).numpy().tolist()


@pytest.mark.parametrize(
    "use",
    [
        lambda v: np.sum(v, 0, np.float64),
        lambda v: np.sort(v, 0, "stable"),
        lambda v: np.max(v, initial=0.0),
        lambda v: np.diff(v, prepend=0.0),
        lambda v: np.pad(v, 1, reflect_type="odd"),
        lambda v: np.linalg.norm(v, 2),
        lambda v: np.linalg.diagonal(v),
        lambda v: np.cumsum(v, out=np.zeros(4)),
    ],
    ids=range(8),
)
def test_what_xdl_does_not_take_is_refused_and_never_taken_for_something_else(use):
    with pytest.raises(TypeError, match=r"use .numpy\(\) or .value"):
        use(Variable(X))


@pytest.mark.parametrize("option", [{"dtype": np.float64}, {"out": np.zeros(())}])
def test_var_takes_no_dtype_and_no_out(option):
    with pytest.raises(ArgumentError, match="dtype and out are not taken"):
        Variable(X).var(**option)


# What composed functions refuse.


@pytest.mark.parametrize(
    ("use", "error", "says"),
    [
        (lambda v: xdl.diagonal(v, 0, 1, 1), ShapeError, "one axis twice"),
        (lambda v: xdl.diff(v, -1), ArgumentError, "n -1 came"),
        (lambda v: xdl.flatten(v, 1, 0), ShapeError, "axis 1 is the first"),
        (lambda v: xdl.moveaxis(v, (0, 1), 0), ArgumentError, "as many"),
        (lambda v: xdl.norm(v, ord=3), ArgumentError, "needed 1, 2 or inf"),
        (lambda v: xdl.one_hot([0], -1), ArgumentError, "size -1 came"),
        (lambda v: xdl.pad(v, -1), ArgumentError, "from 0 on"),
        (lambda v: xdl.pad(v, (1, 2, 3)), ArgumentError, "an int or pairs"),
        (lambda v: xdl.pad(v, ((1, 2, 3), (1,))), ArgumentError, "pairs of ints"),
        (lambda v: xdl.pad(v, 1, "wrap"), ArgumentError, "mode 'wrap' came"),
        (lambda v: xdl.pad(v, 3, "reflect"), ShapeError, "has length 3"),
        (lambda v: xdl.pad(v[:, :0], 1, "edge"), ShapeError, "axis 1 has no element"),
        (lambda v: xdl.repeat(v, [1, 2], 0), ShapeError, "2 numbers came"),
        (lambda v: xdl.repeat(v, -1), ArgumentError, "from 0 on"),
        (lambda v: xdl.roll(v, (1, 2), 0), ArgumentError, "one shift for each axis"),
        (lambda v: xdl.roll(v, None), ArgumentError, "one shift for each axis"),
        (lambda v: xdl.split(v, 0), ArgumentError, "0 sections came"),
        (lambda v: xdl.split(v, [2, 1]), ArgumentError, "in ascending order"),
        (lambda v: xdl.stack([]), xdl.XdlError, "no array came"),
        (lambda v: xdl.swapaxes(v, 0, 2), ShapeError, "axis 2 came"),
        (lambda v: xdl.tile(v, -1), ArgumentError, "from 0 on"),
        (lambda v: xdl.topk(v, -1), ArgumentError, "k -1 came"),
        (lambda v: xdl.topk(v, 5), ShapeError, "has 4 elements"),
    ],
    ids=range(23),
)
def test_wrong_input_is_refused_with_the_reason(use, error, says):
    with pytest.raises(error) as caught:
        use(Variable(X))

    assert says in str(caught.value)
