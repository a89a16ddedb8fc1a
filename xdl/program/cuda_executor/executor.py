"""The CUDA executor: a step as one CUDA graph, replayed by one launch.

A step is launched once instruction by instruction, so that all kernels are compiled,
and a second time into a graph. Its arrays stay where they are: arguments are copied
into arrays of its own, numbers that change lie in a table on the GPU, and what it needs
for a while comes from a pool of its own, of which nobody else gets memory.

A replay cannot be stopped half-way. So a check that fails sets a flag, and the last
kernel of the graph, which alone changes the state, does nothing where it is set.
"""

import contextlib
import functools
import importlib
from typing import Any

import numpy as np

from xdl.backend import checks, random
from xdl.backend.cuda.checks import asking
from xdl.backend.cuda.products import products
from xdl.errors import GraphError, IndexRangeError, NonFiniteError
from xdl.program.cuda_executor.arrays import Arrays
from xdl.program.cuda_executor.checks import Checks, asked
from xdl.program.cuda_executor.copies import Copies
from xdl.program.cuda_executor.launches import Launches, reads_numbers
from xdl.program.cuda_executor.lowering import lowered_for_threads
from xdl.program.cuda_executor.table import FIRST, Table
from xdl.program.cuda_executor.text import has_kernels
from xdl.program.errors import Refused
from xdl.program.fusion.gathering import gathered
from xdl.program.fusion.pieces import put_in_pieces
from xdl.program.fusion.together import put_together
from xdl.program.memory.plan import Plan
from xdl.program.numpy_executor.holding import Holding
from xdl.tracing.values import owner_of

_AT_ONCE = 64  # steps of many that are launched before the host waits


class CudaExecutor:
    """Runs a program as a graph of kernels.

    Args:
        program: an improved Program.

    Attributes:
        holding: the Holding, which whoever calls a step ends.
        holds: whether a step begins it.
        given_slots: the numbers of the state's slots whose arrays each call is given,
            in order after the inputs, for a step replaces them.
        bound_slots: those whose arrays ``bind`` needs.
    """

    name, device = "cuda", "cuda"
    is_exact, holds = False, True

    def __init__(self, program):
        self.holding = Holding()
        self._xp = importlib.import_module("xdl.backend.cupy")
        checks = asked(program.instructions)
        _put_last(checks, program)  # so that groups write what they ask of
        lowered_for_threads(program)
        gathered(program, lambda group: True, for_threads=True)
        put_in_pieces(program)
        put_together(program, has_kernels)
        _put_last(checks, program)  # so that it lives until then
        self._program = program
        self._plan = Plan(program, overwrites=False)
        replaced = {u.slot for u in program.updates if not u.in_place}
        read = {v.data for v in _sources(program) if v.origin == "state"}
        self.given_slots = sorted(read & replaced)
        updated = {u.slot for u in program.updates if u.in_place}
        self.bound_slots = frozenset((read | updated) - replaced)

    def bind(self, arrays):
        """Make the graph for the arrays of the state; return what replays it."""
        given = self.given_slots
        self._step = _Step(self._xp, self._program, self._plan, arrays, given)
        self._step.begin = self.holding.begin
        return self._step

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
        self._step.set_numbers(numbers)

    def many(self, inputs, count):
        """Do up to ``count`` steps, and wait once.

        Args:
            inputs: for each argument its array, stacked.

        Returns:
            How many steps were done before one was refused, and their results, stacked.
        """
        try:
            return self._step.many(inputs, min(count, _AT_ONCE))
        finally:
            self.holding.end()

    def peek(self, value):
        """Return the array of a Value after a step; None: the state has changed it."""
        if owner_of(value).origin == "state":
            return None
        return self._step.memory.array(value)


def _put_last(checks, program):
    others = [one for one in program.instructions if not one.row.is_check]
    program.instructions = others + checks


