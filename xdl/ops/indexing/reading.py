"""Reading an index: a template of its parts, and the arrays that fill it."""

from __future__ import annotations

import operator

from xdl import backend
from xdl.backend import numpy as host
from xdl.core.promote import as_variable
from xdl.core.variable import Variable, array_of
from xdl.errors import DtypeError, IndexRangeError
from xdl.ops.layout.shape import broadcast_to, reshape

PLACEHOLDER = object()  # stands in a template for the next index array
_ENDS = {int, type(None)}


def filled(template, arrays):
    """Return a template with the arrays in the places of its placeholders."""
    arrays = iter(arrays)
    return tuple(next(arrays) if p is PLACEHOLDER else p for p in template)


def picked_shape(who, x_shape, template, shapes):
    """Return the shape of what is picked by a template and integers of some shapes.

    Raises:
        IndexRangeError: an index is outside its axis, or there are too many.
    """
    picked_from = host.broadcast_to(host.full((1,), 0.0), x_shape)
    index = filled(template, [host.full(shape, 0) for shape in shapes])
    try:
        return host.getitem(picked_from, index).shape
    except IndexError as error:
        raise IndexRangeError(f"{who}: {error}") from None


def changed_at(op_class, x, index, value):
    """Call an operation that changes ``x`` at an index."""
    inner, template, arrays, shape = split_index(x, index)
    if shape is not None:
        shapes = [a.shape for a in arrays]
        picked = picked_shape(op_class.__name__, inner.shape, template, shapes)
        value = reshape(broadcast_to(value, shape), picked)
    y = op_class(template)(inner, value, *arrays)
    return y if inner is x else reshape(y, as_variable(x).shape)


def split_index(x, index):
    """Return what is to be indexed, and an index as a template and arrays that fill it.

    Two kinds of parts become arrays of one axis, which every library takes. A boolean
    is a mask, as in NumPy: of one element on an axis of its own, so ``x`` gets one of
    length 1 and the array is [0] or []. An integer that is not known yet (in a step
    that is recorded, or on a GPU) is one of length 1; what is picked has an axis too
    many then, and the shape that it should have is returned, too, or else None.
    """
    parts = index if isinstance(index, tuple) else (index,)
    if all(map(_is_plain, parts)):
        return x, parts, (), None
    parts = tuple([_part(part) for part in parts])
    if any(type(part) is bool for part in parts):
        x = as_variable(x)
        x = reshape(x, _with_axes(x.shape, parts))
        parts = tuple([_as_index([0] * p) if type(p) is bool else p for p in parts])
    arrays = [part for part in parts if hasattr(part, "dtype")]
    template = tuple([PLACEHOLDER if hasattr(p, "dtype") else p for p in parts])
    if not any(a.ndim == 0 and backend.is_integer(a) for a in arrays):
        return x, template, arrays, None
    shape = None
    if all(a.ndim == 0 for a in arrays):
        x = as_variable(x)
        shape = picked_shape("getitem", x.shape, template, [()] * len(arrays))
    arrays = [a if a.ndim else reshape(a, (1,)) for a in arrays]
    return x, template, arrays, shape


def _is_plain(part):
    """Tell whether a part of an index is as ``_part`` returns it, the usual ones."""
    kind = type(part)
    if kind is slice:
        return {type(part.start), type(part.stop), type(part.step)} <= _ENDS
    return kind is int or part is None or part is Ellipsis


def _part(part):
    """Return a part of an index as None, Ellipsis, a slice, an int, a bool or an array.

    Raises:
        DtypeError: it is no index.
    """
    if part is None or part is Ellipsis or type(part) in (int, bool):
        return part
    if isinstance(part, slice):
        return slice(*[_end(end) for end in (part.start, part.stop, part.step)])
    array = array_of(part)
    if backend.NAMESPACES.get(type(array)) is host and not array.ndim:
        array = array.item()
    if isinstance(array, int):
        return array if type(array) is bool else int(array)
    array = _as_index(array)
    is_mask = not array.ndim and not backend.is_integer(array)
    if is_mask and backend.device_of(array).kind != "trace":  # it can be read
        return bool(Variable._of(array))
    return array


def _end(end):
    try:
        return None if end is None else operator.index(end)
    except TypeError:
        raise DtypeError(f"getitem: {end!r} came in a slice, needed an int") from None


def _with_axes(shape, parts):
    """Return the shape with an axis of length 1 where a part is a bool."""
    rest = max(len(shape) - sum(map(_axes_of, parts)), 0)
    longer, axis = [], 0
    for part in parts:
        if type(part) is bool:
            longer.append(1)
            continue
        count = rest if part is Ellipsis else _axes_of(part)
        longer += shape[axis : axis + count]
        axis += count
    return (*longer, *shape[axis:])


def _axes_of(part):
    """Return how many axes a part of an index points into."""
    if part is None or part is Ellipsis or type(part) is bool:
        return 0
    is_mask = hasattr(part, "dtype") and not backend.is_integer(part)
    return part.ndim if is_mask else 1


def _as_index(part):
    array = backend.asarray(part)
    if not array.size and backend.is_floating(array):  # an empty list
        array = backend.cast(array, "int64")
    if not backend.dtype_name(array.dtype).startswith(("int", "uint", "bool")):
        name = backend.dtype_name(array.dtype)
        raise DtypeError(f"getitem: a {name} index came, needed integers or booleans")
    return array
