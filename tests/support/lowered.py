"""The units of recorded steps, run by generated kernels and by NumPy."""

import collections

import numpy as np

import xdl
from xdl.backend import numpy as host
from xdl.program.cuda_executor.lowering import lowered_for_threads
from xdl.program.cuda_executor.text import HEAD, has_kernels, kernels_of
from xdl.program.fusion.gathering import gathered
from xdl.program.fusion.groups import WHOLE
from xdl.program.fusion.pieces import put_in_pieces
from xdl.program.fusion.together import put_together
from xdl.program.interpreter import compute, replaced_options
from xdl.tracing.values import Instruction, dense, is_given, owner_of, replaced

OPTIONS = ("-std=c++17", "--fmad=true")
NASTY = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -3.0])


def program_of(function, *arguments, sources=(), together=False):
    """Return the Program of a step on the CPU, made of units for threads."""
    with xdl.use_device("cpu"):
        step = xdl.compile(function, *sources, executor="numpy", verify=False)
        step(*arguments)
    program = step.program
    program.instructions = program.flat()
    lowered_for_threads(program)
    gathered(program, lambda group: True, for_threads=True)
    if together:
        put_in_pieces(program)
        put_together(program, has_kernels)
    return program


def units_of(program):
    """Return what is to be computed, one by one: no views, no Python numbers."""
    made = [one for one in program.instructions if not one.is_view]
    return [one for one in made if one.result is None or not one.result.is_number]


class Units:
    """Units of programs and their kernels, compiled as one module.

    Attributes:
        kernels: for each unit that has kernels these.
        left: how often a unit of a name has none.
        all_there: the different Kernels.
        launches: how many launches all units are.
    """

    def __init__(self, units, over=False):
        self.launches, self.left = 0, collections.Counter()
        found = {}
        for unit in units:
            taken = taken_of(unit) if over else {}
            kernels = kernels_of(unit, taken) if taken or not over else []
            if kernels is None:
                names = {one.name for one in getattr(unit, "inner", (unit,))}
                self.left["+".join(sorted(names))] += 1
            elif kernels:
                self.launches += len(kernels)
                names = tuple(kernel.name for kernel in kernels)
                found[names] = unit, taken, kernels
        self.kernels = list(found.values())
        self.all_there = {k.name: k for _, _, ks in self.kernels for k in ks}

    def source(self):
        """Return the source of the module."""
        return HEAD + "".join([k.source for k in self.all_there.values()])

    def compiled(self, cupy):
        """Return the module."""
        return cupy.RawModule(code=self.source(), options=OPTIONS)


def taken_of(unit):
    """Return from output to an argument that its memory may be, as a plan has it."""
    if not hasattr(unit, "inner"):
        is_change = unit.row.name in ("set_at", "scatter_add", "scatter_set")
        if not is_change or unit.arguments[0] in unit.operands()[1:]:
            return {}
        return {unit.result: unit.arguments[0]}
    read, taken = {}, {}
    for j, one in enumerate(unit.inner):
        read |= {owner_of(value): j for value in one.operands()}
    used = {owner_of(v) for v in unit.arguments if unit.kinds[v] != WHOLE}
    for j, one in enumerate(unit.inner):
        if one.result not in unit.outputs:
            continue
        late = set(map(owner_of, one.operands())) if one.row.in_parts else set()
        free = [v for v in unit.arguments if owner_of(v) not in used | late]
        for value in free:
            owner = owner_of(value)
            if read[owner] <= j and _is_alike(owner, one.result):
                taken[one.result] = value
                used.add(owner)
                break
    return taken


def _is_alike(a, b):
    return (a.shape, a.dtype, a.axes) == (b.shape, b.dtype, b.axes)


