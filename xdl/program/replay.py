"""Replay: a program bound to the arrays of its state, and the short way to it."""

import numpy as np

from xdl.backend import NAMESPACES, random
from xdl.backend.recording import revision
from xdl.core.node import tick
from xdl.core.variable import Variable
from xdl.program.batches import stacked
from xdl.program.interpreter import Refused, number_of
from xdl.program.nest import mapped

MISS = object()  # the short way does not fit this call


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
        """Return a function of the step's arguments that replays without questions.

        It answers MISS where a question is needed: other arguments, a changed state or
        hyperparameter. There is no short way (None) for nested arguments, random draws
        and state that is replaced.

        Args:
            given: the arguments of a call that fits.
        """
        program, slots = self.program, self.state.slots
        is_plain = all(type(x) is np.ndarray for x in given)
        replaces = any(not u.in_place for u in program.updates)
        if not is_plain or replaces or program.draws or self.executor.given_slots:
            return None
        names = {"revision": revision, "now": revision[0], "MISS": MISS, "tick": tick}
        names |= {"ndarray": np.ndarray, "step": self._step, "Variable": Variable}
        names |= {"new": object.__new__, "asarray": np.asarray, "Refused": Refused}
        names["memory"] = {id(root(slot.get())) for slot in slots}
        dtypes = {slot.get().dtype for slot in slots if not slot.is_grad}
        tests = ["revision[0] != now"]
        for i, x in enumerate(given):
            names |= {f"shape{i}": x.shape, f"dtype{i}": x.dtype}
            tests += [f"type(x{i}) is not ndarray", f"x{i}.shape != shape{i}"]
            tests += [f"x{i}.dtype is not dtype{i}"]
            if x.dtype in dtypes:
                tests.append(f"id(x{i} if x{i}.base is None else x{i}.base) in memory")
        for i, slot in enumerate(slots):
            names |= {f"v{i}": slot.variable, f"a{i}": slot.get()}
            names[f"node{i}"] = slot.variable._node
            if slot.is_grad:
                tests.append(f"v{i}._node is not node{i}")
                if slot.variable.trainable:
                    tests.append(f"node{i}.grad is not None")
            else:
                tests.append(f"v{i}._value is not a{i}")
        exec(self._short_text(len(given), tests, names), names)
        self._is_refused = names["is_refused"]
        return names["replay"]

    def fits(self, given):
        """Tell whether the short way, and one native call for many steps, can be taken.

        Args:
            given: the arguments of a call, as many as when the short way was found.
        """
        return hasattr(self.executor, "many") and not self._is_refused(*given)

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

    def _short_text(self, count, tests, names):
        given = "".join(f"x{i}, " for i in range(count))
        test = " or ".join(tests)
        lines = [f"def is_refused({given}):", f"  return {test}"]
        lines += [f"def replay({given}):", f"  if {test}:", "    return MISS"]
        lines += self._direct(count, names) or [f"  results = step({given}0, 0)"]
        touched = [u.slot for u in self.program.updates]
        nodes = [i for i in touched if names[f"node{i}"] is not None]
        if nodes:
            lines.append("  index = tick()")
        for i in nodes:
            lines.append(f"  node{i}.index = index; node{i}.kept = ()")
        single = self.program.outputs
        if getattr(single, "kind", None) == "variable":
            made = "r0" if "r0" in names else "asarray(results[0])"
            lines += ["  out = new(Variable)", f"  out._value = {made}"]
            lines += ["  out._node = None", "  return out"]
        else:
            names |= {"mapped": mapped, "outputs": single, "returned": _returned}
            lines.append("  results = iter(results)")
            lines.append("  return mapped(outputs, lambda o: returned(o, results))")
        return "\n".join(lines)

    def _direct(self, count, names):
        """Return lines that call an executor's native function, if it has one."""
        direct = getattr(self.executor, "direct", None)
        return direct(names, [f"x{i}" for i in range(count)]) if direct else None


def root(array):
    """Return the array whose memory ``array`` is a view of: itself if of none."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def array_of(value):
    """Return what an executor made as an array; NumPy's scalars are none."""
    return NAMESPACES[type(value)].asarray(value)


def _returned(output, results):
    if output.kind == "constant":
        return output.value
    value = next(results)
    return Variable._of(array_of(value)) if output.kind == "variable" else value
