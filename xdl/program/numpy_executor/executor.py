"""The NumPy executor: a straight-line function over ufuncs with ``out``."""

import contextlib
import functools
import importlib
import logging  # noqa: F401 (what a native executor imports logs)
from typing import Any

import numpy as np

from xdl import forks
from xdl.backend import numpy as host
from xdl.backend.quiet import quiet_context
from xdl.core.debug import made_file
from xdl.errors import GraphError
from xdl.program.errors import Refused
from xdl.program.fusion.rows import grouped
from xdl.program.memory.plan import Plan
from xdl.program.numpy_executor import kernels
from xdl.program.numpy_executor.holding import Holding
from xdl.program.numpy_executor.source import Source
from xdl.program.numpy_executor.tiles import is_worth

forks.wait(before=forks.wait_for_imports)


class NumpyExecutor:
    """Runs a program with NumPy.

    Args:
        program: an improved Program.

    Attributes:
        source: the text that is run.
        given_slots: the numbers of the state's slots whose arrays each call is given,
            in order after the inputs, for a step replaces them.
        bound_slots: those whose arrays ``bind`` needs.
        is_exact: whether it rounds as eager does.
        holding: the Holding, which whoever calls a step ends.
        holds: whether a step begins it.
    """

    name, device = "numpy", "cpu"
    is_exact = True

    def __init__(self, program):
        written = self._write(program)
        self._nbytes, self._texts = written.plan.nbytes, written.texts()
        self.source = "\n".join(self._texts)
        self._file, self._codes = made_file(self, "program", self.source), []
        self._names, self._states = written.names, written.states
        self._numbers = written.numbers
        self.namespace: dict[str, Any] = {}
        self.holding, self.holds = Holding(), written.holds
        self.given_slots, self._kept = written.given_slots, written.kept
        self.bound_slots = frozenset(self._states.values())
        self._spare = written.spare

    def _write(self, program):
        """Group and plan a program; return its Source."""
        grouped(program, is_worth)
        written = Source(program, Plan(program))
        for one in program.instructions:
            one.forget()
        return written

    def bind(self, arrays):
        """Make the function for the arrays of the state.

        Args:
            arrays: for each slot its array, or None.

        Returns:
            A function of the input arrays and the (key, number) of the next draw; it
            returns a tuple of results.
        """
        self.namespace = {
            **self._names,
            **{name: arrays[slot] for name, slot in self._states.items()},
            "buffer": kernels.arena(self._nbytes),
            "Refused": Refused,
            "begin": self.holding.begin,
            "kept": {},
        }
        if not self._codes:  # code takes memory, and is needed now
            self._codes = list(_compiled(self._texts, self._file))
            self._texts = []
        for code in self._codes:
            exec(code, self.namespace)
        return functools.partial(quiet_context().run, self.namespace["step"])

    @contextlib.contextmanager
    def before_changes(self, function):
        """Return a context in which each step calls a function before it changes state.

        It is called with pieces of memory, arrays of bytes, that are free from then on
        until the next step.
        """
        begin = self.namespace["begin"]
        cut = self.namespace["buffer"]

        def beginning(nbytes):
            function([cut(at, (size,), np.uint8) for at, size in self._spare])
            begin(nbytes)

        if not self.holds:  # it changes all in one call
            function(())
        self.namespace["begin"] = beginning
        try:
            yield
        finally:
            self.namespace["begin"] = begin

    def peek(self, value):
        """Return the array of a Value after a step, if it is kept; else None."""
        name = self._kept.get(value)
        array = self.namespace["kept"].get(name, self.namespace.get(name))
        return None if array is None else np.asarray(array)

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        for i, number in enumerate(numbers):
            self.namespace[f"n{i}"] = number
        for name, (i, dtype) in self._numbers.items():
            self.namespace[name] = host.astype(np.array(numbers[i]), dtype)


def _compiled(texts, file):
    """Yield the code of each of the texts that a file holds, one behind the other."""
    line = 0
    for text in texts:
        yield compile("\n" * line + text, file, "exec")
        line += text.count("\n") + 1


EXECUTORS = {
    "numpy": "xdl.program.numpy_executor.executor:NumpyExecutor",
    "numba": "xdl.program.numba_executor.choice:executor",
    "cuda": "xdl.program.cuda_executor.executor:CudaExecutor",
}


def executor_of(name):
    """Return the class of an executor by its name.

    Raises:
        GraphError: there is none, or what it needs is not installed.
    """
    if name not in EXECUTORS:
        listed = ", ".join(map(repr, EXECUTORS))
        raise GraphError(f"compile: executor {name!r} came, needed one of {listed}")
    module, _, attribute = EXECUTORS[name].partition(":")
    try:
        with forks.importing():
            return getattr(importlib.import_module(module), attribute)
    except ImportError as error:
        raise GraphError(
            f"compile: executor {name!r} cannot be used ({error}); "
            'install what it needs: pip install "xdl[jit]"'
        ) from error
