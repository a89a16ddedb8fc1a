"""Indexing: picking elements out, and adding them back in."""

from __future__ import annotations

from xdl import backend
from xdl.backend import numpy as host
from xdl.backend.fresh import add_into
from xdl.core.case import BadCase, Case, Counterpart, Onnx
from xdl.core.node import Part
from xdl.core.op import Op, function_of
from xdl.core.variable import Variable
from xdl.errors import DtypeError, GraphError, IndexRangeError, ShapeError
from xdl.ops.axes import is_of_number, one_axis
from xdl.ops.indexing.reading import (
    PLACEHOLDER,
    changed_at,
    filled,
    picked_shape,
    split_index,
)
from xdl.ops.layout.shape import reshape
from xdl.typing import ArrayLike, Axis, Index


class Indexed(Op):
    """What operations with an index share: a template, and arrays to fill it with.

    Args:
        template: a tuple of ints, slices, None, Ellipsis and placeholders.
    """

    own_dtype = ("indices",)

    def __init__(self, template):
        self.template = template

    def __repr__(self):
        return f"{type(self).__name__}[{', '.join(map(_written, self.template))}]"

    def shape(self, x_shape, *indices_shape):
        """Return the shape of what is picked; index arrays are taken as integers."""
        return picked_shape(self, x_shape, self.template, indices_shape)

    def flops(self, y_shape, *shapes):
        return 0

    def _index(self, indices):
        return filled(self.template, indices) if indices else self.template


class GetItem(Indexed):
    torch = "__getitem__"
    moves = True
    cases = (
        Case([(3, 4)], {"template": (1,)}),
        Case([(3, 4)], {"template": (slice(None, None, 2), slice(1, 3))}),
        Case([(3, 4)], {"template": (..., None, 0)}),
        Case([(3, 4), [0, 2, 0], [1, 1, 1]], {"template": (PLACEHOLDER, PLACEHOLDER)}),
        Case([(3, 4), [2, 0, 2]], {"template": (slice(None), PLACEHOLDER)}),
        Case([(0, 4)], {"template": (slice(None), 2)}),
        BadCase([(3, 4)], IndexRangeError, "out of bounds", {"template": (3,)}),
        BadCase([(3, 4)], IndexRangeError, "too many indices", {"template": (0, 0, 0)}),
        BadCase(
            [(3,), [0, 3]],
            IndexRangeError,
            "out of bounds",
            {"template": (PLACEHOLDER,)},
        ),
    )

    def __init__(self, template, joins=False):
        """Make the operation.

        Args:
            template: a tuple of ints, slices, None, Ellipsis and placeholders.
            joins: the walk back through a graph writes the gradients of all parts of an
                array into one; else each is as large as the array.
        """
        self.template, self._joins = template, joins

    def compute(self, xp, x, *indices):
        try:
            return xp.getitem(x, self._index(indices))
        except IndexError as error:
            raise IndexRangeError(f"{self}: {error}") from None

    def gradient(self, xp, gy, x_shape, indices):
        index = self._index(indices)
        if self._joins and xp is host:
            gx = Part(index, gy)
        else:
            gx = add_into(xp, xp.new_zeros(gy, x_shape), index, gy)
        return (gx, *[None] * len(indices))

    def to_onnx(self, graph, x, *indices):
        numbers = [part for part in self.template if isinstance(part, int)]
        is_mask = indices and graph.dtype(indices[0]) == "bool"
        if len(indices) > 1 or is_mask or (indices and numbers):
            raise GraphError(f"{self}: ONNX gathers by one array of integers alone")
        slices, dropped, added, picks = {}, [], [], None
        place = 0  # in the result
        for axis, part in self._parts(graph.shape(x)):
            if part is None:
                added.append(place)
            elif isinstance(part, slice):
                slices[axis] = part
            elif part is PLACEHOLDER:
                picks = axis
                place += len(graph.shape(indices[0])) - 1
            else:
                slices[axis] = slice(part, part + 1 or None)
                dropped.append(axis)
            place += axis not in dropped or part is None
        y = graph.slice(x, slices)
        if picks is not None:
            y = graph.add("Gather", y, indices[0], axis=picks)
        if dropped:
            y = graph.add("Squeeze", y, graph.integers(dropped))
        return graph.add("Unsqueeze", y, graph.integers(added)) if added else y

    def _parts(self, x_shape):
        """Yield the parts of the index with their axes, an Ellipsis spelt out."""
        rest = len(x_shape) - sum(p is not None and p is not ... for p in self.template)
        axis = 0
        for part in self.template:
            for one in [slice(None)] * rest if part is ... else [part]:
                yield axis, one
                axis += one is not None


class IndexAdd(Indexed):
    onnx = None  # ONNX wants the position of every element in its ScatterND
    cases = (
        Case([(3, 4), (4,)], {"template": (1,)}),
        Case([(3, 4), (3, 2)], {"template": (slice(None), slice(1, 3))}),
        Case(
            [(3, 4), (3,), [0, 2, 0], [1, 1, 1]],
            {"template": (PLACEHOLDER, PLACEHOLDER)},
        ),
        Case(
            [(3, 4), (), [0, 2, 0], [1, 1, 1]], {"template": (PLACEHOLDER, PLACEHOLDER)}
        ),
        BadCase([(3, 4), ()], IndexRangeError, "out of bounds", {"template": (3,)}),
    )

    def shape(self, x_shape, value_shape, *indices_shape):
        return x_shape

    def compute(self, xp, x, value, *indices):
        try:
            return xp.scatter_add(x, self._index(indices), value)
        except IndexError as error:
            raise IndexRangeError(f"{self}: {error}") from None
        except ValueError as error:
            raise ShapeError(f"{self}: {error}") from None

    def gradient(self, xp, gy, indices, wanted):
        picked = xp.getitem(gy, self._index(indices)) if wanted[1] else None
        return (gy, picked, *[None] * len(indices))