def _sources(program):
    """Return the Values that a program does not make itself, and reads."""
    read = [v for one in program.instructions for v in one.operands()]
    owners = {owner_of(v) for v in [*read, *program.lasting()]}
    return [v for v in owners if isinstance(v.origin, str)]


class _Step:
    """A program that is bound to the arrays of a state: a function of the inputs.

    Args:
        xp: the namespace of CuPy.
        program: the Program.
        plan: its Plan.
        states: for each slot of the state its array, None where each call gives it.
        given: the numbers of those slots.

    Attributes:
        begin: called before the state changes.
    """

    begin: Any

    def __init__(self, xp, program, plan, states, given):
        self._xp, self._cupy, self._program = xp, xp.cupy, program
        self._plan = plan
        self._graph: Any = None
        returned = [o.value for o in program.returned() if o.kind != "constant"]
        replaced = [u for u in program.updates if not u.in_place and u.value]
        self._returned = returned + [u.value for u in replaced]
        self._arrays = [v for v in self._returned if not v.is_number]
        inputs = [v for v in program.inputs if v is not None]
        count = len(inputs) + len(given) + len(self._arrays)
        self._table = Table(self._cupy, program, count)
        for one in program.instructions:
            for value in reads_numbers(one):
                self._table.place(value)
        self._table.make()
        self.memory = Arrays(xp, plan, program, states, self._table)
        for value in _sources(program):
            if not value.is_number:
                self.memory.array(value)
        self._places = [*self.memory.inputs, *[self.memory.given[i] for i in given]]

    def set_numbers(self, numbers):
        """Take over the hyperparameters."""
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
        pairs = zip(self._places, arrays, strict=True)
        places = [_address(place, array) for place, array in pairs]
        made = self._new()
        places += [array.data.ptr for array in made]
        for place, array in self.memory.of_others:
            place[...] = self._cupy.asarray(array)
        now, flag = checks.of_context(), self._xp._checks.flag()
        self.begin()
        self._table.fill(key, number, now.ask(_refuse), flag.data.ptr, places)
        self._graph.launch()
        self._xp._checks.settle()
        checks.count_step()
        left = iter(made)
        return [
            self._table.number(v) if v.is_number else next(left) for v in self._returned
        ]

    def many(self, inputs, count):
        """Do as many steps; return how many were done, and their results, stacked."""
        if not all(place.flags.c_contiguous for place in self._places):
            count = 0  # each argument must be copied into its place
        cupy = self._cupy
        parts = [cupy.ascontiguousarray(cupy.asarray(x[:count])) for x in inputs]
        made = [cupy.empty((count, *v.shape), v.dtype) for v in self._arrays]
        (key, number), draws = random.next_draw(0), self._program.draws
        for place, array in self.memory.of_others:
            place[...] = cupy.asarray(array)
        now, flag, done = checks.of_context(), self._xp._checks.flag(), count
        self.begin()
        try:
            for k in range(count):
                places = [a.data.ptr + k * a.strides[0] for a in (*parts, *made)]
                code = now.ask(functools.partial(_refuse_one, k))
                drawn = number + k * draws
                self._table.fill(key, drawn, code, flag.data.ptr, places)
                self._graph.launch()
                checks.count_step()
            self._xp._checks.settle()
        except _RefusedAt as refused:
            done = refused.number
        random.next_draw(done * draws)
        left = iter(made)
        return done, [
            np.full(done, self._table.number(v)) if v.is_number else next(left)[:done]
            for v in self._returned
        ]

    def _new(self):
        """Return new arrays for the results."""
        empty = self._cupy.empty
        return [empty(value.shape, value.dtype) for value in self._arrays]

    def _make(self):
        """Compile all kernels by a step that changes nothing, and capture the graph."""
        cupy = self._cupy
        stream = cupy.cuda.Stream(non_blocking=True)
        pool = cupy.cuda.MemoryPool()
        refused = cupy.zeros(1, "int32")
        work = self._work(refused)
        made = self._new()
        places = [array.data.ptr for array in (*self._places, *made)]
        self._table.fill(0, 0, 0, 0, places)
        cupy.cuda.get_current_stream().synchronize()
        with stream, cupy.cuda.using_allocator(pool.malloc), asking(_trust):
            _run(work, refused)
            stream.synchronize()
            stream.begin_capture()
            try:
                _run(work)
            except BaseException:
                _abandon(stream)
                raise
            self._graph = stream.end_capture()
        self._graph.upload(stream)
        stream.synchronize()
        self._alive = work, refused, pool, stream  # as long as the graph is

    def _kept(self, value, copies):
        """Return an array that stays while the state is written over."""
        array = self.memory.array(value)
        if owner_of(value).origin != "state":
            return array
        return copies.copied_before(array)

    def _work(self, refused):
        """Return (instruction, function that launches it) of all that a step does."""
        cupy, memory, words = self._cupy, self.memory, self._table.words
        every = self._program.instructions
        multiplying = functools.partial(products, cupy)
        launches = Launches(self._xp, memory, self._table, multiplying, self._plan)
        begin, end = (Copies(cupy, refused, begins) for begins in (True, False))
        for i, place in enumerate(self._places):
            begin.add(place, FIRST + i)
        for update in self._program.updates:
            if update.in_place:
                to = memory.states[update.slot]
                end.add(to, self._kept(update.value, end), guarded=True)
        for i, value in enumerate(self._arrays, len(self._places)):
            end.add(FIRST + i, self._kept(value, end))
        for copies in (begin, end):
            copies.make(words)
        ask = Checks(cupy, memory, [c for c in every if c.row.is_check], refused)
        made = [(one, launches.of(one)) for one in every if not one.row.is_check]
        launches.compile()
        middle = [(one, launch) for one, launch in made if launch is not None]
        return [(None, begin), *middle, (None, ask), (None, end)]


