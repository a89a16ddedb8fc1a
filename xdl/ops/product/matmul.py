"""Products of matrices."""

from __future__ import annotations

import math

from xdl.core.case import BadCase, Case, Counterpart
from xdl.core.op import Op, broadcast_shapes, function_of
from xdl.core.variable import Variable
from xdl.errors import ShapeError
from xdl.typing import ArrayLike


class Matmul(Op):
    multiplies = True
    torch = Counterpart("matmul", samples=("matmul", "mm", "bmm", "mv", "dot"))
    onnx = "MatMul"
    kept_for = {"x1": "x2", "x2": "x1"}
    refuses_integers = True
    cases = (
        Case([(2, 3), (3, 4)]),
        Case([(3,), (3, 4)]),
        Case([(2, 3), (3,)]),
        Case([(3,), (3,)]),
        Case([(2, 2, 3), (3, 4)]),
        Case([(2, 3), (5, 3, 4)]),
        Case([(2, 1, 2, 3), (4, 3, 2)]),
        Case([(2, 2, 3), (3,)]),
        Case([(3,), (2, 3, 4)]),
        Case([(0, 3), (3, 4)]),
        Case([(2, 0), (0, 4)]),
        BadCase([(3, 4), (5, 2)], ShapeError, "x1 has 4 columns, x2 has 5 rows"),
        BadCase([(2, 2, 3), (3, 3, 4)], ShapeError, "do not broadcast"),
        BadCase([(), (3, 4)], ShapeError, "single number"),
    )

    def shape(self, x1_shape, x2_shape):
        if not x1_shape or not x2_shape:
            raise ShapeError(f"{self}: a single number came, needed at least one axis")
        rows = x2_shape[-2] if len(x2_shape) > 1 else x2_shape[0]
        if x1_shape[-1] != rows:
            raise ShapeError(
                f"{self}: x1 has {x1_shape[-1]} columns, x2 has {rows} rows"
            )
        stack = broadcast_shapes(self, (x1_shape[:-2], x2_shape[:-2]))
        return (*stack, *x1_shape[-2:-1], *(x2_shape[-1:] if len(x2_shape) > 1 else ()))

    def flops(self, y_shape, x1_shape, x2_shape):
        inner = x1_shape[-1] if x1_shape else x2_shape[-2 if len(x2_shape) > 1 else 0]
        return 2 * math.prod(y_shape) * inner

    def compute(self, xp, x1, x2):
        return xp.matmul(x1, x2)

    def gradient(self, xp, gy, x1, x2, x1_shape, x2_shape):
        if len(x1_shape) == 1:
            gy = xp.expand_dims(gy, axis=-2 if len(x2_shape) > 1 else -1)
            x1 = None if x1 is None else xp.expand_dims(x1, axis=0)
        if len(x2_shape) == 1:
            gy = xp.expand_dims(gy, axis=-1)
            x2 = None if x2 is None else xp.expand_dims(x2, axis=-1)
        gx1 = None if x2 is None else _by_left(xp, gy, x2, x1_shape)
        gx2 = None if x1 is None else _by_right(xp, gy, x1, x2_shape)
        return gx1, gx2


@function_of(Matmul)
def matmul(x1: ArrayLike, x2: ArrayLike) -> Variable:
    """Multiply matrices, or stacks of them that broadcast.

    As in NumPy, an array of one axis stands for a row on the left and for a column on
    the right, and that axis is missing from the result.

    Args:
        x1: an array (..., n, k) or (k,).
        x2: an array (..., k, m) or (k,).

    Returns:
        An array (..., n, m).

    Raises:
        ShapeError: the inner lengths differ, the stacks do not broadcast, or an array
            is a single number.
        DtypeError: one holds integers and the other floating numbers.

    Example:
        >>> import xdl
        >>> xdl.matmul([[1.0, 2.0]], [[3.0], [4.0]])
        Variable([[11.]], dtype=float32)
    """
    return Matmul()(x1, x2)


def _as_rows(xp, x):
    """Return a stack of matrices as one tall matrix."""
    return xp.reshape(x, (math.prod(x.shape[:-1]), x.shape[-1]))


