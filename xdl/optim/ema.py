"""EMA: the moving average of a model's weights."""

import contextlib
from collections.abc import Iterator
from typing import Any

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.node import keep
from xdl.core.parameter import Parameter
from xdl.core.variable import array_of
from xdl.core.watch import Watch
from xdl.optim.ranges import Fraction
from xdl.optim.stored import Stored
from xdl.optim.weights import Weights, as_parameter, wide_copy
from xdl.uninterrupted import Uninterrupted


class EMA(Stored):
    """An exponential moving average of weights, for evaluation.

    After each step of the optimizer, ``update`` moves the averages to the weights::

        average = average + (1 - decay) * (weight - average)

    All floating Variables are averaged, so also running statistics, which must fit the
    averaged weights.

    Args:
        parameter: a Parameter, a Module, or an iterable of Variables.
        decay: in [0, 1); default 0.999.

    Attributes:
        average: a Parameter with the averages, constant Variables that start as copies
            of the weights; those of later weights at the next update.

    Raises:
        ArgumentError: ``decay`` is out of its range, or what came holds no Variables.

    Example:
        >>> import xdl
        >>> w = xdl.Variable([1.0])
        >>> ema = xdl.optim.EMA([w], decay=0.75)
        >>> w.value = [2.0]
        >>> ema.update()
        >>> with ema.swapped():
        ...     print(w.item())
        1.25
        >>> w.item()
        2.0

    Reference: Polyak and Juditsky, "Acceleration of Stochastic Approximation by
    Averaging", 1992; the moving form as in Tarvainen and Valpola, "Mean teachers are
    better role models", 2017.
    """

    store = "average"

    def __init__(self, parameter: Weights, decay: Fraction = 0.999) -> None:
        self.decay = decay
        self.parameter = as_parameter("EMA", parameter)
        self.average = Parameter()
        self._known: list[Any] = []
        self.look_again()

    def update(self) -> None:
        """Move the averages towards the weights as they are now, all or none.

        Raises:
            MemoryError: there is not the memory for it; nothing has changed.
        """
        pairs = self._pairs()
        for _, shadow in pairs:
            average = array_of(shadow)
            NAMESPACES[type(average)].reserve(3 * getattr(average, "nbytes", 0))
        keep()
        with Uninterrupted():
            for variable, shadow in pairs:
                value, average = array_of(variable), array_of(shadow)
                if backend.dtype_name(value.dtype) != backend.dtype_name(average.dtype):
                    xp = NAMESPACES[type(value)]
                    value = xp.astype(value, average.dtype)
                average += (1 - self.decay) * (value - average)

    @contextlib.contextmanager
    def swapped(self) -> Iterator[None]:
        """Return a context in which the weights have the values of the averages.

        At its end, also by an exception, they have their own values back, to the bit:
        what changed them inside is lost.
        """
        pairs = self._pairs()
        own = []
        try:
            for variable, shadow in pairs:
                value = array_of(variable)
                own.append((variable, NAMESPACES[type(value)].copy(value)))
                variable.value = shadow
            yield
        finally:
            with Uninterrupted():
                for variable, value in own:
                    variable.value = value

    def look_again(self) -> None:
        """Have an average for what the Parameter holds now, and for nothing else."""
        known = {id(variable): shadow for variable, shadow in self._known}
        pairs, held = [], {}
        for name, variable in self.parameter.items():
            if not backend.is_floating(array_of(variable)):
                continue
            shadow = known.get(id(variable))
            if shadow is None:
                shadow = wide_copy(variable, name)  # small moves are lost in 16 bits
            held[name] = shadow
            pairs.append((variable, shadow))
        self.average.hold(held)
        self._known, self._watch = pairs, Watch(self.parameter)

    def _pairs(self):
        """Return pairs of a Variable and its average; new Variables get one."""
        if self._watch.is_over():
            self.look_again()
        for variable, shadow in self._known:
            arrays = array_of(shadow), array_of(variable)
            if type(arrays[0]) is not type(arrays[1]):  # the model was moved
                shadow.to(variable.device)
        return self._known
