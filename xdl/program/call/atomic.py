"""atomic: a step of several calls that is done whole, or not at all."""

from __future__ import annotations

from typing import Any

from xdl.arguments import explained
from xdl.program.record.state import State
from xdl.program.verify.comparison import Snapshot
from xdl.recording import count_revision, current
from xdl.uninterrupted import Uninterrupted


class atomic:
    """A ``with`` block that is done whole, or not at all.

    If an exception leaves the block, also that of Ctrl-C, everything that was given is
    put back to what it was before, to the bit: weights, running statistics, gradients,
    the state and options of optimizers and schedules, and the place in the random
    draws. Every call of xdl is atomic by itself; this makes several of them one, such
    as the updates of two optimizers. A step given to ``compile`` needs it not.

    It copies all arrays at the beginning of the block, and so takes as much memory.

    Args:
        *state: the Modules, optimizers, schedules, averages, Parameters and Variables
            that the block changes.

    Raises:
        ArgumentError: something else came.

    Example:
        >>> import xdl
        >>> model = xdl.nn.BatchNorm1d(1)
        >>> try:
        ...     with xdl.atomic(model):
        ...         y = model([[1.0], [3.0]])
        ...         xdl.softmax_cross_entropy(y, [5, 5])
        ... except xdl.LabelError:
        ...     model.running_mean.numpy()
        array([0.], dtype=float32)
    """

    @explained
    def __init__(self, *state: Any) -> None:
        self._sources = state
        self._before: list[Any] = []
        State(state)  # refuses what is none

    def __enter__(self) -> None:
        if current() is not None:  # a step that is recorded is put back as a whole
            self._before.append(None)
            return
        state = State(self._sources)
        options = [(owner, dict(vars(owner))) for owner in state.checked]
        self._before.append((Snapshot(state), options))

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        before = self._before.pop()
        if kind is None or before is None:
            return
        snapshot, options = before
        with Uninterrupted():
            snapshot.restore()
            for owner, kept in options:
                vars(owner).update(kept)
            count_revision()
