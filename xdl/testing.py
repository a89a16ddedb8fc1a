"""What tests of xdl and of your own operations share: checking gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from xdl import arguments, backend
from xdl.core.variable import Variable
from xdl.errors import ArgumentError
from xdl.typing import ArrayLike


@arguments.explained
def check_gradient(
    function: Callable[..., Any],
    *arrays: ArrayLike,
    order: int = 1,
    seed: int = 0,
    step: float = 1e-6,
    tolerance: float = 1e-6,
) -> None:
    """Compare the gradient of a function with finite differences, in float64.

    For every input x, the gradient of ``<u, function(x)>`` along v is compared with
    ``<u, function(x + step v) - function(x - step v)> / (2 step)``, for random u and v.

    Args:
        function: takes Variables, returns a Variable or a tuple of them.
        arrays: its arguments: arrays or Variables. Floating ones become float64; None,
            integers, booleans and frozen Variables are passed on and not checked.
        order: 1; or 2, to check the gradient of the gradient too, and so on.
        seed: of the random u and v.
        step: how far to go to each side.
        tolerance: the largest difference, relative to the norm of the gradient if
            that is over 1.

    Raises:
        AssertionError: they differ; the text names the input and gives the norms.
        ArgumentError: ``order`` is less than 1.

    Example:
        >>> import xdl
        >>> from xdl.testing import check_gradient
        >>> check_gradient(lambda x, y: xdl.exp(x) * y, [0.5, -1.0], 3.0, order=2)

    Reference: the check of HIPS/autograd, ``autograd/test_util.py``.
    """
    if order < 1:
        raise ArgumentError(f"check_gradient: order {order!r} came, needed 1 or more")
    rng = np.random.default_rng(seed)
    inputs = [_in_double(array) for array in arrays]
    outputs = _outputs(function, inputs)
    _compare(function, inputs, outputs, rng, step, tolerance)
    if order > 1:
        gys = [_normal(rng, output.shape) for output in outputs]
        gys = [
            Variable(gy, "gy").to(o.device) for gy, o in zip(gys, outputs, strict=True)
        ]
        options: dict[str, Any] = {
            "order": order - 1,
            "seed": seed,
            "step": step,
            "tolerance": tolerance,
        }
        check_gradient(_gradient_of(function, len(inputs)), *inputs, *gys, **options)


@arguments.explained
def draw_inputs(case: Any, dtype: str = "float64", seed: int = 0) -> Any:
    """Return the inputs of a ``Case`` or ``BadCase`` as NumPy arrays and None.

    Args:
        case: the case: a shape is drawn evenly from ``low`` to ``high``; literals of
            floats are converted to ``dtype``, those of integers and booleans are not.
        dtype: the floating dtype, by name.
        seed: of the random numbers.

    Example:
        >>> from xdl.core.case import Case
        >>> from xdl.testing import draw_inputs
        >>> [a.dtype.name for a in draw_inputs(Case([(2, 3), [0, 1]]), "float32")]
        ['float32', 'int64']
    """
    rng = np.random.default_rng(seed)
    low, high = getattr(case, "low", -2.0), getattr(case, "high", 2.0)
    return [_drawn(given, low, high, dtype, rng) for given in case.inputs]


def _drawn(given, low, high, dtype, rng):
    if given is None:
        return None
    array = np.asarray(
        rng.uniform(low, high, given) if isinstance(given, tuple) else given
    )
    return array.astype(dtype) if array.dtype == np.float64 else array


def _normal(rng, shape):
    return np.asarray(rng.standard_normal(shape))


def _in_double(value):
    """Return an input as a float64 Variable; None and what is no float as it is."""
    if value is None:
        return None
    if not isinstance(value, Variable):
        # Lists and numbers would become float32 first, and lose digits.
        value = Variable(value if backend.namespace(value) else np.asarray(value))
    if not backend.is_floating(value):
        return value
    return _with_values(value, backend.to_numpy(value.value))


def _with_values(variable, host):
    host = np.asarray(host, np.float64)
    return Variable(host, variable.name, variable.trainable).to(variable.device)


def _outputs(function, inputs):
    result = function(*inputs)
    return list(result) if isinstance(result, tuple | list) else [result]


def _gradient_of(function, count):
    """Return the function that gives the gradients of ``function`` as Variables.

    Its arguments are the ``count`` ones of ``function`` and a gradient for each output.
    """

    def gradients(*arguments):
        inputs = [a for a in arguments[:count] if getattr(a, "trainable", False)]
        outputs = _outputs(function, arguments[:count])
        for output, gy in zip(outputs, arguments[count:], strict=True):
            if output.trainable:
                output.backward(gy, create_graph=True)
        found = [variable.grad for variable in inputs if variable.grad is not None]
        for variable in arguments:
            if getattr(variable, "trainable", False):
                variable.clear_grad()
        return found

    return gradients


def _compare(function, inputs, outputs, rng, step, tolerance):
    us = [_normal(rng, output.shape) for output in outputs]
    for output, u in zip(outputs, us, strict=True):
        if output.trainable:
            output.backward(u, retain_graph=True)
    checked = [i for i, x in enumerate(inputs) if getattr(x, "trainable", False)]
    gradients = {i: inputs[i].grad for i in checked}
    for i in checked:  # before any slope: `function` may compute gradients itself
        inputs[i].clear_grad()
    for i, gradient in gradients.items():
        x, missing = inputs[i], gradient is None
        gradient = np.zeros(x.shape) if missing else backend.to_numpy(gradient)

        def slope(v, i=i):
            return _slope(function, inputs, i, us, v, step)

        v = _normal(rng, x.shape)
        difference = abs(np.vdot(gradient, v) - slope(v))
        if not difference <= tolerance * max(1.0, np.linalg.norm(gradient)):
            raise AssertionError(_described(i, x.name, gradient, missing, slope))


def _slope(function, inputs, i, us, v, step):
    """Return the finite difference of ``<u, function>`` when input i moves along v."""
    ends = []
    for signed in (step, -step):
        moved = _with_values(inputs[i], backend.to_numpy(inputs[i].value) + signed * v)
        outputs = _outputs(function, [*inputs[:i], moved, *inputs[i + 1 :]])
        ends.append([output.numpy() for output in outputs])
    parts = [np.vdot(u, a - b) for u, a, b in zip(us, *ends, strict=True)]
    return sum(parts) / (2 * step)


def _described(i, name, gradient, missing, slope):
    """Return the sentence: now each element is looked at."""
    expected = np.zeros(gradient.shape)
    for position in np.ndindex(gradient.shape):
        v = np.zeros(gradient.shape)
        v[position] = 1.0
        expected[position] = slope(v)
    difference = np.abs(gradient - expected)
    place = np.unravel_index(np.argmax(difference), difference.shape)
    worst = tuple([int(i) for i in place])
    label = f'input {i} "{name}"' if name else f"input {i}"
    norms = [np.linalg.norm(a) for a in (difference, gradient, expected)]
    return (
        f"check_gradient: {label} {gradient.shape}: the gradient is not the finite "
        f"difference: norm of the difference {norms[0]:.6g}, of the gradient "
        f"{norms[1]:.6g}{' (there is none)' if missing else ''}, of the finite "
        f"difference {norms[2]:.6g}; worst at {worst}: {gradient[worst]:.6g}, needed "
        f"{expected[worst]:.6g}"
    )