class Take(Op):
    reference = Counterpart("numpy.take", defaults={"axis": 0})
    torch = "index_select"
    moves = True
    onnx = Onnx("Gather", {"axis": "axis"})
    own_dtype = ("indices",)
    cases = (
        Case([(3, 4), [0, 2, 2]]),
        Case([(3, 4), [1, 0]], {"axis": 1}),
        Case([(3, 4), [3, 3]], {"axis": -1}),
        Case([(3, 4), [[0, 2], [-1, 2]]], {"axis": 1}),
        Case([(3, 4), 1]),
        Case([(0, 4), [[1, 2, 1]]], {"axis": 1}),
        BadCase([(3, 4), [0, 3]], IndexRangeError, "out of bounds"),
        BadCase([(3, 4), [0.0, 1.0]], DtypeError, "needed integers"),
        BadCase([(3, 4), [0]], ShapeError, "axis 2 came", {"axis": 2}),
    )

    def __init__(self, axis=0):
        self.axis = axis

    def shape(self, x_shape, indices_shape):
        axis = one_axis(self, len(x_shape), self.axis)
        return (*x_shape[:axis], *indices_shape, *x_shape[axis + 1 :])

    def flops(self, y_shape, *shapes):
        return 0

    def compute(self, xp, x, indices):
        y_shape = self.shape(x.shape, indices.shape)
        require_integers(self, indices)
        is_list = indices.ndim == 1
        indices = indices if is_list else xp.reshape(indices, (-1,))
        try:
            y = xp.take(x, indices, axis=self.axis)
        except IndexError as error:
            raise IndexRangeError(f"{self}: {error}") from None
        return y if is_list else xp.reshape(y, y_shape)

    def gradient(self, xp, gy, x_shape, indices):
        axis = self.axis % len(x_shape)
        if indices.ndim != 1:
            indices = xp.reshape(indices, (-1,))
            shape = (*x_shape[:axis], *indices.shape, *x_shape[axis + 1 :])
            gy = xp.reshape(gy, shape)
        zeros = xp.new_zeros(gy, x_shape)
        return add_into(xp, zeros, (slice(None),) * axis + (indices,), gy), None


@function_of(GetItem)
def getitem(x: ArrayLike, index: Index) -> Variable:
    """Pick elements: ``x[index]`` with NumPy's basic and advanced indexing.

    Elements that are picked more than once receive the sum of their gradients.

    Args:
        x: an array of one axis or more.
        index: ints, slices, None, Ellipsis, integer or boolean arrays, lists or
            Variables of these, or a tuple of such parts. A boolean, also one of no
            axes, is a mask and never 0 or 1: ``x[True]`` has an axis more, of length 1,
            ``x[False]`` one of length 0.

    Returns:
        The picked elements.

    Raises:
        IndexRangeError: an index is outside its axis, or there are too many.
        DtypeError: an index is neither integer nor boolean.

    Example:
        >>> import xdl
        >>> x = xdl.Variable([[1.0, 2.0], [3.0, 4.0]])
        >>> xdl.getitem(x, (slice(None), 1))
        Variable([2., 4.], dtype=float32)
        >>> x[[0, 0], [1, 1]]
        Variable([2., 2.], dtype=float32)
    """
    x, template, arrays, shape = split_index(x, index)
    y = GetItem(template, True)(x, *arrays)
    return y if shape is None else reshape(y, shape)


@function_of(IndexAdd)
def index_add(x: ArrayLike, index: Index, value: ArrayLike) -> Variable:
    """Add values at an index; where it names an element twice, both are added.

    Args:
        x: an array.
        index: as for ``getitem``.
        value: an array or number that broadcasts to the shape of ``x[index]``.

    Returns:
        A copy of ``x`` with the values added.

    Raises:
        IndexRangeError: an index is outside its axis, or there are too many.
        ShapeError: the value does not broadcast.

    Example:
        >>> import xdl
        >>> xdl.index_add([0.0, 0.0, 0.0], [0, 0, 2], 1.0)
        Variable([2., 0., 1.], dtype=float32)
    """
    return changed_at(IndexAdd, x, index, value)


@function_of(Take)
def take(x: ArrayLike, indices: ArrayLike, axis: Axis = 0) -> Variable:
    """Pick slices along an axis by their positions.

    Args:
        x: an array of one axis or more.
        indices: an integer or an integer array; negative ones count from the end.
        axis: an int, or None: the elements in C order; default 0.

    Returns:
        The slices, with the axes of the indices in the place of the axis.

    Raises:
        IndexRangeError: an index is outside the axis.
        DtypeError: the indices are not integers.
        ShapeError: there is no such axis.

    Example:
        >>> import xdl
        >>> xdl.take([[1.0, 2.0], [3.0, 4.0]], [1, 1, 0], axis=1)
        Variable([[2., 2., 1.],
                  [4., 4., 3.]], dtype=float32)
    """
    if axis is None or is_of_number(getattr(x, "ndim", -1), axis):
        x, axis = reshape(x, (-1,)), 0
    return Take(axis)(x, indices)


def require_integers(who, indices):
    """Refuse indices that are no integers, with a DtypeError."""
    if not backend.is_integer(indices):
        name = backend.dtype_name(indices.dtype)
        raise DtypeError(f"{who}: indices are {name}, needed integers")


def _written(part):
    if isinstance(part, slice):
        ends = ["" if e is None else str(e) for e in (part.start, part.stop, part.step)]
        return ":".join(ends[:2]) + (f":{ends[2]}" if ends[2] else "")
    return {PLACEHOLDER: "indices", Ellipsis: "...", None: "None"}.get(part, str(part))
