"""Replay: a program bound to the arrays of its state, and the fast path to it."""

import contextlib

from xdl.backend import NAMESPACES, random
from xdl.core.computed import follow, offer
from xdl.core.node import tick
from xdl.core.variable import Variable, array_of
from xdl.program.call.batches import stacked
from xdl.program.call.fast_path import fast_path
from xdl.program.interpreter import made_numbers, number_of
from xdl.program.memory.trim import give_memory_back
from xdl.program.numpy_executor.holding import Holding
from xdl.program.pytree import mapped
from xdl.program.record.attributes import fetched, holds


class Replay:
    """A program as something to run.

    Args:
        program: an improved Program.
        state: the State that it was recorded with.
        executor: the class that runs it.
        key: what the program is for.

    Attributes:
        is_verified: whether a replay has been compared with eager.
        plain: the Perturbed by which it will be compared, or None.
        fast: its FastPath, or None.
        holding: the Holding of its executor.
    """

    def __init__(self, program, state, executor, key):
        self.program, self.state, self.key = program, state, key
        self._arithmetic = [
            one for one in program.instructions if one.result and one.result.is_number
        ]
        self.executor = executor(program)
        self.holding = getattr(self.executor, "holding", None) or Holding()
        self.is_verified, self.plain, self.fast = False, None, None
        self._arrays, self._has_run = None, False
        self.seen = [0]  # when it ran last
        for thing, name, _ in program.reads:
            follow(thing, name)
        give_memory_back()  # that of the planning

    @property
    def does_members(self):
        """Whether a native function does steps of members, once this has run."""
        is_native = hasattr(self.executor, "job") and self._has_run
        if not is_native or self.program.has_floats:
            return False
        return all(update.in_place for update in self.program.updates)

    def holds(self, numbers):
        """Tell whether numbers answer the program's guards as those it was made with.

        Args:
            numbers: the hyperparameters, and the floats among the arguments.
        """
        if not (holds(self.program.reads) and self.program.outside.is_same()):
            return False
        try:
            return all(
                question(number_of(value, numbers)) == answer
                for value, question, answer in self.program.guards
            )
        except (ArithmeticError, TypeError, ValueError):
            return False  # when it is recorded anew, the step says what is wrong

    def computes(self, numbers):
        """Tell whether the arithmetic of numbers comes to real numbers."""
        try:
            made = made_numbers(self._arithmetic, numbers)
        except ArithmeticError:
            return False
        return not any(isinstance(number, complex) for number in made.values())

    def bind(self, numbers):
        """Take over numbers, and the state's arrays if they are new.

        Args:
            numbers: as of ``holds``.
        """
        arrays = [
            slot.get() if i in self.executor.bound_slots else None
            for i, slot in enumerate(self.state.slots)
        ]
        old = self._arrays
        if old is None or any(a is not b for a, b in zip(arrays, old, strict=True)):
            give_memory_back()  # what follows takes new memory, not what is left
            self._step = self.executor.bind(arrays)
            self._arrays, self._has_run = arrays, False
        self.executor.set_numbers(numbers)
        self._numbers = numbers

    def run(self, given):
        """Replay the program once bound; return what the step returns.

        Args:
            given: the arguments, flat.

        Raises:
            Refused: a check failed; nothing has changed.
        """
        if not self._has_run:  # the memory of eager steps before
            give_memory_back()
            self._has_run = True
        pairs = zip(given, self.program.inputs, strict=True)
        inputs = [array_of(leaf) for leaf, value in pairs if value is not None]
        slots = self.state.slots
        replaced = [slots[i].get() for i in self.executor.given_slots]
        draw = random.next_draw(0)
        try:
            results = iter(self._step(*inputs, *replaced, *draw))
            random.next_draw(self.program.draws)
            returned = mapped(self.program.outputs, lambda o: _returned(o, results))
            for update in self.program.updates:
                slot = slots[update.slot]
                if not update.in_place:
                    given_up = update.value is None
                    slot.place(None if given_up else _made(next(results)))
                slot.touch()
            self._offer()
            return returned
        finally:
            self.holding.end()

    def before_changes(self, function):
        """Return a context in which a function is called before a step changes state.

        Args:
            function: of arrays of bytes, which are free until the next step.
        """
        if self.executor.is_exact:
            return self.executor.before_changes(function)
        function(())
        return contextlib.nullcontext()

    def _offer(self):
        """Let what the step sets as attributes be fetched from this replay."""
        for module, name, _ in self.program.attributes:
            if not name.startswith("_") and offer(module, name, self):
                vars(module).pop(name, None)
        self.seen[0] = tick()

    def fetched(self, module, name):
        """Return what an attribute held at the end of the last replay."""
        for one, its_name, outputs in self.program.attributes:
            if one is module and its_name == name:
                return fetched(outputs, self._fetch, f"{module._label()}.{name}")
        raise AssertionError(name)

    def _fetch(self, output):
        if output.kind == "number":
            return number_of(output.value, self._numbers)
        peek = getattr(self.executor, "peek", None)
        array = None if peek is None else peek(output.value)
        return None if array is None else array.copy()

    def fast_path(self, given):
        """Return the FastPath of this program once bound, or None if it has none.

        Args:
            given: the arguments of a call that fits.
        """
        watch = self.state.watch
        if self.fast is None or not self.fast.is_still(given, watch):
            self.fast = fast_path(self, self._step, given, _returned)
        return self.fast

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
            self._offer()
        return count, stacked(self.program.outputs, iter(results), count)


def _made(value):
    """Return what an executor made as an array; NumPy's scalars are none."""
    return NAMESPACES[type(value)].asarray(value)


def _returned(output, results):
    if output.kind == "constant":
        return output.value
    value = next(results)
    return Variable._of(_made(value)) if output.kind == "variable" else value
