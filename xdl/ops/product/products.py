"""Products beside matmul: of vectors, along chosen axes, by subscripts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.op import Op, broadcast_shapes, composed, function_of
from xdl.core.option import plain
from xdl.core.promote import as_variable
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_axes, one_axis, positive_axes
from xdl.ops.elementwise.arithmetic import multiply
from xdl.ops.layout.shape import permute_dims, reshape
from xdl.ops.product.einsum_plan import (
    check_subscripts,
    forward_plan,
    gradient_plan,
    run,
    spelled_out,
)
from xdl.ops.product.matmul import matmul
from xdl.typing import ArrayLike, Shape

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Einsum(Op):
    multiplies = True
    onnx = Onnx("Einsum", {"equation": "subscripts"})
    refuses_integers = True
    cases = (
        Case([(2, 3), (3, 4)], {"subscripts": "ij,jk->ik"}),
        Case([(2, 3), (4, 3)], {"subscripts": "ij, kj -> ki"}),
        Case([(2, 3)], {"subscripts": "ij->ji"}),
        Case([(2, 3)], {"subscripts": "ij->i"}),
        Case([(2, 3, 4)], {"subscripts": "i...->..."}),
        Case([(3, 3)], {"subscripts": "ii"}),
        Case([(3, 2, 3)], {"subscripts": "iji->ij"}),
        Case([(2, 2, 2), (2, 3)], {"subscripts": "iii,ij->ij"}),
        Case([(3,), (4,)], {"subscripts": "i,j"}),
        Case([(3,), (4,)], {"subscripts": "i,j->"}),
        Case([(2, 3), (2, 3)], {"subscripts": "ij,ij->i"}),
        Case([(2, 3), (2, 3)], {"subscripts": "ij,ij->ji"}),
        Case([(2, 5, 3, 4), (2, 6, 3, 4)], {"subscripts": "bqhd,bkhd->bhqk"}),
        Case([(2, 3, 4), (4, 5, 6)], {"subscripts": "btd,dhk->bthk"}),
        Case([(5, 2, 3), (1, 3, 4)], {"subscripts": "...ij,...jk"}),
        Case([(2, 4), (5, 1)], {"subscripts": "i...,j...->...ji"}),
        Case([(2, 3), (3, 4), (4, 5)], {"subscripts": "ij,jk,kl->il"}),
        Case([(2,), (3,), (2, 3), ()], {"subscripts": "i,j,ij,->j"}),
        Case([(2, 1), (5, 3)], {"subscripts": "ij,jk->ik"}),
        Case([(1, 1), (3,)], {"subscripts": "ii,i->i"}),
        Case([(0, 3), (3, 4)], {"subscripts": "ij,jk->ik"}),
        Case([(2, 0), (0, 4)], {"subscripts": "ij,jk->ik"}),
        Case([(0, 0)], {"subscripts": "ii->i"}),
        BadCase([(2,)], ArgumentError, "'i$' came", {"subscripts": "i$"}),
        BadCase([(2,)], ArgumentError, "names 'j'", {"subscripts": "i->j"}),
        BadCase([(2,)], ArgumentError, "names 'i'", {"subscripts": "i->ii"}),
        BadCase([(2,)], ArgumentError, "came, needed subscripts", {"subscripts": 3}),
        BadCase([(2,)], ShapeError, "1 operands came", {"subscripts": "i,j"}),
        BadCase([(2, 3)], ShapeError, "2 axes came for 'i'", {"subscripts": "i"}),
        BadCase([(2,)], ShapeError, "1 axes came", {"subscripts": "ij..."}),
        BadCase([(2, 3)], ShapeError, "output too", {"subscripts": "...->"}),
        BadCase([(2, 3)], ShapeError, "'i' has the lengths", {"subscripts": "ii"}),
        BadCase([(2,), (3,)], ShapeError, "2 and 3", {"subscripts": "i,i"}),
        BadCase([(2,), (3,)], ShapeError, "'...'", {"subscripts": "...,..."}),
    )

    def __init__(self, subscripts):
        if not isinstance(subscripts, str):
            raise ArgumentError(
                f"Einsum: {subscripts!r} came, needed subscripts, a string"
            )
        check_subscripts(subscripts)
        self.subscripts = subscripts

    def shape(self, *shapes):
        return spelled_out(self.subscripts, shapes).shape

    def flops(self, y_shape, *shapes):
        """Return twice the number of products, as if all were made at once."""
        return 2 * math.prod(spelled_out(self.subscripts, shapes).sizes.values())

    def compute(self, xp, *operands):
        shapes = tuple([x.shape for x in operands])
        return run(xp, forward_plan(self.subscripts, shapes), operands)

    def gradient(self, xp, gy, operands, wanted):
        shapes = tuple([x.shape for x in operands])
        gradients = []
        for i, is_wanted in enumerate(wanted):
            given = (*operands[:i], gy, *operands[i + 1 :])
            plan = gradient_plan(self.subscripts, shapes, i) if is_wanted else None
            gradients.append(run(xp, plan, given) if is_wanted else None)
        return tuple(gradients)


class VecDot(Op):
    torch = "linalg.vecdot"
    refuses_integers = True
    kept_for = {"x1": "x2", "x2": "x1"}
    cases = (
        Case([(3,), (3,)]),
        Case([(2, 3), (2, 3)]),
        Case([(2, 1, 3), (4, 3)]),
        Case([(0, 3), (3,)]),
        Case([(2, 0), (2, 0)]),
        BadCase([(2, 3), (2, 4)], ShapeError, "lengths 3 and 4"),
        BadCase([(2, 3), (2, 1)], ShapeError, "lengths 3 and 1"),
        BadCase([(2, 3), (4, 3)], ShapeError, "do not broadcast"),
        BadCase([(), (3,)], ShapeError, "a single number came"),
    )

    def shape(self, x1_shape, x2_shape):
        if not x1_shape or not x2_shape:
            raise ShapeError(f"{self}: a single number came, needed at least one axis")
        if x1_shape[-1] != x2_shape[-1]:
            raise ShapeError(
                f"{self}: the vectors have the lengths {x1_shape[-1]} and "
                f"{x2_shape[-1]}"
            )
        return broadcast_shapes(self, (x1_shape[:-1], x2_shape[:-1]))

    def flops(self, y_shape, x1_shape, x2_shape):
        return 2 * math.prod(y_shape) * x1_shape[-1]

    def compute(self, xp, x1, x2):
        if x1.shape[-1:] != x2.shape[-1:] or not x1.shape:
            self.shape(x1.shape, x2.shape)
        return xp.vecdot(x1, x2)

    def gradient(self, xp, gy, x1, x2):
        gy = xp.expand_dims(gy, axis=-1)
        return None if x2 is None else gy * x2, None if x1 is None else gy * x1


_vecdot = VecDot()


@function_of(Einsum)
def einsum(subscripts: str, *operands: ArrayLike) -> Variable:
    """Multiply arrays and sum over axes, as subscripts say.

    Each operand has a letter for each of its axes. Elements whose letters agree are
    multiplied, and letters that the output does not name are summed over. A letter
    twice in one operand stands for its diagonal. ``...`` stands for the axes without a
    letter, which broadcast. Without ``->``, the output has the axes of the ellipsis and
    then, in alphabetical order, the letters that occur once. A length of 1 goes with
    any other, as in NumPy.

    Two operands at a time are joined by one matrix product; of more than two, the
    cheapest pair first.

    Args:
        subscripts: such as ``"ij,jk->ik"``.
        *operands: an array for each term of the subscripts.

    Returns:
        The products, summed.

    Raises:
        ArgumentError: the subscripts are malformed.
        ShapeError: the operands do not fit the subscripts.
        DtypeError: one holds integers and another floating numbers.

    Example:
        >>> import xdl
        >>> xdl.einsum("ij,kj->ik", [[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
        Variable([[11., 17.]], dtype=float32)
        >>> xdl.einsum("ii", [[1.0, 2.0], [3.0, 4.0]])
        Variable(5., dtype=float32)
    """
    return Einsum(subscripts)(*operands)


@function_of(VecDot)
def vecdot(x1: ArrayLike, x2: ArrayLike, axis: int = -1) -> Variable:
    """Multiply two stacks of vectors and add up along one axis, with broadcasting.

    Args:
        x1, x2: arrays whose shapes broadcast, of equal length on the axis.
        axis: that axis, an int, counted in each of the two; default -1.

    Returns:
        The sums of ``x1 * x2``, of the broadcast shape without the axis.

    Raises:
        ShapeError: there is no such axis, its lengths differ, or the other axes do not
            broadcast.
        DtypeError: one holds integers and the other floating numbers.

    Example:
        >>> import xdl
        >>> xdl.vecdot([[1.0, 2.0], [3.0, 4.0]], [10.0, 1.0])
        Variable([12., 34.], dtype=float32)
    """
    axis = plain("vecdot", "axis", axis)
    if axis != -1:
        x1, x2 = _axis_last(x1, axis), _axis_last(x2, axis)
    return _vecdot(x1, x2)


@composed(cases=(Case([(5,), (5,)]),))
def dot(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Multiply as NumPy's ``dot`` does: vectors, matrices, numbers.

    Args:
        x1: an array (..., k), or a single number.
        x2: an array (k,) or (..., k, m), or a single number.

    Returns:
        For two vectors their inner product, for two matrices their matrix product, with
        a single number the product; else the sums over the last axis of ``x1`` and the
        last but one of ``x2``, every stack of one with every stack of the other.

    Raises:
        ShapeError: the lengths differ.
        DtypeError: one holds integers and the other floating numbers.

    Example:
        >>> import xdl
        >>> xdl.dot([1.0, 2.0], [3.0, 4.0])
        Variable(11., dtype=float32)
    """
    ndim1, ndim2 = len(_shape(x1)), len(_shape(x2))
    if not ndim1 or not ndim2:
        return multiply(x1, x2)
    return matmul(x1, x2) if ndim2 <= 2 else tensordot(x1, x2, (-1, -2))


@composed(cases=(Case([(3,), (4,)]),))
def outer(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Multiply every element of one array with every element of another.

    Args:
        x1, x2: arrays, taken as flat vectors of n and m elements.

    Returns:
        An array (n, m).

    Example:
        >>> import xdl
        >>> xdl.outer([1.0, 2.0], [3.0, 4.0])
        Variable([[3., 4.],
                  [6., 8.]], dtype=float32)
    """
    return multiply(reshape(x1, (-1, 1)), reshape(x2, (1, -1)))


@composed(
    torch=Counterpart("tensordot", {"dims": "axes"}),
    cases=(Case([(2, 3, 4), (3, 4, 5)]),),
)
def tensordot(
    x1: ArrayLike, x2: ArrayLike, axes: int | Sequence[Shape] = 2
) -> Variable:
    """Multiply two arrays and sum over axes of both.

    Args:
        x1, x2: arrays.
        axes: the number of axes, the last of ``x1`` and the first of ``x2``; or two
            ints or two sequences of ints: axes of ``x1`` and those of ``x2`` that go
            with them. Default 2.

    Returns:
        The sums; its axes are the remaining ones of ``x1``, then those of ``x2``.

    Raises:
        ArgumentError: ``axes`` is something else.
        ShapeError: there are no such axes, or their lengths differ.
        DtypeError: one array holds integers and the other floating numbers.

    Example:
        >>> import xdl
        >>> xdl.tensordot([[1.0, 2.0]], [[3.0, 4.0]], axes=([1], [1]))
        Variable([[11.]], dtype=float32)
    """
    shape1, shape2 = _shape(x1), _shape(x2)
    axes = plain("tensordot", "axes", axes)
    axes1, axes2 = _paired(axes, len(shape1), len(shape2))
    lengths = [tuple(s[i] for i in a) for s, a in ((shape1, axes1), (shape2, axes2))]
    if lengths[0] != lengths[1]:
        raise ShapeError(
            f"tensordot: the axes have lengths {lengths[0]} in x1 {shape1} and "
            f"{lengths[1]} in x2 {shape2}"
        )
    labels1 = list(_LETTERS[: len(shape1)])
    labels2 = list(_LETTERS[len(shape1) : len(shape1) + len(shape2)])
    for a, b in zip(axes1, axes2, strict=True):
        labels2[b] = labels1[a]
    shared = {labels1[a] for a in axes1}
    kept = [label for label in labels1 + labels2 if label not in shared]
    return einsum(f"{''.join(labels1)},{''.join(labels2)}->{''.join(kept)}", x1, x2)


def _paired(axes, ndim1, ndim2):
    """Return the axes of both arrays as two tuples, counted from the front."""
    if hasattr(axes, "__index__"):
        if not 0 <= axes <= min(ndim1, ndim2):
            raise ShapeError(
                f"tensordot: axes {axes} came for arrays of {ndim1} and {ndim2} axes"
            )
        return tuple(range(ndim1 - axes, ndim1)), tuple(range(axes))
    try:
        axes1, axes2 = axes
    except (TypeError, ValueError):
        raise ArgumentError(
            f"tensordot: axes {axes!r} came, needed an int or two sequences of ints"
        ) from None
    axes1, axes2 = as_axes("tensordot", axes1), as_axes("tensordot", axes2)
    axes1 = positive_axes("tensordot: x1", ndim1, axes1)
    axes2 = positive_axes("tensordot: x2", ndim2, axes2)
    if len(axes1) != len(axes2):
        raise ShapeError(
            f"tensordot: {len(axes1)} axes of x1 came and {len(axes2)} of x2"
        )
    return axes1, axes2


def _axis_last(x, axis):
    """Return ``x`` with one axis moved to the end."""
    ndim = len(_shape(x))
    axis = one_axis("vecdot", ndim, axis)
    return permute_dims(x, (*(i for i in range(ndim) if i != axis), axis))


def _shape(x):
    return tuple(x.shape) if hasattr(x, "shape") else as_variable(x).shape
