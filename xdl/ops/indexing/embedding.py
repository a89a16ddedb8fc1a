"""Embedding: rows of a table, by their numbers."""

from __future__ import annotations

import math

from xdl.backend.fresh import add_into
from xdl.core.case import BadCase, Case
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import IndexRangeError, ShapeError
from xdl.ops.indexing.getitem import require_integers
from xdl.typing import ArrayLike


class Embedding(Op):
    torch = "nn.functional.embedding"
    moves = True
    own_dtype = ("indices",)
    cases = (
        Case([[0, 2, 2], (3, 4)]),
        Case([[[0, 1], [1, 1]], (3, 2)]),
        Case([1, (3, 2)]),
        BadCase([[0, 3], (3, 4)], IndexRangeError, "position 1 holds 3"),
        BadCase([[-1], (3, 4)], IndexRangeError, "position 0 holds -1"),
        BadCase([[0], (3,)], ShapeError, "weight has shape (3,)"),
    )

    def shape(self, indices_shape, weight_shape):
        if len(weight_shape) != 2:
            raise ShapeError(f"{self}: weight has shape {weight_shape}, needed 2 axes")
        return (*indices_shape, weight_shape[1])

    def flops(self, y_shape, indices_shape, weight_shape):
        return 0

    def compute(self, xp, indices, weight):
        shape = self.shape(indices.shape, weight.shape)
        require_integers(self, indices)
        xp.check_indices(indices, weight.shape[0], self, IndexRangeError)
        if xp.fused is not None:
            return xp.fused.rows_at(weight, indices)
        return xp.reshape(xp.take(weight, xp.reshape(indices, (-1,)), axis=0), shape)

    def gradient(self, xp, gy, indices, weight_shape):
        rows = xp.reshape(gy, (math.prod(indices.shape), weight_shape[1]))
        if xp.fused is not None:
            return None, xp.fused.add_rows(rows, indices, weight_shape[0])
        zeros = xp.new_zeros(gy, weight_shape)
        return None, add_into(xp, zeros, (xp.reshape(indices, (-1,)),), rows)

    def to_onnx(self, graph, indices, weight):
        return graph.add("Gather", weight, indices)


@function_of(Embedding)
def embedding(indices: ArrayLike, weight: ArrayLike) -> Variable:
    """Look up a row of a table for every index.

    Args:
        indices: an integer array of any shape (...), each in [0, rows); negative ones
            are refused.
        weight: an array (rows, features).

    Returns:
        An array (..., features).

    Raises:
        IndexRangeError: an index is outside [0, rows).
        DtypeError: the indices are not integers.
        ShapeError: ``weight`` has not two axes.

    Example:
        >>> import xdl
        >>> xdl.embedding([1, 0, 1], [[1.0, 2.0], [3.0, 4.0]])
        Variable([[3., 4.],
                  [1., 2.],
                  [3., 4.]], dtype=float32)

    Reference: Bengio et al., "A Neural Probabilistic Language Model", 2003.
    """
    return Embedding()(indices, weight)
