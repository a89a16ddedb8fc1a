"""Taking an array apart: each part a view of it, and one gradient for them all."""

from __future__ import annotations

from collections.abc import Sequence

from xdl.core.case import BadCase, Case, Cases
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, ShapeError
from xdl.ops.axes import as_shape, one_axis
from xdl.recording import for_any_length
from xdl.typing import ArrayLike


class _Pieces:
    """The gradients of some parts of an array: a sum that is not yet written down.

    ``split(x)`` first makes one node for x as a whole, then one for each part. What
    flows back from a part to the whole is not an array of x's shape, most of it zeros,
    but this: such gradients add up without arithmetic, and the whole joins them once.
    The walk back through a graph adds it, and looks at its shape; in debug mode it
    looks for NaN in what has a floating dtype, and finds them where the pieces join.
    """

    __slots__ = ("pieces", "shape")
    dtype = "pieces"

    def __init__(self, shape, pieces):
        self.shape, self.pieces = shape, pieces

    def __add__(self, other):
        self.pieces.update(other.pieces)  # each part sends one gradient
        return self


class Split(Op):
    torch = "tensor_split"
    moves = True
    cases: Cases = (
        Case([(4, 3)], {"sections": 2, "part": 1}),
        Case([(2, 6)], {"sections": 3, "axis": -1, "part": 0}),
        Case([(2, 6)], {"sections": (1, 4), "axis": 1, "part": 1}),
        Case([(5,)], {"sections": (2, 2, 9), "part": 1}),
        Case([(5,)], {"sections": (2, 2, 9), "part": 3}),
        Case([(2, 3)], {"sections": 2}),
        BadCase([(5, 2)], ShapeError, "length 5", {"sections": 2, "part": 0}),
        BadCase([(5,)], ShapeError, "axis 1 came", {"sections": 5, "axis": 1}),
        BadCase([()], ShapeError, "axis 0 came", {"sections": 1}),
    )

    def __init__(self, sections, axis=0, part=None, joins=False):
        """Make the operation for one part, or for the whole.

        Args:
            sections, axis: as for ``split``.
            part: the number of the part to return; None: the whole, for its parts.
            joins: the input is such a whole, which joins the gradients of its parts.
        """
        self.sections, self.axis = _as_sections(sections), axis
        self.part, self.joins = part, joins

    def shape(self, x_shape):
        axis, bounds = self._bounds(x_shape)
        if self.part is None:
            return x_shape
        length = bounds[self.part + 1] - bounds[self.part]
        return (*x_shape[:axis], length, *x_shape[axis + 1 :])

    def flops(self, y_shape, x_shape):
        return 0

    def compute(self, xp, x):
        self.shape(x.shape)
        return x if self.part is None else xp.getitem(x, self._index(x.shape))

    def gradient(self, xp, gy, x_shape):
        if self.part is None:
            is_whole = type(gy) is not _Pieces
            return (gy if is_whole else self._joined(xp, gy.pieces, x_shape),)
        pieces = {self.part: gy}
        if self.joins:
            return (_Pieces(x_shape, pieces),)
        return (self._joined(xp, pieces, x_shape),)

    def _parts(self, x):
        whole = self._of_part(None, False)(x)
        count = self._count(whole.shape)
        return tuple(self._of_part(i, True)(whole) for i in range(count))

    def _bounds(self, x_shape):
        """Return the axis from 0 on, and the positions of all ends."""
        axis = one_axis(self, len(x_shape), self.axis)
        length = x_shape[axis]
        if not isinstance(self.sections, int):
            return axis, (0, *(min(n, length) for n in self.sections), length)
        if length % self.sections:
            raise ShapeError(
                f"{self}: axis {axis} of shape {x_shape} has length {length}, needed a "
                f"multiple of {self.sections}"
            )
        step = length // self.sections
        return axis, tuple(step * i for i in range(self.sections + 1))

    def _index(self, x_shape):
        axis, bounds = self._bounds(x_shape)
        if for_any_length() and not isinstance(self.sections, int):
            bounds = (0, *self.sections, None)
        ends = bounds[self.part : self.part + 2]
        return (slice(None),) * axis + (slice(*ends),)

    def _count(self, x_shape):
        is_number = isinstance(self.sections, int)
        return self.sections if is_number else len(self.sections) + 1

    def _of_part(self, part, joins):
        return Split(self.sections, self.axis, part, joins)

    def _joined(self, xp, pieces, x_shape):
        axis, bounds = self._bounds(x_shape)
        like = next(iter(pieces.values()))
        found = []
        for i in range(len(bounds) - 1):
            if i not in pieces:
                length = bounds[i + 1] - bounds[i]
                shape = (*x_shape[:axis], length, *x_shape[axis + 1 :])
                pieces[i] = xp.new_zeros(like, shape)
            found.append(pieces[i])
        return xp.concat(found, axis=axis)

    def to_onnx(self, graph, x):
        if self.part is None:
            return graph.add("Identity", x)
        index = self._index(graph.shape(x))
        return graph.slice(x, {len(index) - 1: index[-1]})


