"""What rounding errors make of a step: a program, run with some more of them.

How far a result of a step may be off follows from its arithmetic: a loss is exact to a
few units in the last place, the gradient of a bias before a batch norm is nothing but
rounding errors, an element beside the kink of a ReLU is there or not. So the program is
run several times, and what each instruction makes is moved by a few units in its last
place, up or down at random. How far the results move then is their condition.

References: D. S. Parker, "Monte Carlo Arithmetic" (1997); J. Vignes, "A stochastic
arithmetic for reliable scientific computation" (1993).
"""

import copy
import sys
from typing import Any

import numpy as np

from xdl import backend
from xdl.backend import numpy as host
from xdl.backend.scatter import add_at
from xdl.program.interpreter import compute, replaced_options
from xdl.tracing.instructions import NEVER, TERMS, Kind
from xdl.tracing.values import is_given, replaced

# NumPy knows the distance from 1 to the next number of its own dtypes alone.
EPS = {
    "bfloat16": 2.0**-7,
    "float16": 2.0**-10,
    "tfloat32": 2.0**-10,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
}
_MANY = 65537  # errors: a prime, so that those of the rows of a matrix differ


class Errors:
    """Rounding errors that are drawn: makes arrays of others that are a bit off.

    Args:
        seed: of what is drawn.
        units: how many units in the last place at most, at least half of it; below
            0: as many the other way.
    """

    def __init__(self, seed, units):
        self._rng = np.random.default_rng(seed)
        sizes = self._rng.uniform(0.5, 1, _MANY) * self._rng.choice([-1, 1], _MANY)
        self._drawn, self._factors = np.tile(sizes * units, 2), {}

    def __call__(self, array, name=None):
        """Return an array with an error in each number; 0 stays 0.

        Args:
            array: what they come into.
            name: of the numbers that it was rounded to; default its dtype.
        """
        name = name or backend.dtype_name(array.dtype)
        known = name, array.dtype
        if known not in self._factors:
            factors = 1 + self._drawn * EPS[name]
            self._factors[known] = factors.astype(array.dtype)
        first = int(self._rng.integers(_MANY))
        factors = self._factors[known][first : first + _MANY]
        if array.ndim == 0:
            return array * factors[0]
        moved = np.empty_like(array)  # which lies in memory as the array does
        given, out = array.ravel("K"), moved.ravel("K")
        for i in range(0, array.size, _MANY):
            part = given[i : i + _MANY]
            np.multiply(part, factors[: part.size], out=out[i : i + _MANY])
        return moved


class Perturbed:
    """A program that can be run with rounding errors of any size.

    It holds what the program was when this was made: executors change it.

    Args:
        program: an improved Program.
        xp: the namespace that computes.
        copies: whether each instruction is copied: an executor will change it.

    Attributes:
        outputs: the Values of all results that are not constants, in order.
        updates: from slot to the Value that it holds afterwards.
    """

    def __init__(self, program, xp, copies=True):
        self._xp = xp
        self._instructions = [
            copy.copy(one) if copies else one
            for one in program.instructions
            if not one.row.is_check
        ]
        self.outputs = [
            o.value if o.kind != "constant" else None for o in program.returned()
        ]
        self.updates = {update.slot: update.value for update in program.updates}
        self._results, self._last = set(program.results()), {}

    def run(self, sources, errors, see):
        """Run the program once.

        Args:
            sources: a function that returns what a Value of a kind and number is.
            errors: the Errors; None: none.
            see: what is called with each result, as (Value, array).
        """
        made: dict[Any, Any] = {}
        self._last = self._last or _last_reads(self._instructions)

        def real(value):
            if value in made:
                return made[value]
            kind, number = value.origin, value.data
            return _on_host(number if is_given(value) else sources(kind, number))

        for i, one in enumerate(self._instructions):
            arguments = replaced(one.arguments, real)
            options = replaced_options(one.options, real)
            if one.row.kind == Kind.CHANGE:
                x, index, new = arguments
                y = x if self._is_free(one, i, made) else self._xp.copy(x)
                result = _changed(one.row, y, index, new, errors)
            else:
                draw = sources("draw", 0)
                result = self._computed(one, arguments, options, draw, errors)
            made[one.result] = result
            if one.result in self._results:
                see(one.result, result)
            arguments = options = result = x = y = None  # whoever holds one is no other
            for value in (*one.operands(), one.result):
                if self._last.get(value, i) <= i:
                    made.pop(value, None)

    def _is_free(self, one, i, made):
        """Tell whether an instruction is the last to read the array that it changes."""
        x = one.arguments[0]
        if self._last.get(x) != i or x in self._results or x not in made:
            return False
        # Known here, to ``run`` twice, and to ``getrefcount``; not to a view.
        return made[x].base is None and sys.getrefcount(made[x]) == 4

    def _computed(self, one, arguments, options, draw, errors):
        if errors is not None and one.row.rounds == TERMS:
            arguments = _with_errors(arguments, errors)
        row = one.row
        result = compute(one, self._xp, arguments, options, draw)
        # Whoever adds an update to a weight rounds the sum once; an error of several
        # units would hide what the update is.
        is_last = _adds_or_subtracts(row) and one.result in self._results
        is_exact = errors is None or is_last or not _is_rounded(one, arguments, result)
        return result if is_exact else errors(result, row.rounds_to)


def _on_host(x):
    return x if backend.namespace(x) is None else backend.to_numpy(x)


def _last_reads(instructions):
    """Return the number of the last instruction that reads each Value."""
    last = {}
    for i, one in enumerate(instructions):
        last.update(dict.fromkeys(one.operands(), i))
    return last


def _changed(row, y, index, new, errors):
    """Set or add to a part of an array, in place; errors are in that part alone."""
    if not row.adds:
        y[index] = new
        return y
    has_errors = errors is not None and _is_float(y)
    with host.quiet():
        add_at(y, index, errors(new) if has_errors and _is_float(new) else new)
        if has_errors:
            y[index] = errors(y[index])
    return y


def _adds_or_subtracts(row):
    return row.kind == Kind.ELEMENTWISE and row.symbol in ("+", "-")


def _is_rounded(one, arguments, result):
    """Tell whether an instruction rounds its result."""
    row = one.row
    if one.is_view or row.rounds == NEVER or not _is_float(result):
        return False
    return row.kind != Kind.CONVERSION or _is_float(arguments[0])


def _with_errors(arguments, errors):
    """Return arguments of a sum with errors in its terms: in the last of the factors.

    The factors are one array or two; a bias comes after them.
    """
    factors = [i for i, x in enumerate(arguments) if _is_float(x)][:2]
    return [errors(x) if i == factors[-1] else x for i, x in enumerate(arguments)]


def _is_float(x):
    return hasattr(x, "dtype") and backend.is_floating(x)
