"""The first replays against eager: from the same state, the same numbers."""

import contextlib
import functools
import sys
import threading
import zlib
from typing import Any

import numpy as np

from xdl import backend
from xdl.backend import random
from xdl.core.node import keepers
from xdl.core.variable import Variable, array_of
from xdl.errors import GraphError
from xdl.program.memory.trim import give_memory_back
from xdl.program.record.state import Slot
from xdl.program.verify.doubts import Doubts
from xdl.program.verify.perturbed import Errors
from xdl.uninterrupted import Uninterrupted

_ALIGNMENT = 64  # bytes


class Snapshot:
    """Copies of all arrays of a state, and of where the random draws stand.

    Args:
        state: a State.
        late: whether a value that nothing but its Variable holds is copied only when
            it must be: ``copy`` says so, or while ``watching`` something is written.
    """

    def __init__(self, state, late=False):
        self._slots = state.slots
        self._draws = random.state()
        self._lock = threading.Lock()
        self._is_copied = [
            not (late and _is_alone(slot)) or slot.is_grad for slot in state.slots
        ]
        self._held = [slot.get() for slot in state.slots]
        pairs = zip(self._is_copied, self._held, strict=True)
        self._copies = [_copy(held) if now else None for now, held in pairs]

    def copy(self, slots=None, memory=()):
        """Copy what is not copied yet, before it is written into.

        Args:
            slots: the numbers of slots; default all.
            memory: arrays of bytes for the copies; what does not fit takes its own.
        """
        free = list(memory)
        with self._lock:
            every = range(len(self._slots)) if slots is None else slots
            missing = [i for i in every if not self._is_copied[i]]
            if missing:
                give_memory_back()  # that of a forward and a backward before
            for i in missing:
                self._copies[i] = _copy(self._held[i], free)
                self._is_copied[i] = True

    def forget(self):
        """Have no copies, of a state that is what it was; ``copy`` makes them anew."""
        self._copies = [None] * len(self._copies)
        self._is_copied = [False] * len(self._is_copied)

    @contextlib.contextmanager
    def watching(self):
        """Return a context in which all is copied before a Variable is written into."""
        keepers.append(self.copy)
        try:
            yield
        finally:
            keepers.remove(self.copy)

    def restore(self, changed=None):
        """Give the state back as it was, in the arrays that it had.

        Args:
            changed: the numbers of the slots that are others now; default those whose
                numbers are.
        """
        with Uninterrupted():
            random.restore(self._draws)
            for i in self._changed() if changed is None else changed:
                slot, held = self._slots[i], self._held[i]
                if held is not None and self._is_copied[i]:
                    held[...] = self._copies[i]
                slot.place(held)
                slot.touch()

    def _changed(self):
        every = zip(self._slots, self._held, self._is_copied, strict=True)
        return [
            i
            for i, (slot, held, is_copied) in enumerate(every)
            if slot.get() is not held
            or (is_copied and not _is_same(held, self._copies[i]))
        ]

    def sources(self, given, numbers):
        """Return what a program reads, as of ``Perturbed.run``.

        Args:
            given: the arguments, flat.
            numbers: the hyperparameters, and the floats among the arguments.
        """
        every = zip(self._is_copied, self._copies, self._held, strict=True)
        arrays = [copied if is_copied else held for is_copied, copied, held in every]
        inputs = [array_of(x) for x in given]
        found = {"input": inputs, "state": arrays, "number": numbers}
        found["draw"] = [self._draws[1]]
        return lambda kind, number: found[kind][number]


def _is_alone(slot):
    """Tell whether nothing but its Variable holds an array, so that none else writes.

    A view holds what it is a view of.
    """
    return sys.getrefcount(slot.get()) <= _ALONE


def _of_one():
    """Return how many references are counted where a Variable alone holds an array."""
    variable = Variable._of(object())
    return sys.getrefcount(Slot(variable, False, "").get())


_ALONE = _of_one()


