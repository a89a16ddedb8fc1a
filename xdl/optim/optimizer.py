"""Optimizer: what all optimizers share."""

import math
import numbers

from xdl import backend
from xdl.backend import NAMESPACES
from xdl.core.node import touch
from xdl.core.parameter import Parameter, registrations
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, GraphError, NonFiniteError


class Range:
    """The numbers that a hyperparameter may be: from ``low`` up to, without, ``high``.

    Args:
        low, high: the ends.
        includes_low: whether ``low`` itself is in the range; default True.
    """

    def __init__(self, low=0.0, high=math.inf, includes_low=True):
        self.low, self.high, self.includes_low = low, high, includes_low

    def __str__(self):
        return f"{'[' if self.includes_low else '('}{self.low:g}, {self.high:g})"

    def checked(self, who, value):
        """Return ``value`` as a float.

        Raises:
            ArgumentError: it is no number, or outside the range; NaN is.
        """
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise ArgumentError(f"{who}: {value!r} came, needed a number in {self}")
        number = float(value)
        is_above = number >= self.low if self.includes_low else number > self.low
        if not (is_above and number < self.high):
            raise ArgumentError(f"{who}: {number} came, needed a number in {self}")
        return number


class Optimizer:
    """The base of optimizers.

    A subclass defines ``change(xp, value, grad, *state)``, which writes into ``value``
    and the state arrays in place; names its state in ``state_names``; and says in
    ``ranges`` which of its attributes are numbers in which range: they are checked
    whenever they are set.

    Args:
        parameter: a Parameter, an object that has one as ``parameter`` (a Module), or
            an iterable of trainable Variables.
        lr: the learning rate, >= 0 and finite.

    Attributes:
        parameter: the Parameter that is optimized.
        state: a Parameter with the optimizer's own Variables, one a state name and
            weight, all zeros at construction.

    Raises:
        ArgumentError: there is nothing trainable, a Variable stands twice in the
            iterable, something in it is no Variable, or a hyperparameter is out of
            its range.

    Example:
        >>> import xdl
        >>> class SignDescent(xdl.optim.Optimizer):
        ...     def change(self, xp, value, grad):
        ...         value -= self.lr * xp.sign(grad)
        >>> w = xdl.Variable([1.0, -2.0])
        >>> (w * w).sum().backward()
        >>> SignDescent([w], lr=0.5).update()
        >>> w
        Variable([ 0.5, -1.5], dtype=float32)
    """

    ranges = {"lr": Range()}
    state_names = ()

    def __init__(self, parameter, lr):
        self.lr = lr
        self.parameter = _as_parameter(type(self).__name__, parameter)
        self.state = Parameter()
        self._slots = []
        self._adopt()
        if not any(variable.trainable for variable, _ in self._slots):
            raise ArgumentError(f"{type(self).__name__}: no trainable Variable came")

    def __setattr__(self, name, value):
        if name in self.ranges:
            value = self.ranges[name].checked(f"{type(self).__name__}.{name}", value)
        self.__dict__[name] = value

    def change(self, xp, value, grad, *state):
        """Write the new weights into ``value``; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: change is not defined")

    def update(self):
        """Change all weights by their gradients, then clear all gradients.

        Variables that are frozen or have no gradient are left as they are.

        Raises:
            GraphError: no Variable has a gradient.
            NonFiniteError: a gradient holds NaN or infinity; no weight has changed.
        """
        self.step()
        self.zero_grad()

    def step(self):
        """Change all weights by their gradients, and keep the gradients.

        Raises:
            GraphError: no Variable has a gradient.
            NonFiniteError: a gradient holds NaN or infinity; no weight has changed.
        """
        if self._registrations != registrations[0]:
            self._adopt()
        ready = self._ready()
        if not ready:
            raise GraphError(
                f"{type(self).__name__}: no Variable has a gradient; call backward "
                "first"
            )
        for node, xp, value, grad, state in ready:
            for kept in state:
                if type(kept._value) is not type(value):  # the model was moved
                    kept.to(backend.device_of(value))
            self.change(xp, value, grad, *[kept._value for kept in state])
            touch(node)

    def _ready(self):
        """Return what ``change`` needs for each Variable that has a finite gradient."""
        ready = []
        for variable, state in self._slots:
            node = variable._node
            if node is None or node.grad is None:
                continue
            grad = node.grad if type(node.grad) is not Variable else node.grad._value
            xp = NAMESPACES[type(grad)]
            if xp.has_non_finite(grad):
                raise self._non_finite(variable)
            ready.append((node, xp, variable._value, grad, state))
        return ready

    def _non_finite(self, variable):
        return NonFiniteError(
            f"{type(self).__name__}: the gradient of {variable._label()} "
            f"{variable.shape} holds NaN or infinity; no weight was changed. "
            "xdl.set_debug(True) finds the operation"
        )

    def zero_grad(self):
        """Clear all gradients."""
        for variable, _ in self._slots:
            variable.clear_grad()

    def _adopt(self):
        """Take in the Variables that the Parameter holds and this does not know yet."""
        known = {id(variable) for variable, _ in self._slots}
        for name, variable in self.parameter.items():
            if id(variable) in known or not backend.is_floating(variable._value):
                continue
            state = []
            for kind in self.state_names:
                zeros = Variable(variable._value, f"{kind}/{name}", trainable=False)
                zeros._value[...] = 0
                state.append(self.state.register(f"{kind}/{name}", zeros))
            self._slots.append((variable, state))
        self._registrations = registrations[0]


def _as_parameter(who, source):
    if isinstance(source, Parameter):
        return source
    if isinstance(getattr(source, "parameter", None), Parameter):
        return source.parameter
    if isinstance(source, Variable) or not hasattr(source, "__iter__"):
        raise ArgumentError(
            f"{who}: {type(source).__name__} came, needed a Parameter, a Module or an "
            "iterable of Variables"
        )
    parameter = Parameter()
    for i, variable in enumerate(source):
        if not isinstance(variable, Variable):
            raise ArgumentError(
                f"{who}: item {i} is {type(variable).__name__}, needed a Variable"
            )
        if any(variable is known for known in parameter.values()):
            raise ArgumentError(f"{who}: item {i} ({variable._label()}) came twice")
        parameter.register(str(i), variable)
    return parameter
