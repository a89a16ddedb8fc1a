"""A whole small step as one native function."""

import numpy as np
from numba.core import types

from xdl.program.interpreter import Refused
from xdl.program.native_text import WholeText
from xdl.program.numba_cache import load
from xdl.program.numba_raw import ADDRESS, NAMES, is_readable
from xdl.program.places import Ineligible


class NumbaWhole:
    """Runs a program of small arrays as one native function.

    Args:
        program: an improved Program; it is not changed.

    Attributes:
        plan: where Values lie.
        source: the text that is compiled.
        given_slots, bound_slots: as of the NumPy executor.

    Raises:
        Ineligible: the program holds something that is not known here.
    """

    name = "numba"

    def __init__(self, program):
        if not is_readable():
            raise Ineligible("arrays of an unknown layout")
        self.text = WholeText(program)
        self.plan, self.source = self.text.plan, self.text.source
        if any(f"gemm_{t}" in self.source for t in ("float32", "float64")):
            if not all(f"gemm_{t}" in NAMES for t in ("float32", "float64")):
                raise Ineligible("no BLAS was found")
        self.given_slots = [m.data for m in self.text.given("given")]
        self.bound_slots = frozenset(m.data for m in self.text.given("state"))
        self._fixed = {}
        self._numbers = [np.zeros((), np.float64) for _ in self.text.given("number")]
        self.namespace = load(self.source).__dict__
        passed = [ADDRESS] * len(self.text.passed())
        self._entry = _compiled(self.namespace["entry"], (ADDRESS, *passed))
        self._loop = _compiled(self.namespace["loop"], (types.int64, ADDRESS, *passed))

    def bind(self, arrays):
        """Make the function for the arrays of the state."""
        self._kept = [self._array(memory, arrays) for memory in self.text.tabled()]
        self._table = np.array([a.ctypes.data for a in self._kept] + [0], np.int64)
        return self._step

    def _array(self, memory, arrays):
        """Return the array that is behind a pointer."""
        if memory.kind == "state":
            return arrays[memory.data]
        if memory.kind == "number":
            position = [m.data for m in self.text.given("number")].index(memory.data)
            return self._numbers[position]
        if memory.kind == "constants":
            return np.concatenate(memory.data)
        whole = np.empty(memory.data + 64, np.uint8)
        return whole[-whole.ctypes.data % 64 :]

    def _step(self, *arguments):
        """Run one step on any arrays that the program is for."""
        arrays = [np.ascontiguousarray(x) for x in arguments[:-2]]
        results = [np.empty(m.data, m.dtype) for m in self.text.given("result")]
        if self._entry(self._table, *arrays, *results):
            raise Refused
        return self.returned(results)

    def direct(self, names, inputs):
        """Return lines of Python that run a step and set ``results``.

        Args:
            names: the namespace of the lines; what they name is added.
            inputs: the names of the inputs.
        """
        results = self.text.given("result")
        names |= {"entry": self._entry, "table": self._table, "returned": self.returned}
        names |= {"empty": np.empty, "Refused": Refused}
        lines = []
        for memory in results:
            names[f"shape_{memory.name}"] = memory.data
            names[f"dtype_{memory.name}"] = memory.dtype
            names[memory.name] = None
            lines.append(
                f"  {memory.name} = empty(shape_{memory.name}, dtype_{memory.name})"
            )
        listed = "".join(f"{name}, " for name in self.text.passed())
        lines += [f"  status = entry(table, {listed})", "  if status:"]
        lines += ["    if status == 2: return MISS", "    raise Refused"]
        made = "".join(f"{memory.name}, " for memory in results)
        if "number" in self.text.results:
            return [*lines, f"  results = returned(({made}))"]
        return [*lines, f"  results = ({made})"]

    def returned(self, results):
        """Return results as a step gives them: numbers as Python's."""
        pairs = zip(results, self.text.results, strict=True)
        return tuple([r.item() if kind == "number" else r for r, kind in pairs])

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        for array, memory in zip(self._numbers, self.text.given("number"), strict=True):
            array[...] = numbers[memory.data]


def _compiled(function, kinds):
    """Compile a function for types; return what Python calls, without Numba's questions.

    Numba would ask for the type of every argument; the arguments here are known.
    """
    function.compile(kinds)
    return function.overloads[kinds].entry_point
