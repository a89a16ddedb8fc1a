"""dot, outer, tensordot and einsum beside NumPy's, and what they refuse."""

import numpy as np
import pytest

import xdl
from xdl import ArgumentError, DtypeError, ShapeError, Variable
from xdl.testing import check_gradient

RNG = np.random.default_rng(0)


def _draw(*shapes):
    return [RNG.standard_normal(shape) for shape in shapes]


DOTS = [
    *[((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((), (2, 3))],
    *[
        ((2, 3), ()),
        ((), ()),
        ((2, 3), (4, 3, 5)),
        ((2, 1, 3), (4, 3, 5)),
        ((0,), (0,)),
    ],
    *[((3,), (2, 3, 4)), ((4, 2, 3), (3,))],
]
TENSORDOTS = [
    ((2, 3), (2, 3), 2),
    ((2, 3), (3, 4), 1),
    ((2,), (3,), 0),
    ((2, 3, 4), (4, 2, 5), ([0, -1], [1, 0])),
    ((2, 3), (4, 3), (1, 1)),
    ((2, 3), (3,), (-1, np.int64(0))),
    ((2, 0), (0, 3), 1),
    ((), (2,), 0),
]
# Beyond the cases of the class: what ONNX has no word for, orders, and many operands.
EINSUMS = [
    ("i...,j...->...ji", [(2, 4), (5, 3, 4)]),
    ("...,...", [(3, 1), (2, 1, 4)]),
    ("ij...,jk...->ik...", [(2, 3, 4), (3, 5, 1)]),
    ("ba", [(2, 3)]),
    ("bA", [(2, 3)]),
    ("ijij->ji", [(2, 3, 2, 3)]),
    ("iijj->", [(2, 2, 3, 3)]),
    ("iiii->i", [(2, 2, 2, 2)]),
    ("iij,jji->ij", [(2, 2, 3), (3, 3, 2)]),
    ("ii,i", [(1, 1), (3,)]),
    ("ij,ij,ij->", [(2, 3), (1, 3), (2, 1)]),
    ("ab,bc,cd,da->", [(2, 3), (3, 4), (4, 5), (5, 2)]),
    ("a,b,c,d->dbca", [(2,), (3,), (1,), (2,)]),
    ("abc,abd,acd->bcd", [(2, 3, 4), (2, 3, 5), (2, 4, 5)]),
    ("->", [()]),
    (",i->i", [(), (3,)]),
]

every_einsum = pytest.mark.parametrize(("subscripts", "shapes"), EINSUMS)


@pytest.mark.parametrize(("shape1", "shape2"), DOTS)
def test_dot_is_numpys(shape1, shape2):
    x1, x2 = _draw(shape1, shape2)

    np.testing.assert_allclose(xdl.dot(x1, x2).numpy(), np.dot(x1, x2), atol=1e-12)


@pytest.mark.parametrize(("shape1", "shape2"), DOTS)
def test_gradient_of_dot_matches_finite_difference(shape1, shape2):
    check_gradient(xdl.dot, *_draw(shape1, shape2), order=2)


@pytest.mark.parametrize(("shape1", "shape2"), DOTS)
def test_outer_is_numpys(shape1, shape2):
    x1, x2 = _draw(shape1, shape2)

    np.testing.assert_array_equal(xdl.outer(x1, x2).numpy(), np.outer(x1, x2))


@pytest.mark.parametrize(("shape1", "shape2", "axes"), TENSORDOTS)
def test_tensordot_is_numpys(shape1, shape2, axes):
    x1, x2 = _draw(shape1, shape2)
    expected = np.tensordot(x1, x2, axes)

    np.testing.assert_allclose(
        xdl.tensordot(x1, x2, axes).numpy(), expected, atol=1e-12
    )


@pytest.mark.parametrize(("shape1", "shape2", "axes"), TENSORDOTS)
def test_gradient_of_tensordot_matches_finite_difference(shape1, shape2, axes):
    check_gradient(lambda a, b: xdl.tensordot(a, b, axes), *_draw(shape1, shape2))


@pytest.mark.parametrize("axis", [0, 1, -1, -2])
def test_vecdot_sums_over_the_axis_that_it_is_told(axis):
    x1, x2 = _draw((2, 3), (2, 3))

    actual = xdl.vecdot(x1, x2, axis).numpy()

    np.testing.assert_allclose(actual, np.sum(x1 * x2, axis))


@every_einsum
def test_einsum_is_numpys(subscripts, shapes):
    operands = _draw(*shapes)
    expected = np.einsum(subscripts, *operands)

    actual = xdl.einsum(subscripts, *operands).numpy()

    assert expected.shape == actual.shape
    np.testing.assert_allclose(actual, expected, atol=1e-12)


@every_einsum
def test_gradient_of_einsum_matches_finite_difference(subscripts, shapes):
    check_gradient(lambda *xs: xdl.einsum(subscripts, *xs), *_draw(*shapes), order=2)


def test_einsum_of_one_variable_twice_adds_its_gradients():
    x = Variable([1.0, 2.0])

    xdl.einsum("i,i->", x, x).backward()

    assert [2.0, 4.0] == x.grad.tolist()


def test_diagonal_keeps_infinities_out_of_its_neighbours():
    x = Variable([[1.0, 2.0], [3.0, 4.0]])

    xdl.einsum("ii->i", x).backward(np.array([np.inf, 1.0]))

    assert [[np.inf, 0.0], [0.0, 1.0]] == x.grad.tolist()


@pytest.mark.parametrize(
    "call", [xdl.matmul, xdl.dot, lambda a, b: xdl.einsum("i,i", a, b), xdl.vecdot]
)
def test_integers_beside_floating_numbers_are_refused(call):
    with pytest.raises(DtypeError, match="int64"):
        call(Variable([1.0, 2.0]), np.array([1, 2]))


@pytest.mark.parametrize(
    ("axes", "error", "says"),
    [
        (3, ShapeError, "axes 3 came for arrays of 2 and 2 axes"),
        (-1, ShapeError, "axes -1 came"),
        (1, ShapeError, r"lengths \(3,\) in x1 \(2, 3\) and \(2,\) in x2 \(2, 3\)"),
        (([0, 1], [0]), ShapeError, "2 axes of x1 came and 1 of x2"),
        (([0], [2]), ShapeError, "x2: axis 2 came, but there are 2 axes"),
        (([0, 0], [0, 1]), ShapeError, "name one axis twice"),
        ("ij,", ArgumentError, "came, needed an int or two sequences"),
        (1.5, ArgumentError, "axes 1.5 came"),
        (([0.5], [0]), ArgumentError, "needed None, an int or a tuple of ints"),
    ],
)
def test_axes_of_tensordot_that_do_not_fit_are_refused(axes, error, says):
    with pytest.raises(error, match=says):
        xdl.tensordot(*_draw((2, 3), (2, 3)), axes)


def test_axis_that_vecdot_does_not_have_is_refused():
    with pytest.raises(ShapeError, match="axis 2 came, but there are 2 axes"):
        xdl.vecdot(*_draw((2, 3), (2, 3)), axis=2)
