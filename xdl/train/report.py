"""Where the first NaN came from, when a step was refused for what is not finite."""

import contextlib

from xdl import backend
from xdl.core import mode
from xdl.core.mode import set_debug
from xdl.core.variable import array_of
from xdl.errors import NonFiniteError
from xdl.program import atomic
from xdl.program.pytree import leaves


def reported(error, where, steps, x, y):
    """Return the error for a refused batch: it names the layer, the line and the range.

    Args:
        error: the NonFiniteError of the step, which changed nothing.
        where: which batch, in words.
        steps: the Steps.
        x, y: the batch.
    """
    found = _in_data("x", x) or _in_data("y", y) or _in_step(steps, x, y)
    said = f"{found}; no weight was changed" if found else error
    return NonFiniteError(f"Trainer: {where}: {said}")


def _in_data(name, nested):
    """Return a sentence of the first row of the data that is not finite, or None."""
    for leaf in leaves(nested):
        array = array_of(leaf)
        if type(array) not in backend.ARRAYS or not backend.is_floating(array):
            continue
        for i, row in enumerate(array):
            if not backend.all_finite(row):
                return f"{name} holds NaN or infinity, first in row {i} of the batch"
    return None


def _in_step(steps, x, y):
    """Return what debug mode says of the step, or None; nothing is left of the step."""
    try:
        with atomic(*steps.state), _debugging():
            steps.explore.odd(x, y)
            raise _FinishedError
    except NonFiniteError as error:
        return str(error)
    except _FinishedError:
        return None


class _FinishedError(Exception):
    """Ends a block that is to be put back."""


@contextlib.contextmanager
def _debugging():
    unusual = mode.current()
    was_on = unusual is not None and unusual.checks
    set_debug(True)
    try:
        yield
    finally:
        set_debug(was_on)
