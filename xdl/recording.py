"""What xdl asks, and tells, a step that is being recorded (see ``xdl.tracing``).

It stands below all that asks: the arrays, the graph, the optimizers, the checkpoints.
"""

import itertools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

from xdl.errors import GraphError

Size = TypeVar("Size")

_current: ContextVar[Any] = ContextVar("xdl_recording", default=None)
begun, ended = _current.set, _current.reset

current: Callable[[], Any] = _current.get  # the Recording of this context, or None


class Count:
    """A count of changes: one comparison with an earlier number says to look again.

    Attributes:
        number: an int that was never there before.
    """

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


# Of what a program depends on besides arrays: hyperparameters, train and eval, frozen
# Variables.
revision = Count()

# Of what comes into, and goes from, the stores and attributes that hold Variables: an
# optimizer looks for new ones.
registrations = Count()

_next = itertools.count(1).__next__  # with `+= 1` in threads, a number might come back


def count_revision() -> None:
    """Count a change of what a program depends on besides arrays."""
    revision.number = _next()


def count_registration() -> None:
    """Count a change of which Variables there are: a program depends on it, too."""
    registrations.number = revision.number = _next()


def for_any_length() -> bool:
    """Tell whether what is recorded shall be the same for arrays with more rows."""
    recording = current()
    return recording is not None and recording.any_length


def told(size: Size) -> Size:
    """Note a size that code outside of xdl is told, in words or not; return it."""
    recording = current()
    if recording is not None:
        recording.asked.append(size)
    return size


def active() -> Any:
    """Return the Recording of this context.

    Raises:
        GraphError: there is none: the value is left from a step that is over.
    """
    recording = current()
    if recording is None:
        raise GraphError(
            "compile: this value was left behind by a step that has been recorded; "
            "return it from the function to read it"
        )
    return recording


def not_in_state(label: str, shape: tuple[int, ...]) -> str:
    """Return what is said of a Variable that a step uses and does not know."""
    return (
        f"compile: {label} {tuple(shape)} is used in the step but is not in its state; "
        "give it, or the model or optimizer that holds it, to xdl.compile"
    )
