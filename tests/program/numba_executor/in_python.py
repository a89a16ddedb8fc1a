"""The text of a native step, run by Python itself: what it says, without Numba."""

import re

import numpy as np

from xdl.backend import numpy as host
from xdl.backend import rounding
from xdl.program.errors import Ineligible, Refused
from xdl.program.numba_executor.whole_step.text import WholeText
from xdl.program.numpy_executor.executor import NumpyExecutor


def _matrix(memory, rows, columns, row, column):
    strides = row * memory.itemsize, column * memory.itemsize
    return np.lib.stride_tricks.as_strided(memory, (rows, columns), strides)


def _product(m, n, k, a, a_row, a_column, b, b_row, b_column, c, c_row, adds):
    x, y = _matrix(a, m, k, a_row, a_column), _matrix(b, k, n, b_row, b_column)
    _matrix(c, m, n, c_row, 1)[...] = x @ y


class _Piece:
    """A pointer into a memory: what lies before it has a negative index."""

    def __init__(self, memory, start):
        self.memory, self.start = memory, start

    def __getitem__(self, i):
        return self.memory[self.start + i]

    def __setitem__(self, i, number):
        self.memory[self.start + i] = number


NAMES = {
    "at": lambda memory, offset: memory[offset:],
    "is_other": None,  # asked for single steps alone
    "meets": None,
    "piece": lambda memory, offset, *which: _Piece(memory, offset),
    "start": lambda array: 1,
    "elements": lambda array: array,
    "pointer_int64": lambda address: None,
}
for _dtype in ("float32", "float64"):
    NAMES |= {
        f"exp_{_dtype}": np.exp,
        f"expm1_{_dtype}": np.expm1,
        f"log_{_dtype}": np.log,
        f"log1p_{_dtype}": np.log1p,
        f"tanh_{_dtype}": np.tanh,
        f"erf_{_dtype}": lambda x: host.erf(np.asarray(x))[()],
        f"round_to_tfloat32_{_dtype}": rounding.round_to_tfloat32,
        f"round_to_bfloat16_{_dtype}": rounding.round_to_bfloat16,
        f"round_to_float16_{_dtype}": rounding.round_to_float16,
        f"plus_{_dtype}": lambda x, y: x + y,
        f"maximum_{_dtype}": np.maximum,
        f"minimum_{_dtype}": np.minimum,
    }


def _native(function=None, **options):
    return function or (lambda one: one)


class InPython:
    """An executor that runs the text of a native step by Python, number by number.

    Raises:
        Ineligible: the program has no such text.
    """

    name, is_exact = "in Python", False

    def __init__(self, program):
        self.text = WholeText(program)
        self.plan, self.source = self.text.plan, self.text.source
        self.given_slots = [m.data for m in self.text.given("given")]
        self.bound_slots = frozenset(m.data for m in self.text.given("state"))
        inputs = [i for i, value in enumerate(program.inputs) if value is not None]
        self.names = [f"x{i}" for i in inputs] + [f"s{i}" for i in self.given_slots]
        source = re.sub("from xdl.native.* import .*", "", self.source)
        multiplying = dict.fromkeys(("float32", "float64"), _product).get
        self.namespace = {"NAMES": NAMES, "native": _native, "multiplying": multiplying}
        exec(compile(source, "<native text>", "exec"), self.namespace)
        self.numbers = {m.name: np.zeros(1) for m in self.text.given("number")}

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        for memory in self.text.given("number"):
            self.numbers[memory.name][0] = numbers[memory.data]

    def bind(self, arrays):
        """Lay the memories out; an arena begins with what no result may depend on."""
        self.memory = dict(self.numbers)
        for one in self.text.memories.values():
            if one.kind == "arena":
                count = one.data // one.dtype.itemsize + 1
                self.memory[one.name] = np.full(count, 77, one.dtype)
            elif one.kind == "constants":
                self.memory[one.name] = np.concatenate(one.data)
            elif one.kind == "sizes":
                self.memory[one.name] = one.data
            elif one.kind == "state":
                array = arrays[one.data]
                self.memory[one.name] = np.lib.stride_tricks.as_strided(
                    array, (array.size,), (array.itemsize,)
                )
        return self.step

    def step(self, *arguments):
        """Run one step."""
        memory = dict(self.memory)
        for name, array in zip(self.names, arguments[:-2], strict=True):
            memory[name] = np.ascontiguousarray(array).reshape(-1)
        results = {m.name: np.empty(m.data, m.dtype) for m in self.text.given("result")}
        memory |= {name: array.reshape(-1) for name, array in results.items()}
        with np.errstate(all="ignore"):
            asked = [memory[m.name] for m in self.text.asked()]
            given = [memory[name] for name in self.text.memories]
            if self.namespace["steps"](1, None, *asked, *given) != 1:
                raise Refused
        pairs = zip(results.values(), self.text.results, strict=True)
        return tuple([r.item() if kind == "number" else r for r, kind in pairs])


def in_python(program):
    """Return the executor of a program: NumPy's, if it has no native text."""
    try:
        return InPython(program)
    except Ineligible:
        return NumpyExecutor(program)
