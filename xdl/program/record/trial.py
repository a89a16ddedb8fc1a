"""Trials: a step that was recorded, recorded again with arrays of other lengths."""

import contextlib
import contextvars

import numpy as np

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.promote import is_data
from xdl.core.variable import Variable, array_of
from xdl.program.errors import Changed
from xdl.program.passes.pipeline import improved
from xdl.program.pytree import leaves, mapped
from xdl.program.record.attributes import holds
from xdl.program.record.surroundings import Surroundings

_KEPT = 2  # rows of each argument


class Trial:
    """What it takes to record a step again.

    Args:
        record: the function that records it, of ``xdl.program.record.recorder``.
        function: the step.
        state: its State.
        arguments: its arguments, nested; of arrays a few rows are kept.
        floats_vary: whether the program is for every float among them.

    Attributes:
        owner: the Compiled whose program it is for; None: nobody calls it.
    """

    def __init__(self, record, function, state, arguments, floats_vary):
        self._record, self._function = record, function
        self._state, self._floats_vary = state, floats_vary
        self._arguments = mapped(arguments, _sample)
        self._key, self._context = state.key(), contextvars.copy_context()
        self.owner = None

    def lock(self):
        """Return what is held while the step is called."""
        return contextlib.nullcontext() if self.owner is None else self.owner._lock

    def shapes(self):
        """Return from the numbers of the arguments that are arrays to their shapes."""
        samples = enumerate(leaves(self._arguments))
        return {i: one.shape for i, one in samples if isinstance(one, _Sample)}

    def program(self, axes, length, **options):
        """Record the step once more; nothing is left of it.

        Args:
            axes: from the number of an argument to its axis that has another length.
            length: that length.
            **options: of the function that records.
        """
        numbers = iter(range(len(leaves(self._arguments))))

        def given(leaf):
            i = next(numbers)
            if not isinstance(leaf, _Sample):
                return leaf
            return leaf.array(axes.get(i), length)

        arguments = mapped(self._arguments, given)
        around = Surroundings(self._function, self._state.modules, ())
        recorded = (self._function, self._state, arguments, self._floats_vary)
        try:
            return self._context.copy().run(
                self._record, *recorded, keeps=False, **options
            )[0]
        finally:
            around.put_back()

    def refuse_changed(self, program):
        """Raise a Changed if the step of a program would be recorded otherwise now."""
        if self._state.key() != self._key:
            raise Changed("the state is another one, or in another mode, by now")
        if not holds(program.reads):
            raise Changed("an attribute that the step reads is another one by now")
        if not program.outside.is_same():
            raise Changed("what the step reads outside is something else by now")

    def improved(self, program):
        """Apply the passes to a program of this trial."""
        return improved(program, NAMESPACES[np.ndarray])


class _Sample:
    """A few rows of an array, which stand for it.

    Args:
        leaf: the array, or a Variable that holds it.
    """

    def __init__(self, leaf):
        array = array_of(leaf)
        self.shape = array.shape
        rows = array[:_KEPT] if array.ndim else array
        self._rows = backend.to_numpy(rows).copy()
        self._is_variable = isinstance(leaf, Variable)
        self._is_data = is_data(leaf)

    def array(self, axis, length):
        """Return an array like it; one axis has another length.

        Args:
            axis: which; None: none has.
            length: of that axis.
        """
        shape = list(self.shape)
        if axis is not None:
            shape[axis] = length
        array = self._rows
        for i, count in enumerate(shape):
            array = _repeated(array, i, count)
        if not self._is_variable:
            return array
        return Variable._of(array, is_data=self._is_data)


def _sample(leaf):
    array = array_of(leaf)
    return _Sample(leaf) if type(array) in backend.ARRAYS else leaf


def _repeated(array, axis, count):
    """Return an array with its rows again and again; floats become smaller each time.

    Rows that are equal have no distance, whose root has no gradient.
    """
    have = array.shape[axis]
    if have == count:
        return array
    numbers = np.arange(count)
    if not have:
        shape = (*array.shape[:axis], count, *array.shape[axis + 1 :])
        return np.zeros(shape, array.dtype)
    array = array.take(numbers % have, axis)
    if array.dtype.kind != "f" or count <= have:
        return array
    factors = (1 - (numbers // have) * (have / (2 * count))).astype(array.dtype)
    return array * factors.reshape(-1, *[1] * (array.ndim - axis - 1))
