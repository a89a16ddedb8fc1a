"""Reading and writing at computed places in a native step."""

import numpy as np

from xdl.program.errors import Ineligible
from xdl.program.numba_executor.whole_step.places import LoopNest
from xdl.program.numba_executor.whole_step.words import cast, loaded
from xdl.tracing.values import Value


class Gathers:
    """Writes what indexes arrays with arrays.

    Args:
        lines: the Lines that they are added to.
    """

    def __init__(self, lines):
        self.lines, self.text = lines, lines.text

    def part(self, instruction):
        """Write ``x[index]``, which is no view."""
        x, index = instruction.arguments
        place = self.text.place(x)
        if not _has_arrays(index):
            part = place.view(lambda array: array[_as_view(index)])
            if part.shape:
                raise Ineligible("a part that is copied")
            self._keep(instruction.result, loaded(part, ()))
            return
        self._read(instruction.result, place, _front(index), None)

    def take(self, instruction):
        """Write ``take(x, indices, axis)``."""
        x, indices = instruction.arguments[:2]
        axis = instruction.axis % len(x.shape)
        place = self.text.place(x).view(lambda array: np.moveaxis(array, axis, 0))
        front = (*range(axis, axis + len(indices.shape)),)
        self._read(instruction.result, place, (indices,), front)

    def change(self, instruction):
        """Write ``scatter_add`` or ``set_at`` into a copy of the first argument."""
        x, index, new = instruction.arguments
        result, memory = instruction.result, self.text.memory_of
        if not result.shape:
            raise Ineligible("a change of one number")
        if isinstance(new, Value) and memory(new) is memory(result):
            raise Ineligible("a change by a part of the same array")
        place = self.text.place(result)
        if memory(x) is not memory(result):
            self.lines.copy(x, place)
        is_sum = instruction.row.adds
        if not _has_arrays(index):
            part = place.view(lambda array: array[_as_view(index)])
            self._write(part, part.shape, [], new, is_sum)
            return
        front = _front(index)
        self._write(place, None, front, new, is_sum)

    def _keep(self, result, text):
        local = self.lines.new()
        self.lines.body.append(f"{local} = {text}")
        self.text.scalars[result] = local

    def _read(self, result, place, front, axes):
        """Write a result whose elements are ``place[front]``; ``axes``: of front."""
        shape, rest, indices = self._indexed(place, front)
        if not shape:
            nest = LoopNest((), [rest, *indices.values()])
            lines, text = self._positions(place, rest, indices, nest, front)
            self.lines.body += lines
            self._keep(result, cast_bool(place, text))
            return
        target = self.text.place(result)
        if axes:
            target = target.view(lambda a: np.moveaxis(a, axes, range(len(axes))))
        places = [target, rest, *indices.values()]
        nest = LoopNest(shape, places)
        lines, text = self._positions(place, rest, indices, nest, front)
        element = target.element(nest.steps(target))
        self.lines.add(nest, [*lines, f"{element} = {cast_bool(place, text)}"])

    def _write(self, place, shape, front, new, is_sum):
        """Write ``place[front] = new``, or += new, in the order of the index."""
        if front:
            shape, rest, indices = self._indexed(place, front)
        else:
            rest, indices = place, {}
        places, dtype = [rest, *indices.values()], str(place.array.dtype)
        text = self.lines.operand(new, dtype)
        if text is None:
            source = self.text.place(new).spread(shape)
            places.append(source)
        nest = LoopNest(shape, places, axes=range(len(shape)))
        if text is None:
            text = cast(loaded(source, nest.steps(source)), str(new.dtype), dtype)
        lines, element = self._positions(place, rest, indices, nest, front)
        if is_sum and dtype == "bool":
            raise Ineligible("a sum of truths")
        whole = f"{element} + {text}" if is_sum else text
        self.lines.add(nest, [*lines, f"{element} = {whole}"])

    def _indexed(self, place, front):
        """Return the shape of ``place[front]`` and the Places that a loop reads.

        These are the part of ``place`` at index 0, and those of the index arrays.
        """
        arrays = [part for part in front if isinstance(part, Value)]
        lead = np.broadcast_shapes(*[a.shape for a in arrays])
        first = (*[0] * len(front), ...)
        part = place.view(lambda array: array[first])
        shape = (*lead, *part.shape)
        indices = {}
        for axis, array in enumerate(front):
            if not isinstance(array, Value):
                continue
            if array.dtype.kind not in "iu":
                raise Ineligible(f"an index of {array.dtype}")
            self._check(array, place.shape[axis])
            if self.text.scalar(array) is None:
                index = self.text.place(array).spread(lead)
                ones = (..., *[None] * len(part.shape))
                indices[axis] = index.view(lambda a, ones=ones: a[ones]).spread(shape)
        return shape, part.spread(shape), indices

    def _positions(self, place, rest, indices, nest, front):
        """Return lines that find an element, and its text."""
        lines, steps = [], nest.steps(rest)
        for axis, array in enumerate(front):
            stride, size = place.strides[axis], place.shape[axis]
            if not isinstance(array, Value):
                steps.append((f"${array % size}", stride))
                continue
            local = self.lines.new()
            if axis in indices:
                text = indices[axis].element(nest.steps(indices[axis]))
            else:
                text = self.text.scalar(array)
            lines.append(f"{local} = int64({text})")
            if self.text.checked.get(array, size + 1) > size:
                lines.append(f"if {local} < 0:")
                lines.append(f"    {local} += ${size}")
            steps.append((local, stride))
        return lines, rest.element(steps)

    def _check(self, index, size):
        """Write that an index out of range is refused; it is no longer once written."""
        if index.origin == "constant":
            data = np.asarray(index.data)
            if data.min() < -size or data.max() >= size:
                raise Ineligible("an index out of range")
            return
        if self.text.checked.get(index, size + 1) <= size:
            return
        if self.text.is_changed:
            raise Ineligible("an index that comes after the state has changed")
        self.lines.check(index, -size, size)


def cast_bool(place, element):
    """Return the text of an element as a number."""
    return f"({element} != 0)" if place.array.dtype == bool else element


def _parts(index):
    return index if isinstance(index, tuple) else (index,)


def _has_arrays(index):
    return any(isinstance(part, Value | list) for part in _parts(index))


def _as_view(index):
    """Return an index that always gives an array, not a number."""
    return (*_parts(index), ...) if Ellipsis not in _parts(index) else index


def _front(index):
    """Return the arrays and integers that an index begins with.

    Raises:
        Ineligible: there are others after a slice.
    """
    parts = list(_parts(index))
    while parts and (parts[-1] is Ellipsis or parts[-1] == slice(None)):
        parts.pop()
    for part in parts:
        if not isinstance(part, Value) and type(part) is not int:
            raise Ineligible("an index of arrays after a slice")
    return tuple(parts)
