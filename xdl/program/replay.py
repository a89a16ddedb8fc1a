"""Replay: a program bound to the arrays of its state, and the short way to it."""

from xdl.backend import NAMESPACES, random
from xdl.core.variable import Variable
from xdl.program.batches import stacked
from xdl.program.interpreter import Refused, number_of
from xdl.program.nest import mapped
from xdl.program.short import short_way


class Replay:
    """A program as something to run.

    Args:
        program: an improved Program.
        state: the State that it was recorded with.
        executor: the class that runs it.

    Attributes:
        is_verified: whether a replay has been compared with eager.
    """

    def __init__(self, program, state, executor):
        self.program, self.state = program, state
        self.executor = executor(program)
        self.is_verified = False
        self._arrays = None

    def holds(self):
        """Tell whether the hyperparameters still answer the program's guards alike."""
        numbers = self.state.read_numbers()
        return all(
            question(number_of(value, numbers)) == answer
            for value, question, answer in self.program.guards
        )

    def bind(self):
        """Take over the hyperparameters, and the state's arrays if they are new."""
        arrays = [
            slot.get() if i in self.executor.bound_slots else None
            for i, slot in enumerate(self.state.slots)
        ]
        old = self._arrays
        if old is None or any(a is not b for a, b in zip(arrays, old, strict=True)):
            self._step = self.executor.bind(arrays)
            self._arrays = arrays
        self.executor.set_numbers(self.state.read_numbers())

    def run(self, inputs):
        """Replay the program once bound; return what the step returns.

        Raises:
            Refused: a check failed; nothing has changed.
        """
        before = random.state() if self.program.draws else None
        key, draw = random.next_draw(self.program.draws)
        slots = self.state.slots
        replaced = [slots[i].get() for i in self.executor.given_slots]
        try:
            results = iter(self._step(*inputs, *replaced, key, draw))
        except Refused:
            if before is not None:
                random.restore(before)
            raise
        returned = mapped(self.program.outputs, lambda o: _returned(o, results))
        for update in self.program.updates:
            slot = slots[update.slot]
            if not update.in_place:
                slot.place(None if update.value is None else array_of(next(results)))
            slot.touch()
        return returned

    def short_way(self, given):
        """Return the Short of this program once bound, or None if it has none.

        Args:
            given: the arguments of a call that fits.
        """
        return short_way(self, self._step, given, _returned)

    def run_many(self, given, first, end):
        """Do steps until one is refused; return how many were done, and their results.

        Args:
            given: the arguments, stacked; those of the first step fit.
            first, end: the numbers of the steps.
        """
        parts = [array[first:end] for array in given]
        count, results = self.executor.many(parts, end - first)
        if count:
            for update in self.program.updates:
                self.state.slots[update.slot].touch()
        return count, stacked(self.program.outputs, iter(results), count)


def array_of(value):
    """Return what an executor made as an array; NumPy's scalars are none."""
    return NAMESPACES[type(value)].asarray(value)


def _returned(output, results):
    if output.kind == "constant":
        return output.value
    value = next(results)
    return Variable._of(array_of(value)) if output.kind == "variable" else value
