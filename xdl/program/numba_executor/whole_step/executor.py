"""A whole small step as one native function."""

import functools
import time
from typing import Any

import numpy as np
from numba.core import types

from xdl.backend import numpy as host
from xdl.native.cache import load
from xdl.native.many import address_of
from xdl.native.runtime import ADDRESS, ELEMENTS, is_readable
from xdl.program.errors import Ineligible, Refused
from xdl.program.numba_executor.whole_step.members import Job
from xdl.program.numba_executor.whole_step.text import WholeText
from xdl.program.numpy_executor.holding import Holding


class NumbaWhole:
    """Runs a program of small arrays as one native function.

    Args:
        program: an improved Program; it is not changed.

    Attributes:
        plan: where Values lie.
        source: the text that is compiled.
        given_slots, bound_slots, is_exact: as of the NumPy executor.
        seconds: what it took to compile the source, or to read it from the cache.

    Raises:
        Ineligible: the program holds something that is not known here.
    """

    name, device = "numba", "cpu"
    is_exact = False

    def __init__(self, program):
        if not is_readable():
            raise Ineligible("arrays of an unknown layout")
        self.text = WholeText(program)
        self.plan, self.source = self.text.plan, self.text.source
        self.given_slots = [m.data for m in self.text.given("given")]
        self.bound_slots = frozenset(m.data for m in self.text.given("state"))
        inputs = [i for i, value in enumerate(program.inputs) if value is not None]
        self.holding = Holding()
        self._names = [f"x{i}" for i in inputs] + [f"s{i}" for i in self.given_slots]
        self._numbers = {m.name: np.zeros(()) for m in self.text.given("number")}
        begin = time.perf_counter()
        self.namespace = load(self.source).__dict__
        memories = self.text.memories.values()
        kinds = (types.int64, ADDRESS, *[ADDRESS] * len(self.text.asked()))
        kinds += tuple([ELEMENTS[str(memory.dtype)] for memory in memories])
        self._steps = _compiled(self.namespace["steps"], kinds)
        self._kinds = kinds
        self.seconds = time.perf_counter() - begin

    @property
    def asks(self):
        """The numbers of the arguments about which the lines of ``direct`` ask."""
        return {memory.data for memory in self.text.given("input")}

    def bind(self, arrays):
        """Make the function for the arrays of the state."""
        passed = ("input", "given", "result")
        memories = self.text.memories.values()
        self._kept = {
            m.name: self._array(m, arrays) for m in memories if m.kind not in passed
        }
        states = [self._kept[m.name] for m in self.text.given("state")]
        self.table = self.text.table(states)
        return self._step

    def _array(self, memory, arrays):
        """Return the array that is behind a pointer."""
        if memory.kind == "state":
            return arrays[memory.data]
        if memory.kind == "number":
            return self._numbers[memory.name]
        if memory.kind == "outer":
            return memory.data
        if memory.kind == "constants":
            return np.concatenate(memory.data)
        if memory.kind == "sizes":
            return np.array(memory.data, np.int64)
        whole = np.empty(memory.data + 64, np.uint8)
        return whole[-whole.ctypes.data % 64 :]

    def _step(self, *arguments):
        """Run one step on any arrays that the program is for."""
        memories = self.text.given("result")
        results = [np.empty(m.data, m.dtype) for m in memories]
        self.holding.begin()  # for what the caller does after it
        if self._run(1, arguments[:-2], results) != 1:
            raise Refused
        return self.returned(results)

    def _run(self, count, arrays, results):
        """Do steps; return how many were done."""
        given = dict(zip(self._names, map(_readable, arrays), strict=True))
        given |= {f"r{i}": array for i, array in enumerate(results)}
        given |= self._kept
        asked = [given[memory.name] for memory in self.text.asked()]
        return self._steps(
            count, self.table, *asked, *[given[name] for name in self.text.memories]
        )

    def direct(self, names):
        """Return lines of Python that run a step and set ``results``.

        Args:
            names: the namespace of the lines; what they name is added.
        """
        results = self.text.given("result")
        names |= {"steps": self._steps, "table": self.table, "empty": np.empty}
        names |= {"numbered": self.returned, "Refused": Refused, **self._kept}
        lines = []
        for memory in results:
            name = memory.name
            names |= {f"shape_{name}": memory.data, f"dtype_{name}": memory.dtype}
            lines.append(f"    {name} = empty(shape_{name}, dtype_{name})")
        passed = [*[memory.name for memory in self.text.asked()], *self.text.memories]
        lines.append(f"    done = steps(0, table, {', '.join(passed)})")
        lines.append("    if done != 1:")
        lines += ["        if done < 0: return MISS", "        raise Refused"]
        made = "".join(f"{memory.name}, " for memory in results)
        if "number" in self.text.results:
            made = f"*numbered(({made})),"
        return [*lines, f"    results = ({made})"]

    def many(self, inputs, count):
        """Do up to ``count`` steps in one call.

        Args:
            inputs: for each argument its array, stacked.

        Returns:
            How many steps were done before one was refused, and their results, stacked.
        """
        memories = self.text.given("result")
        results = [np.empty((count, *m.data), m.dtype) for m in memories]
        done = self._run(count, inputs, results)
        return done, [array[:done] for array in results]

    def job(self, *given):
        """Return the Job of some members, once bound; what is given is as of Job."""
        return Job(self, *given)

    @functools.cached_property
    def address(self):
        """The address of the native function."""
        return address_of(self.namespace["steps"], self._kinds)

    def own_arrays(self):
        """Return the arrays behind the pointers, with memory for one more thread.

        So are the arguments; results are empty.
        """
        arrays = dict(self._kept)
        for memory in self.text.memories.values():
            if memory.kind == "arena":
                arrays[memory.name] = self._array(memory, ())
            elif memory.kind == "input":
                value = self.text.program.inputs[memory.data]
                arrays[memory.name] = np.empty(value.shape, memory.dtype)
            elif memory.kind == "result":
                arrays[memory.name] = np.empty(0)
        return arrays

    def returned(self, results):
        """Return results as a step gives them: numbers as Python's."""
        pairs = zip(results, self.text.results, strict=True)
        return tuple([r.item() if kind == "number" else r for r, kind in pairs])

    def peek(self, value):
        """Return the array of a Value after a step, if it is kept; else None."""
        place: Any = self.text.places.get(value)
        memory = None if place is None else self.text.memories[place.memory]
        if memory is None or memory.kind not in ("arena", "state"):
            return None
        is_old = memory.kind == "state" and value not in self.plan.over_state
        if is_old:
            return None
        first = self._kept[memory.name].ravel("K").view(memory.dtype)[place.offset :]
        return np.lib.stride_tricks.as_strided(first, place.shape, place.array.strides)

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        with host.quiet():
            for memory in self.text.given("number"):
                self._numbers[memory.name][...] = numbers[memory.data]


def _readable(array):
    """Return an array as the native functions read it: contiguous and aligned."""
    array = np.ascontiguousarray(array)
    return array if array.flags.aligned else array.copy()


def _compiled(function, kinds):
    """Compile a function for types; return what Python calls.

    Numba would ask for the type of every argument; the arguments here are known.
    """
    function.compile(kinds)
    return function.overloads[kinds].entry_point
