"""Arrays: where the arrays of a program lie on a GPU, as long as its graph lives."""

import math

import numpy as np

from xdl.program.interpreter import compute
from xdl.tracing.values import Instruction, dense, is_given, replaced


class Arrays:
    """The arrays of a program's Values; each is where it is for good.

    Args:
        xp: the namespace of CuPy.
        plan: the Plan; it places nothing in the arrays of the state.
        program: the Program.
        states: for each slot of the state its array, None where each call gives it.
        table: the Table of the program's numbers.

    Attributes:
        inputs: those of the arguments.
        given: from the number of a slot whose array each call gives to where it goes.
        of_others: (array, array of the host that is copied into it before each step).
    """

    def __init__(self, xp, plan, program, states, table):
        cupy = xp.cupy
        self._xp, self._cupy, self._plan, self._table = xp, cupy, plan, table
        self._arena = cupy.empty(plan.nbytes + 64, "uint8")
        self._start = -self._arena.data.ptr % 64
        self._arrays = {}
        self.inputs = [self._input(v) for v in program.inputs if v is not None]
        self.given, self.of_others = {}, []
        self.states = states

    def _input(self, value):
        self._arrays[value] = array = self._new(value)
        return array

    def _new(self, value):
        """Return an array of its own for a Value."""
        axes = value.axes or range(len(value.shape))
        lengths = [value.shape[axis] for axis in axes]
        array = self._cupy.zeros(lengths, value.dtype)
        return array.transpose(np.argsort(axes).tolist()) if lengths else array

    def array(self, value):
        """Return the array of a Value; it is made at its first mention."""
        if value not in self._arrays:
            self._arrays[value] = self._made(value)
        return self._arrays[value]

    def _made(self, value):
        if value.origin == "state":
            held = self.states[value.data]
            if held is None:
                held = self.given[value.data] = self._new(value)
            return held
        if isinstance(value.origin, Instruction) and is_plain_view(value.origin):
            view = value.origin
            return compute(
                view, self._xp, self.real(view.arguments), view.options, None
            )
        if is_given(value):
            return self._held(value)
        buffer = self._plan.buffers.get(value)
        return self._new(value) if buffer is None else self._cut(value, buffer.offset)

    def _held(self, value):
        """Return the array of one that the program has, or that others write into."""
        is_of_others = value.origin == "outer"
        if is_of_others and not isinstance(value.data, np.ndarray):
            return value.data
        array = self._new(value)
        array[...] = self._cupy.asarray(dense(value))
        if is_of_others:
            self.of_others.append((array, value.data))
        return array

    def _cut(self, value, offset):
        lengths = [value.shape[axis] for axis in value.axes]
        nbytes = math.prod(lengths) * value.dtype.itemsize
        first = self._start + offset
        whole = self._arena[first : first + nbytes].view(value.dtype)
        return whole.reshape(lengths).transpose(np.argsort(value.axes).tolist())

    def lying(self, value):
        """Return the array of a Value and, if that does not lie densely, a copy.

        Returns:
            What a generated kernel reads, which is dense in the order of the Value's
            axes, and the array that must be copied into it before, or None.
        """
        array = self.array(value)
        if value.axes is None and not array.flags.c_contiguous:
            return self._new(value), array
        return array, None

    def real(self, nested, dtype=None):
        """Return arguments with arrays in the place of Values.

        Args:
            nested: as of an Instruction.
            dtype: of the arrays, without axes, that stand for numbers.
        """
        return replaced(nested, lambda value: self._real(value, dtype))

    def _real(self, value, dtype):
        if value.is_number:
            return self._table.array(value).astype(dtype)
        return self.array(value)


def is_plain_view(one):
    """Tell whether an instruction is a view that hangs on no other array."""
    return one.is_view and len(one.operands()) == 1