def _as_sections(sections):
    """Return ``sections`` as an int or a tuple of ints."""
    found = as_shape("Split", sections)
    is_number = hasattr(sections, "__index__") and not getattr(sections, "shape", ())
    if is_number and found[0] < 1:
        raise ArgumentError(f"Split: {found[0]} sections came, needed 1 or more")
    if list(found) != sorted(found) or min(found, default=0) < 0:
        raise ArgumentError(
            f"Split: sections {found} came, needed positions from 0 on in ascending "
            "order"
        )
    return found[0] if is_number else found


class Unstack(Split):
    torch = "unbind"
    cases = (
        Case([(4, 3)], {"part": 1}),
        Case([(2, 3, 4)], {"axis": -1, "part": 3}),
        Case([(3,)], {"part": 0}),
        Case([(2, 3)]),
        BadCase([(5,)], ShapeError, "axis 1 came", {"axis": 1, "part": 0}),
        BadCase([()], ShapeError, "axis 0 came"),
    )

    def __init__(self, axis=0, part=None, joins=False):
        self.axis, self.part, self.joins = axis, part, joins

    def shape(self, x_shape):
        axis = one_axis(self, len(x_shape), self.axis)
        return x_shape if self.part is None else x_shape[:axis] + x_shape[axis + 1 :]

    def _index(self, x_shape):
        return (slice(None),) * (self.axis % len(x_shape)) + (self.part,)

    def _count(self, x_shape):
        return x_shape[self.axis]

    def _of_part(self, part, joins):
        return Unstack(self.axis, part, joins)

    def _joined(self, xp, pieces, x_shape):
        axis = self.axis % len(x_shape)
        like = next(iter(pieces.values()))
        zeros = xp.new_zeros(like, x_shape[:axis] + x_shape[axis + 1 :])
        found = [pieces.get(i, zeros) for i in range(x_shape[axis])]
        return xp.stack(found, axis=axis)

    def to_onnx(self, graph, x):
        if self.part is None:
            return graph.add("Identity", x)
        return graph.add(
            "Gather", x, graph.constant(self.part, "int64"), axis=self.axis
        )


@function_of(Split)
def split(
    x: ArrayLike, sections: int | Sequence[int], axis: int = 0
) -> tuple[Variable, ...]:
    """Split an array along an axis into parts, which are views of it.

    Args:
        x: an array of one axis or more.
        sections: the number of equal parts, or the positions where a part ends and
            the next begins, in ascending order.
        axis: an int; default 0.

    Returns:
        A tuple of Variables, the parts.

    Raises:
        ShapeError: the parts are not equal, the positions are not in order, or there
            is no such axis.
        ArgumentError: ``sections`` is neither an int from 1 on nor ints from 0 on.

    Example:
        >>> import xdl
        >>> xdl.split([1.0, 2.0, 3.0], [1])
        (Variable([1.], dtype=float32), Variable([2., 3.], dtype=float32))
        >>> [part.shape for part in xdl.split(xdl.Variable([[1.0, 2.0]]), 2, axis=1)]
        [(1, 1), (1, 1)]
    """
    return Split(sections, axis)._parts(x)


@function_of(Unstack)
def unstack(x: ArrayLike, axis: int = 0) -> tuple[Variable, ...]:
    """Take an array apart along an axis; the parts are views without that axis.

    Args:
        x: an array of one axis or more.
        axis: an int; default 0.

    Returns:
        A tuple of Variables, one for each position on the axis.

    Raises:
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.unstack([[1.0, 2.0], [3.0, 4.0]], axis=1)
        (Variable([1., 3.], dtype=float32), Variable([2., 4.], dtype=float32))
    """
    return Unstack(axis)._parts(x)
