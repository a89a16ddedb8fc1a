"""The CUDA executor: a step as one CUDA graph, replayed by one launch.

A step is launched once instruction by instruction, so that all kernels are compiled,
and a second time into a graph. Its arrays stay where they are: arguments are copied
into arrays of its own, numbers that change lie in a table on the GPU, and what it needs
for a while comes from a pool of its own, of which nobody else gets memory.

A replay cannot be stopped half-way. So a check that fails sets a flag, and the last
kernel of the graph, which alone changes the state, does nothing where it is set.
"""

import contextlib
import importlib
from typing import Any

import numpy as np

from xdl import backend
from xdl.backend.cuda.checks import asking
from xdl.backend.cuda.products import products
from xdl.errors import GraphError
from xdl.program.cuda_executor.arrays import Arrays
from xdl.program.cuda_executor.commit import Commit
from xdl.program.cuda_executor.launches import Launches, reads_numbers
from xdl.program.cuda_executor.table import Table
from xdl.program.cuda_executor.text import has_kernels
from xdl.program.errors import Refused
from xdl.program.fusion.gathering import gathered
from xdl.program.fusion.pieces import put_in_pieces
from xdl.program.fusion.together import put_together
from xdl.program.memory.plan import Plan
from xdl.program.numba_executor.lowering import lowered
from xdl.tracing.values import owner_of


class CudaExecutor:
    """Runs a program as a graph of kernels.

    Args:
        program: an improved Program.

    Attributes:
        given_slots: the numbers of the state's slots whose arrays each call is given,
            in order after the inputs, for a step replaces them.
        bound_slots: those whose arrays ``bind`` needs.
    """

    name, device = "cuda", "cuda"
    is_exact = False

    def __init__(self, program):
        self._xp = importlib.import_module("xdl.backend.cupy")
        program.instructions = _checks_last(program.instructions)
        lowered(program)
        gathered(program, lambda group: True, for_threads=True)
        put_in_pieces(program)
        put_together(program, has_kernels)
        self._program = program
        self._plan = Plan(program, joins=False, overwrites=False)
        replaced = {u.slot for u in program.updates if not u.in_place}
        read = {v.data for v in _sources(program) if v.origin == "state"}
        self.given_slots = sorted(read & replaced)
        updated = {u.slot for u in program.updates if u.in_place}
        self.bound_slots = frozenset((read | updated) - replaced)
        self._has_checks = any(one.row.is_check for one in program.instructions)
        self._step: Any = None

    def bind(self, arrays):
        """Make the graph for the arrays of the state; return what replays it."""
        self._step = _Step(self._xp, self._program, self._plan, arrays)
        self._step.given = self.given_slots
        self._step.has_checks = self._has_checks
        return self._step

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        self._step.set_numbers(numbers)

    def peek(self, value):
        """Return the array of a Value after a step."""
        return self._step.memory.array(value)


def _checks_last(instructions):
    """Return instructions with the checks behind all others: the state changes last."""
    checks = [one for one in instructions if one.row.is_check]
    return [one for one in instructions if not one.row.is_check] + checks


def _sources(program):
    """Return the Values that a program does not make itself, and reads."""
    read = [v for one in program.instructions for v in one.operands()]
    owners = {owner_of(v) for v in [*read, *program.lasting()]}
    return [v for v in owners if isinstance(v.origin, str)]


class _Step:
    """A program that is bound to the arrays of a state: a function of the inputs."""

    def __init__(self, xp, program, plan, states):
        self._xp, self._cupy, self._program = xp, xp.cupy, program
        self._plan = plan
        cupy = self._cupy
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._pool = cupy.cuda.MemoryPool()
        self._graph, self._numbers = None, None
        self._refused = cupy.zeros(1, "int32")
        self._table = Table(cupy, program)
        for one in program.instructions:
            for value in reads_numbers(one):
                self._table.place(value)
        self._table.make()
        self.memory = Arrays(cupy, plan, program, states, self._table)
        self._returned = [o.value for o in program.returned() if o.kind != "constant"]
        replaced = [u for u in program.updates if not u.in_place and u.value]
        self._returned += [u.value for u in replaced]
        self._host = cupy.cuda.alloc_pinned_memory(4)
        self._flag = np.frombuffer(self._host, np.int32, 1)

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        self._numbers = numbers
        self._table.set_numbers(numbers)

    def __call__(self, *given):
        """Do the step.

        Args:
            *given: the inputs, the state that is replaced, and the key and number of
                the next draw.

        Raises:
            Refused: a check failed; the state is as it was.
        """
        *arrays, key, number = given
        if self._graph is None:
            self._make()
        places = [*self.memory.inputs, *[self.memory.given[i] for i in self.given]]
        for place, array in zip(places, arrays, strict=True):
            _copy(place, array)
        self._table.fill(key, number)
        self._graph.launch()
        if self.has_checks:
            self._hear()
        return [self._result(value) for value in self._returned]

    def _hear(self):
        """Wait for the step; raise Refused where a check failed."""
        self._refused.get(out=self._flag)
        if self._flag[0]:
            raise Refused

    def _result(self, value):
        if value.is_number:
            return self._table.number(value)
        return self.memory.array(value).copy()

    def _make(self):
        """Compile all kernels by a step that changes nothing, and capture the graph."""
        cupy, stream = self._cupy, self._stream
        current = cupy.cuda.get_current_stream()
        made = products(cupy)
        launches = Launches(
            self._xp, self.memory, self._table, made, self._refused, self._plan
        )
        commit = Commit(cupy, self._program, self.memory, self._refused)
        for value in _sources(self._program):
            if not value.is_number:
                self.memory.array(value)
        every = [(one, launches.of(one)) for one in self._program.instructions]
        launches.compile()
        work = [(one, launch) for one, launch in every if launch is not None]
        current.synchronize()
        allocator = cupy.cuda.using_allocator(self._pool.malloc)
        with stream, allocator, asking(launches.ask):
            self._refused.fill(1)
            self._run(work, commit)
            stream.synchronize()
            stream.begin_capture()
            try:
                self._refused.fill(0)
                self._run(work, commit)
            except BaseException:
                _abandon(stream)
                raise
            self._graph = stream.end_capture()
        self._work = work, commit  # their arrays live as long as the graph
        self._graph.upload(stream)
        stream.synchronize()

    def _run(self, work, commit):
        for one, launch in work:
            try:
                launch()
            except Exception as error:
                where = f" of {one.place}" if one.place else ""
                raise GraphError(
                    f"compile: {one.name}{where} cannot be part of a CUDA graph: "
                    f"{type(error).__name__}: {error}"
                ) from error
        commit()


def _copy(place, array):
    if isinstance(array, np.ndarray):
        if place.flags.c_contiguous and array.shape:
            place.set(np.ascontiguousarray(array))
            return
        array = backend.NAMESPACES[type(place)].asarray(array)
    place[...] = array


def _abandon(stream):
    """End a capture that went wrong, so that the stream can be used."""
    with contextlib.suppress(Exception):  # the error that is raised says why
        stream.end_capture()
