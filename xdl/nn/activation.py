"""The activations as layers: each calls its function of ``xdl.ops``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from xdl import ops
from xdl.arguments import misfit
from xdl.core.module import Module
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.typing import ArrayLike


class Activation(Module):
    """A function as a layer: ``Activation(function, **options)(x)``.

    Args:
        function: takes a Variable and the options, and returns a Variable.
        options: keywords that it is called with.

    Raises:
        ArgumentError: the function has no such keyword.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.Activation(xdl.clip, min=0.0, max=1.0)
        >>> layer([-1.0, 0.5, 3.0])
        Variable([0. , 0.5, 1. ], dtype=float32)
        >>> layer
        Activation(clip, min=0.0, max=1.0)
    """

    def __init__(self, function: Callable[..., Variable], **options: Any) -> None:
        super().__init__()
        _check(function, options)
        self.function, self.options = function, options

    def forward(self, x: ArrayLike) -> Variable:
        return self.function(x, **self.options)

    def __repr__(self) -> str:
        return _written("Activation", _name(self.function), self.options)


def _name(function):
    """Return what a function is called: of an operation's, the operation."""
    op = getattr(function, "op", None)
    return getattr(function, "__name__", repr(function)) if op is None else repr(op)


def _check(function, options):
    """Refuse options that a function does not take beside an array."""
    if not options:
        return
    try:
        inspect.signature(function).bind(None, **options)
    except TypeError:
        raise misfit(function, (), options, _name(function), skip=1) from None


def _written(name, function, options):
    parts = [function] if function else []
    parts += [f"{key}={value!r}" for key, value in options.items()]
    return f"{name}({', '.join(parts)})"


class _FunctionLayer(Activation):
    """The base of layers of one function, whose options are their own."""

    def __init__(self, function: Callable[..., Variable], **options: Any) -> None:
        name = type(self).__name__
        read = {key: plain(name, key, value) for key, value in options.items()}
        super().__init__(function, **read)

    def __repr__(self) -> str:
        usual = inspect.signature(type(self)).parameters
        changed = {k: v for k, v in self.options.items() if v != usual[k].default}
        return _written(type(self).__name__, "", changed)


class ReLU(_FunctionLayer):
    """Set negative elements to 0: ``xdl.relu`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.ReLU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[1. , 0. ],
                  [0.5, 2. ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.relu)


class LeakyReLU(_FunctionLayer):
    """Make negative elements small: ``xdl.leaky_relu`` as a layer.

    Args:
        negative_slope: what negative elements are multiplied by; default: 0.01.

    Example:
        >>> import xdl
        >>> xdl.nn.LeakyReLU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 1.  , -0.01],
                  [ 0.5 ,  2.  ]], dtype=float32)
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__(ops.leaky_relu, negative_slope=negative_slope)


class ELU(_FunctionLayer):
    """Bend negative elements towards -alpha: ``xdl.elu`` as a layer.

    Args:
        alpha: negative elements are bent towards -alpha; default: 1.0.

    Example:
        >>> import xdl
        >>> xdl.nn.ELU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 1.        , -0.63212055],
                  [ 0.5       ,  2.        ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(ops.elu, alpha=alpha)


class SELU(_FunctionLayer):
    """Keep mean 0 and variance 1: ``xdl.selu`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.SELU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 1.050701 , -1.1113307],
                  [ 0.5253505,  2.101402 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.selu)


class CELU(_FunctionLayer):
    """Bend negative elements, with slope 1 at 0: ``xdl.celu`` as a layer.

    Args:
        alpha: negative elements are bent towards -alpha; default: 1.0.

    Example:
        >>> import xdl
        >>> xdl.nn.CELU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 1.        , -0.63212055],
                  [ 0.5       ,  2.        ]], dtype=float32)
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__(ops.celu, alpha=alpha)


class GELU(_FunctionLayer):
    """Multiply by the normal probability: ``xdl.gelu`` as a layer.

    Args:
        approximate: "none" or "tanh"; default: "none".

    Example:
        >>> import xdl
        >>> xdl.nn.GELU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 0.8413448 , -0.15865526],
                  [ 0.34573123,  1.9544997 ]], dtype=float32)
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__(ops.gelu, approximate=approximate)


class SiLU(_FunctionLayer):
    """Multiply by the sigmoid: ``xdl.silu`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.SiLU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 0.7310586 , -0.26894143],
                  [ 0.31122968,  1.7615942 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.silu)


