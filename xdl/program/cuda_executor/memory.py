"""Memory: where the operands of one instruction lie."""

import numpy as np

from xdl.program.fusion.groups import SINGLE
from xdl.program.fusion.strides import Layout, Maps, merged
from xdl.tracing.instructions import Kind
from xdl.tracing.values import Value, owner_of


class Memory(Maps):
    """The maps of Values; what does not lie densely is copied so by who gives it."""

    def _layout(self, value):
        is_owner = owner_of(value) is value
        if not value.size or (value.axes is None and is_owner):
            axes = tuple(range(len(value.shape)))
            return Layout(Layout.stand_in(value.shape, np.int8, axes))
        return super()._layout(value)

    def _view(self, view):
        found = super()._view(view)
        if found is not None or view.row.kind != Kind.PART or len(view.operands()) > 1:
            return found
        x, index = view.arguments  # to CuPy one number is a view, too
        layout = self._layout(x)
        index = index if isinstance(index, tuple) else (index,)
        if layout is None or Ellipsis in index:
            return None
        return layout.view(lambda array: array[(*index, ...)])

    def layout(self, value):
        """Return the Layout of a Value in the memory of its owner, or None."""
        return self._layout(value)

    def place(self, value, shape, order):
        """Return SINGLE or the (offset, map) of an operand; None: there is none.

        Args:
            value: a Value.
            shape: what it is broadcast to.
            order: the axes of that, as the threads go through them.
        """
        if value.is_number or value.size == 1:
            return SINGLE
        layout = self._layout(value)
        if layout is None:
            return None
        return place_of(layout.spread(shape), order)

    def start(self, value):
        """Return where in its owner's memory a Value of one number lies, or None."""
        if value.is_number:
            return 0
        layout = self._layout(value)
        return None if layout is None else layout.offset


def place_of(layout, order):
    """Return the (offset, map) of a Layout, gone through in an order of axes."""
    lengths, strides = layout.shape, layout.strides
    return layout.offset, merged([(lengths[a], strides[a]) for a in order])


def result_layout(value):
    """Return the Layout of what an instruction makes."""
    return Layout(Layout.stand_in(value.shape, np.int8, value.axes))


def is_over(taken, result, value):
    """Tell whether a result is written over the memory of an operand."""
    over = taken.get(result)
    return (
        isinstance(value, Value)
        and over is not None
        and owner_of(value) is (owner_of(over))
    )