def _by_left(xp, gy, x2, x1_shape):
    gx1 = xp.matmul(gy, xp.matrix_transpose(x2))
    if len(x1_shape) == 1:
        return xp.sum(_as_rows(xp, gx1), axis=0)
    return gx1


def _by_right(xp, gy, x1, x2_shape):
    if len(x2_shape) <= 2 and x1.ndim > 2:
        # A stack times one matrix is one tall matrix times it.
        x1, gy = _as_rows(xp, x1), _as_rows(xp, gy)
    gx2 = xp.matmul(xp.matrix_transpose(x1), gy)
    return xp.reshape(gx2, x2_shape) if len(x2_shape) == 1 else gx2


class Linear(Op):
    multiplies = True
    torch = "nn.functional.linear"
    refuses_integers = True
    cases = (
        Case([(2, 3), (3, 4), (4,)]),
        Case([(2, 3), (3, 4), None]),
        Case([(3,), (3, 4), (4,)]),
        Case([(2, 5, 3), (3, 4), (4,)]),
        Case([(0, 3), (3, 4), (4,)]),
        BadCase([(4, 5), (3, 2), None], ShapeError, "x has 5 features, weight needs 3"),
        BadCase([(4, 3), (3, 2), (3,)], ShapeError, "bias has shape (3,), needed (2,)"),
        BadCase(
            [(4, 3), (3,), None], ShapeError, "weight has shape (3,), needed 2 axes"
        ),
    )

    def shape(self, x_shape, weight_shape, bias_shape=None):
        if len(weight_shape) != 2:
            raise ShapeError(f"{self}: weight has shape {weight_shape}, needed 2 axes")
        if not x_shape or x_shape[-1] != weight_shape[0]:
            came = x_shape[-1] if x_shape else "no"
            raise ShapeError(
                f"{self}: x has {came} features, weight needs {weight_shape[0]}"
            )
        if bias_shape is not None and bias_shape != weight_shape[1:]:
            raise ShapeError(
                f"{self}: bias has shape {bias_shape}, needed {weight_shape[1:]}"
            )
        return (*x_shape[:-1], weight_shape[1])

    def flops(self, y_shape, x_shape, weight_shape, bias_shape=None):
        inner = x_shape[-1] if x_shape else weight_shape[0]
        return (2 * inner + (bias_shape is not None)) * math.prod(y_shape)

    def compute(self, xp, x, weight, bias=None):
        if weight.ndim != 2:
            self.shape(x.shape, weight.shape)
        if bias is None:
            return xp.matmul(x, weight)
        if bias.shape != weight.shape[1:]:
            self.shape(x.shape, weight.shape, bias.shape)
        return xp.matmul(x, weight) + bias

    def gradient(self, xp, gy, x, weight, wanted):
        gx = xp.matmul(gy, xp.matrix_transpose(weight)) if wanted[0] else None
        rows = _as_rows(xp, gy)
        gweight = gbias = None
        if wanted[1]:
            gweight = xp.matmul(xp.matrix_transpose(_as_rows(xp, x)), rows)
        if len(wanted) > 2 and wanted[2]:
            gbias = xp.sum(rows, axis=0)
        return gx, gweight, gbias

    def to_onnx(self, graph, x, weight, bias=None):
        if len(graph.shape(x)) == 2:
            return graph.add("Gemm", x, weight, bias)
        y = graph.add("MatMul", x, weight)
        return y if bias is None else graph.add("Add", y, bias)


@function_of(Linear)
def linear(x: ArrayLike, weight: ArrayLike, bias: ArrayLike | None = None) -> Variable:
    """Apply an affine map to the last axis: x @ weight + bias.

    Args:
        x: an array (..., k).
        weight: an array (k, m).
        bias: an array (m,), or None: no bias.

    Returns:
        An array (..., m).

    Raises:
        ShapeError: the lengths do not fit.
        DtypeError: ``x`` holds integers and ``weight`` floating numbers.

    Example:
        >>> import xdl
        >>> xdl.linear([[1.0, 2.0]], [[3.0], [4.0]], [10.0])
        Variable([[21.]], dtype=float32)
    """
    return Linear()(x, weight, bias)