def _run(work, refused=None):
    """Launch all; where ``refused`` is given, outside of a graph, changing nothing."""
    for i, (one, launch) in enumerate(work):
        try:
            launch()
        except Exception as error:
            if refused is not None:
                raise
            what = "a copy" if one is None else one.name
            where = f" of {one.place}" if one is not None and one.place else ""
            raise GraphError(
                f"compile: {what}{where} cannot be part of a CUDA graph: "
                f"{type(error).__name__}: {error}"
            ) from error
        if i == 0 and refused is not None:
            refused.fill(1)


def _trust(indices, low, high, refuse):
    """Ask nothing of indices on the way: it is asked behind all else."""


def _refuse(kind, when):
    """Raise what a failed check of a step leads to.

    Where the host has waited for it, the step is done once more in eager, which says
    what was wrong.
    """
    if not when:
        raise Refused
    error, what = _ERRORS[kind]
    raise error(
        f"compile: {what} in a replay{when}; from it on, nothing has been changed"
    )


class _RefusedAt(Refused):
    """A step of many was refused.

    Attributes:
        number: that of the step.
    """

    def __init__(self, number):
        super().__init__()
        self.number = number


def _refuse_one(number, kind, when):
    """Do what ``_refuse`` does of one of many steps."""
    if not when:
        raise _RefusedAt(number)
    _refuse(kind, when)


_ERRORS = {
    0: (IndexRangeError, "an index or a label was out of range"),
    1: (NonFiniteError, "a gradient or a number was not finite"),
}


def _address(place, array):
    """Return where an argument lies on the GPU, if need be after copying it there."""
    if isinstance(array, np.ndarray):
        place.set(np.ascontiguousarray(array).reshape(array.shape))
        return place.data.ptr
    if array.flags.c_contiguous and place.flags.c_contiguous:
        return array.data.ptr
    place[...] = array
    return place.data.ptr


def _abandon(stream):
    """End a capture that went wrong, so that the stream can be used."""
    with contextlib.suppress(Exception):  # the error that is raised says why
        stream.end_capture()