class Both:
    """A unit on random arrays: what NumPy makes of it, and what its kernels do."""

    low, most = 0, 2  # between these integers are

    def __init__(self, unit, taken, kernels, is_nasty=False, seed=0):
        self.unit, self.taken, self.kernels = unit, taken, kernels
        self.rng, self.is_nasty = np.random.default_rng(seed), is_nasty
        self.real = {}
        self.inner = getattr(unit, "inner", [unit])
        self.outputs = getattr(unit, "outputs", (unit.result,))

    def expected(self):
        """Return what NumPy makes."""
        for one in self.inner:
            for value in one.operands():
                self._real(value)
            with np.errstate(all="ignore"):
                self.real[one.result] = self._computed(one)
        return [np.asarray(self.real[value]) for value in self.outputs]

    def _computed(self, one):
        arguments = replaced(one.arguments, self._real)
        options = replaced_options(one.options, self._real)
        return compute(one, host, arguments, options, None)

    def _real(self, value):
        """Return the array of a Value: what it is, or something random."""
        if value not in self.real:
            self.real[value] = self._made(value)
        return self.real[value]

    def _made(self, value):
        if is_given(value):
            return dense(value) if value.origin == "constant" else value.data
        if isinstance(value.origin, Instruction) and value.origin.is_view:
            return self._computed(value.origin)
        return 0.37 if value.is_number else self._drawn(value)

    def _drawn(self, value):
        """Return random numbers that lie as an array does."""
        shape = value.shape
        if value.dtype.kind == "b":
            drawn = self.rng.random(shape) > 0.5
        elif value.dtype.kind == "f":
            drawn = self.rng.uniform(0.2, 1.5, shape)
            if self.is_nasty:
                some = self.rng.random(shape) < 0.05
                drawn = np.where(some, self.rng.choice(NASTY, shape), drawn)
        else:
            drawn = self.rng.integers(self.low, self.most, shape)
            if getattr(self.unit, "options", {}).get("distinct"):
                drawn = np.arange(value.size).reshape(shape)  # as it says
        drawn = np.asarray(drawn, value.dtype)
        return drawn if value.axes is None else standing(lying(drawn, value), value)

    def actual(self, cupy, module):
        """Return what the kernels make, on a GPU; ``expected`` comes first."""
        memory = {}
        for output in self.outputs:
            over = self.taken.get(output)
            memory[output] = cupy.full(max(output.size, 1), 77, output.dtype)
            if over is not None:
                memory[output] = self._given(cupy, owner_of(over), memory)
        scratch = cupy.empty(max(k.scratch for k in self.kernels), "u1")
        for kernel in self.kernels:
            given = [self._given(cupy, v, memory) for v in kernel.arguments]
            given += [scratch] * (kernel.scratch > 0)
            launch = module.get_function(kernel.name)
            launch((kernel.grid,), (kernel.block,), tuple(given))
        return [standing(memory[v].get(), v) for v in self.outputs]

    def _given(self, cupy, value, memory):
        if value not in memory:
            array = np.asarray(self._real(value))
            lies = array.astype("f8") if value.is_number else lying(array, value)
            memory[value] = cupy.asarray(lies)
        return memory[value]


def lying(array, value):
    """Return the numbers of an array as a Value says that they lie in memory."""
    axes = range(array.ndim) if value.axes is None else value.axes
    return np.ascontiguousarray(array.transpose(tuple(axes))).reshape(-1)


def standing(numbers, value):
    """Return the array whose numbers lie in memory as a Value says."""
    lengths = [value.shape[axis] for axis in value.axes]
    lies = numbers[: value.size].reshape(lengths)
    return lies.transpose(tuple(np.argsort(value.axes).tolist()))


def assert_close(expected, actual, close):
    """Assert that arrays are close to others, and NaN and infinite where they are."""
    assert [a.dtype for a in expected] == [a.dtype for a in actual]
    for wanted, found in zip(expected, actual, strict=True):
        if wanted.dtype.kind != "f":
            np.testing.assert_array_equal(found, wanted)
            continue
        most = np.abs(wanted[np.isfinite(wanted)]).max(initial=1)
        np.testing.assert_allclose(found, wanted, rtol=close, atol=close * most / 8)