class Mish(_FunctionLayer):
    """Multiply by the tanh of the softplus: ``xdl.mish`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.Mish()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 0.8650984 , -0.30340147],
                  [ 0.3752452 ,  1.943959  ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.mish)


class Sigmoid(_FunctionLayer):
    """Squash into (0, 1): ``xdl.sigmoid`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.Sigmoid()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[0.7310586 , 0.26894143],
                  [0.62245935, 0.8807971 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.sigmoid)


class HardSigmoid(_FunctionLayer):
    """Squash into [0, 1] by lines: ``xdl.hard_sigmoid`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.HardSigmoid()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[0.6666667 , 0.33333334],
                  [0.5833333 , 0.8333333 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.hard_sigmoid)


class Softplus(_FunctionLayer):
    """Rectify smoothly: ``xdl.softplus`` as a layer.

    Args:
        beta: how sharp the bend is; default: 1.0.

    Example:
        >>> import xdl
        >>> xdl.nn.Softplus()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[1.3132616, 0.3132617],
                  [0.974077 , 2.126928 ]], dtype=float32)
    """

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__(ops.softplus, beta=beta)


class Softsign(_FunctionLayer):
    """Squash into (-1, 1) slowly: ``xdl.softsign`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.Softsign()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 0.5       , -0.5       ],
                  [ 0.33333334,  0.6666667 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.softsign)


class Tanh(_FunctionLayer):
    """Squash into (-1, 1): ``xdl.tanh`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.Tanh()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 0.7615942 , -0.7615942 ],
                  [ 0.46211717,  0.9640276 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.tanh)


class HardTanh(_FunctionLayer):
    """Limit to [-1, 1]: ``xdl.hard_tanh`` as a layer.

    Args:
        min: the lower limit; default: -1.0.
        max: the upper limit; default: 1.0.

    Example:
        >>> import xdl
        >>> xdl.nn.HardTanh()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 1. , -1. ],
                  [ 0.5,  1. ]], dtype=float32)
    """

    def __init__(self, min: float = -1.0, max: float = 1.0) -> None:
        super().__init__(ops.hard_tanh, min=min, max=max)


class ReLU6(_FunctionLayer):
    """Limit to [0, 6]: ``xdl.relu6`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.ReLU6()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[1. , 0. ],
                  [0.5, 2. ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.relu6)


class HardSwish(_FunctionLayer):
    """Multiply by the hard sigmoid: ``xdl.hard_swish`` as a layer.

    Example:
        >>> import xdl
        >>> xdl.nn.HardSwish()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[ 0.6666667 , -0.33333334],
                  [ 0.29166666,  1.6666666 ]], dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__(ops.hard_swish)


class GLU(_FunctionLayer):
    """Gate one half by the other: ``xdl.glu`` as a layer.

    Args:
        axis: the axis, an int; default: the last.

    Example:
        >>> import xdl
        >>> xdl.nn.GLU()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[0.26894143],
                  [0.44039854]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__(ops.glu, axis=axis)


class Softmax(_FunctionLayer):
    """Turn scores into probabilities: ``xdl.softmax`` as a layer.

    Args:
        axis: the axis, an int; default: the last.

    Example:
        >>> import xdl
        >>> xdl.nn.Softmax()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[0.8807971 , 0.11920292],
                  [0.18242553, 0.8175745 ]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__(ops.softmax, axis=axis)


class LogSoftmax(_FunctionLayer):
    """Turn scores into log-probabilities: ``xdl.log_softmax`` as a layer.

    Args:
        axis: the axis, an int; default: the last.

    Example:
        >>> import xdl
        >>> xdl.nn.LogSoftmax()([[1.0, -1.0], [0.5, 2.0]])
        Variable([[-0.12692802, -2.126928  ],
                  [-1.7014133 , -0.20141327]], dtype=float32)
    """

    def __init__(self, axis: int = -1) -> None:
        super().__init__(ops.log_softmax, axis=axis)