def _copy(array, free=()):
    """Return a copy of an array, or None: in a piece of memory that is free, if any.

    That of an array on a GPU lies there, too.
    """
    if array is None:
        return None
    if not isinstance(array, np.ndarray):
        return backend.NAMESPACES[type(array)].copy(array)
    for i, piece in enumerate(free):
        if array.nbytes <= piece.nbytes:
            free[i] = piece[-(-array.nbytes // _ALIGNMENT) * _ALIGNMENT :]
            made = piece[: array.nbytes].view(array.dtype).reshape(array.shape)
            made[...] = array
            return made
    return array.copy()


def _is_same(array, copy):
    if array is None:
        return True
    array, copy = backend.to_numpy(array), backend.to_numpy(copy)
    return np.array_equal(array, copy, equal_nan=backend.is_floating(copy))


def results(state, returned):
    """Return all that a step returned, flat, and all arrays of a state."""
    arrays = [array_of(leaf) for leaf in returned]
    return [*arrays, *[slot.get() for slot in state.slots]]


def copied(arrays):
    """Return results as they are now, on the host."""
    return [x if backend.namespace(x) is None else _on_host(x) for x in arrays]


def _on_host(array):
    """Return a copy of an array on the host, or None."""
    copied = _copy(array)
    return None if copied is None else backend.to_numpy(copied)


class Expected:
    """What eager gave: of an exact executor's step its check sums, which are small.

    Args:
        replay: the Replay that must give the same.
        found: the ``results`` of eager.

    Attributes:
        again: returns the results once more, where only check sums are kept.
    """

    def __init__(self, replay, found):
        is_exact = replay.executor.is_exact
        self._sums = [_check_sum(x) for x in found] if is_exact else None
        self._found = None if is_exact else copied(found)
        self.again: Any = None

    def are(self, got):
        """Tell whether other results are these to the bit, where that is known."""
        return self._sums is not None and self._sums == [_check_sum(x) for x in got]

    def __call__(self):
        """Return the results, a list."""
        return self.again() if self._found is None else self._found


def _check_sum(x):
    if backend.namespace(x) is None:
        return type(x), repr(x)
    x = np.ascontiguousarray(backend.to_numpy(x))
    return x.shape, x.dtype, zlib.crc32(x.view(np.uint8) if x.shape else x.tobytes())


# The program is run with errors, of so many units, until each difference is explained.
# With the opposite ones, below 0, what lies beside a kink is on its other side. Small
# errors stay where a function is defined.
_RUNS = ((0, 16), (1, 16), (2, 16), (0, -16), (1, -16), (2, -16), (3, 1), (3, -1))
_ROUNDS = 2  # each with other seeds: (seed, units)
# What more errors may lead to: nothing that a run with them can tell.
_FAULTS = (ArithmeticError, LookupError, ValueError)


def compared(replay, sources, got, expected):
    """Compare a replay with the eager step that began alike.

    Args:
        replay: the Replay.
        sources: what both began with, as of ``Perturbed.run``.
        got: the ``results`` of the replay, a list.
        expected: returns those of eager: an Expected, or a function. The list that it
            returns is emptied, so that its arrays take no memory while more is
            computed.

    Raises:
        GraphError: they differ by more than rounding explains.
    """
    if isinstance(expected, Expected) and expected.are(got):
        return
    expected = expected()
    doubted: dict[Any, Any] = {}
    for what, value, a, b in zip(*_known(replay), got, expected, strict=True):
        doubts = _doubts(what, a, b)
        if doubts:
            doubted.setdefault(value, []).append(doubts)
    expected.clear()
    for units, errors in _perturbations():
        if not any(map(any, doubted.values())):
            return
        with contextlib.suppress(*_FAULTS):
            see = functools.partial(_see, doubted, units)
            replay.plain.run(sources, errors, see)
    left = [doubts for some in doubted.values() for doubts in some if doubts]
    if left:
        raise _difference(left[0], left[0].is_of_the_program())


def _known(replay):
    """Return the names of all results, and their Values."""
    plain, slots = replay.plain, replay.state.slots
    names = ["what it returns"] * len(plain.outputs)
    names += ["the gradient of " * s.is_grad + s.label for s in slots]
    return names, plain.outputs + [plain.updates.get(i) for i in range(len(slots))]


def _perturbations():
    """Yield (units, Errors) for each run; the first has none."""
    yield 0, None
    for i in range(_ROUNDS):
        for seed, units in _RUNS:
            yield abs(units), Errors((i, seed), units)


def _see(doubted, units, value, array):
    for doubts in doubted.get(value, ()):
        doubts.see(array, units)


def _doubts(what, got, expected):
    """Return the Doubts about one result."""
    got, expected = (
        x if backend.namespace(x) is None else backend.to_numpy(x)
        for x in (got, expected)
    )
    if isinstance(got, float) and isinstance(expected, float):
        got, expected = np.asarray(got), np.asarray(expected)
    if backend.namespace(expected) is None or backend.namespace(got) is None:
        if got is expected or got == expected:
            return None
        raise _difference(f"{what}: {got!r} came, eager gives {expected!r}")
    if got.shape != expected.shape or got.dtype != expected.dtype:
        kinds = [f"{x.dtype} {x.shape}" for x in (got, expected)]
        raise _difference(f"{what}: {kinds[0]} came, eager gives {kinds[1]}")
    return Doubts(what, got, expected)


def _difference(what, is_of_the_program=True):
    why = (
        "Does the step read something that changes and is neither an argument nor in "
        "its state?"
        if is_of_the_program
        else "The step is right, its compiled code is not: please report it, and use "
        'executor="numpy"'
    )
    return GraphError(
        f"compile: the replay differs from the eager step in {what}. {why} Nothing has "
        "changed"
    )
