"""Errors planted in programs, and how far they lead in float64."""

import numpy as np

from xdl.backend import random
from xdl.errors import GraphError
from xdl.program.call import compiled
from xdl.program.verify.perturbed import EPS, Errors, Perturbed
from xdl.tracing.values import Instruction, Value, replaced

ROUNDINGS = 100  # of its condition, by which a result must be off to be found
_SAMPLES = 8
_UNIT = EPS["float32"] / EPS["float64"]
_OTHERS = {
    "add": "subtract",
    "subtract": "add",
    "multiply": "divide",
    "divide": "multiply",
    "maximum": "minimum",
    "max": "min",
    "exp": "expm1",
    "sqrt": "square",
    "sum": "max",
    "greater": "greater_equal",
    "where": "where",
    "zero_unless": "zero_unless",
}


class _Wide(Perturbed):
    """A program that is computed in float64."""

    def run(self, sources, errors, see):
        super().run(lambda *which: _widened(sources(*which)), errors, see)

    def _computed(self, one, arguments, options, draw, errors):
        arguments, options = _widened(arguments), _widened(options)
        return super()._computed(one, arguments, options, draw, errors)


def _widened(nested):
    if isinstance(nested, tuple | list):
        return type(nested)([_widened(item) for item in nested])
    if isinstance(nested, dict):
        return {key: _widened(item) for key, item in nested.items()}
    if nested is np.float32 or (isinstance(nested, np.dtype) and nested == np.float32):
        return np.dtype(np.float64)
    is_narrow = getattr(nested, "dtype", None) == np.float32
    return nested.astype(np.float64) if is_narrow else nested


# Each changes a program in one place, drawn at random; it returns what it did.


def _off(program, rng):
    """Let the result of one instruction be off by a factor."""
    float_ones = [i for i, one in enumerate(program.instructions) if _is_plain(one)]
    i = int(rng.choice(float_ones))
    one, factor = program.instructions[i], float(rng.choice([1.001, 0.99, 2, -1, 0]))
    result = one.result
    inner = one.result = Value.like(result, one)
    changed = Instruction("multiply", (inner, factor), {})
    changed.result, result.origin = result, changed
    program.instructions.insert(i + 1, changed)
    return f"{one.name} {result.shape} times {factor}"


def _another(program, rng):
    """Let one instruction be another function, or its operands be exchanged."""
    known = [
        one
        for one in program.instructions
        if one.name in _OTHERS and (one.result.dtype is not None)
    ]
    one = known[rng.integers(len(known))]
    text = f"{one.name} {one.result.shape}"
    if one.name == "where":
        condition, x, y = one.arguments
        one.arguments = (condition, y, x)
    elif one.name == "zero_unless":
        one.name, one.arguments = "positive", one.arguments[1:]
    else:
        one.name = _OTHERS[one.name]
    return f"{text} is {one.name}"


def _dropped(program, rng):
    """Leave one update out."""
    update = program.updates.pop(rng.integers(len(program.updates)))
    return f"no update of {program.slot_names[update.slot]}"


def _stale(program, rng):
    """Let one instruction read what an argument, a weight or a number was before."""
    slots, numbers = program.state.slots, program.state.read_numbers()

    def then(value):
        if value.origin == "state":
            return Value(old, "constant", old)
        return old

    places = [
        (i, value)
        for i, one in enumerate(program.instructions)
        for value in one.operands()
        if value.origin in ("state", "number")
    ]
    i, value = places[rng.integers(len(places))]
    if value.origin == "state":
        old = slots[value.data].get().copy()
    else:
        old = numbers[value.data] * 1.01
    one = program.instructions[i]
    one.arguments = replaced(one.arguments, lambda v: then(v) if v is value else v)
    return f"{one.name} {one.result and one.result.shape} reads an old {value.origin}"


PLANTS = (_off, _off, _another, _dropped, _stale)


def _is_plain(one):
    result = one.result
    is_float = result is not None and not result.is_number and result.dtype == "f4"
    return is_float and not one.is_view and result.axes is not None


class Planted:
    """A program with an error, as one step meets it.

    Attributes:
        what: the error, in words.
        is_found: whether the comparison finds it.
        roundings: how far it leads in float64, in roundings of the condition.
    """

    def __init__(self, verifying, batches, seed, monkeypatch, in_code):
        self._rng = np.random.default_rng(seed)
        self._in_code, self.what = in_code, ""
        improved = compiled.improved

        def planted(program, xp):
            improved(program, xp)
            self._right = _Wide(program, xp)
            self._plain = Perturbed(program, xp)
            plant = PLANTS[seed % len(PLANTS)]
            self.what = plant(program, self._rng)
            self._wrong = _Wide(program, xp)
            return program

        with monkeypatch.context() as patch:
            patch.setattr(compiled, "improved", planted)
            verifying.step._begin()
            verifying.step(*batches[0])
        (replay,) = verifying.step._replays.values()
        if in_code:
            replay.plain = self._plain
        state = verifying.step.state
        before = [s.get() if s.get() is None else s.get().copy() for s in state.slots]
        found = {"state": before, "input": batches[1], "number": state.read_numbers()}
        found["draw"] = [random.state()[1]]
        self._sources = lambda kind, i: i if kind == "constant" else found[kind][i]
        try:
            verifying.step(*batches[1])
            self.is_found = False
        except GraphError:
            self.is_found = True
        self.roundings = self._roundings(before)

    def _roundings(self, before):
        """Return how far a result is off, in roundings of its condition, at most."""
        right, wrong = (
            self._results(self._right, None),
            self._results(self._wrong, None),
        )
        squares = [0.0] * len(right)
        for seed in range(_SAMPLES):
            runs = self._results(self._right, Errors(1000 + seed, _UNIT))
            for i, (run, array) in enumerate(zip(runs, right, strict=True)):
                squares[i] = squares[i] + np.square(run - array) / _SAMPLES
        off = [
            np.max(np.abs(x - y) / (np.sqrt(m) + EPS["float32"] * np.abs(y) + 1e-45))
            for x, y, m in zip(wrong, right, squares, strict=True)
            if y.size
        ]
        return np.inf if np.isnan(off).any() else float(max(off))

    def _results(self, program, errors):
        """Return the results of a run; of an update that is left out the old array."""
        found = {}
        with np.errstate(all="ignore"):
            program.run(self._sources, errors, found.__setitem__)

        def result(value, slot):
            if value in found:
                return found[value]
            if value is None:
                return self._sources("state", slot)
            return self._sources(value.origin, value.data)

        slots = [slot for slot, value in self._right.updates.items() if value]
        pairs = [(value, None) for value in program.outputs if value]
        pairs += [(program.updates.get(slot), slot) for slot in slots]
        return [np.asarray(result(*pair), float) for pair in pairs]
