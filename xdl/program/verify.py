"""The first replay against eager: from the same state, the same numbers."""

import ctypes
import os

import numpy as np

from xdl import backend
from xdl.backend import random
from xdl.core.variable import Variable
from xdl.errors import GraphError
from xdl.uninterrupted import Uninterrupted

# The distance from 1 to the next number; NumPy knows it of its own dtypes alone.
EPS = {
    "bfloat16": 2.0**-7,
    "float16": 2.0**-10,
    "float32": 2.0**-23,
    "float64": 2.0**-52,
}


class Snapshot:
    """Copies of all arrays of a state, and of where the random draws stand."""

    def __init__(self, state):
        self._slots = state.slots
        self._draws = random.state()
        self.arrays = [_copy(slot.get()) for slot in state.slots]
        self._held = [slot.get() for slot in state.slots]

    def restore(self, changed=None):
        """Give the state back as it was, in the arrays that it had.

        Args:
            changed: the numbers of the slots that are others now; default all.
        """
        with Uninterrupted():
            random.restore(self._draws)
            for i in range(len(self._slots)) if changed is None else changed:
                slot, held, copy = self._slots[i], self._held[i], self.arrays[i]
                if held is not None:
                    held[...] = copy
                slot.place(held)
                slot.touch()

    def nudge(self, seed):
        """Change every floating number of the state in its last place, or leave it."""
        rng = np.random.default_rng(seed)
        for slot, copy in zip(self._slots, self.arrays, strict=True):
            if copy is not None and backend.is_floating(copy):
                steps = rng.integers(-1, 2, copy.shape) * _eps(copy)
                array = slot.get()
                array[...] = backend.asarray(
                    (copy * (1 + steps)).astype(copy.dtype), backend.device_of(array)
                )


def _copy(array):
    return None if array is None else backend.to_numpy(array).copy()


def outcome(state, returned):
    """Return copies of all that a step returns, flat, and leaves in its state.

    Args:
        state: the State, after the step.
        returned: what it returned, flat.
    """
    arrays = [leaf._value if isinstance(leaf, Variable) else leaf for leaf in returned]
    arrays += [slot.get() for slot in state.slots]
    return [x if backend.namespace(x) is None else _copy(x) for x in arrays]


def compared(state, replayed, got, expected, spreads=()):
    """Compare a replay with the eager run that began alike.

    Args:
        state: the State, as the eager run left it.
        replayed: the Snapshot of it after the replay.
        got, expected: what the two returned, flat.
        spreads: the ``outcome`` of eager runs that began with rounding errors: how far
            they are from the eager run is no difference. An optimizer that divides by
            the size of a gradient makes much of a gradient that is but such errors.

    Raises:
        GraphError: they differ by more than the rounding of another order.
    """
    pairs = [("what it returns", a, b) for a, b in zip(got, expected, strict=True)]
    for slot, array in zip(state.slots, replayed.arrays, strict=True):
        kind = "the gradient of " if slot.is_grad else ""
        pairs.append((f"{kind}{slot.label}", array, slot.get()))
    others = zip(*spreads, strict=True) if spreads else [()] * len(pairs)
    for (what, a, b), spread in zip(pairs, others, strict=True):
        worst = _difference(a, b, spread)
        if worst is not None:
            raise GraphError(
                f"compile: the first replay differs from the eager step in {what}: "
                f"{worst}. Does the step read something that changes and is neither "
                "an argument nor in its state? The state is now that of the eager step"
            )


def _difference(a, b, spread):
    """Return in words how two results differ, or None if they do not."""
    a = a._value if isinstance(a, Variable) else a
    b = b._value if isinstance(b, Variable) else b
    if backend.namespace(b) is None:
        return None if a is b or a == b else f"{a!r} came, eager gives {b!r}"
    a, b = backend.to_numpy(a), backend.to_numpy(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"{a.dtype} {a.shape} came, eager gives {b.dtype} {b.shape}"
    if not backend.is_floating(a):
        return None if np.array_equal(a, b) else "other values came"
    return _too_far(a, b, spread)


# Times as far as rounding errors at the beginning alone lead, in a few runs with other
# errors each: a loss is one number, and one of them may come near to it by chance; and
# an average of squares of what is but rounding errors, such as the gradient of a bias
# before a batch norm, is off by the square.
_FAR, NUDGES = 16, 4


def _too_far(a, b, spread):
    # Sums of another order, and units in the last place of exp and tanh, over a step.
    rtol = _eps(a) ** 0.5
    a, b = a.astype(np.float64), b.astype(np.float64)
    scale = np.abs(b[np.isfinite(b)]).max(initial=0.0)
    atol = rtol * scale
    errors = [np.abs(other.astype(np.float64) - b) for other in spread]
    worst = [x[np.isfinite(x)].max(initial=0.0) for x in errors]
    atol += _FAR * max(worst, default=0.0)
    if np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True):
        return None
    return f"by up to {np.abs(a - b).max():.3g}, of values up to {scale:.3g}"


def _eps(array):
    return EPS[backend.dtype_name(array.dtype)]


def give_memory_back():
    """Return what recording and comparing took to the system, where C can (glibc).

    Replays allocate nothing, so it would be kept for nothing.
    """
    trim = (
        getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    )
    if trim is not None:
        trim(0)
