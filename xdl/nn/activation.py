"""The activations as layers, all made of the functions in one way."""

import inspect

from xdl import ops
from xdl.arguments import misfit
from xdl.core.module import Module
from xdl.core.option import plain


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

    def __init__(self, function, **options):
        super().__init__()
        self.function = function
        self.options = _checked(_name(function), function, (), options)

    def forward(self, x):
        return self.function(x, **self.options)

    def __repr__(self):
        return _written("Activation", _name(self.function), self.options)


def _name(function):
    """Return what a function is called: of an operation's, the operation."""
    op = getattr(function, "op", None)
    return getattr(function, "__name__", repr(function)) if op is None else repr(op)


def _checked(who, function, arguments, options):
    """Return by name what a function is given beside an array, if it takes that."""
    if not arguments and not options:
        return options
    signature = inspect.signature(function)
    try:
        signature.bind(None, *arguments, **options)
    except TypeError:
        raise misfit(function, arguments, options, who, skip=1) from None
    names = list(signature.parameters)[1:]
    return dict(zip(names, arguments, strict=False)) | options


def _written(name, function, options):
    parts = [function] if function else []
    parts += [f"{key}={value!r}" for key, value in options.items()]
    return f"{name}({', '.join(parts)})"


def _layer(name, called, short):
    """Return the class of layers that call the function of ``xdl.ops`` so called."""
    function = getattr(ops, called)
    example = [
        ">>> import xdl",
        f">>> xdl.nn.{name}()([[1.0, -1.0], [0.5, 2.0]]).shape",
        "(2, 1)" if called == "glu" else "(2, 2)",
    ]

    class Layer(Activation):
        __doc__ = "\n".join(
            [
                f"{short}: ``xdl.{called}`` as a layer.",
                "",
                "Args:",
                f"    options: those of ``xdl.{called}``; default: none.",
                "",
                "Example:",
                *(f"    {line}" for line in example),
            ]
        )

        def __init__(self, *arguments, **options):
            options = _checked(type(self).__name__, function, arguments, options)
            options = {key: plain(name, key, v) for key, v in options.items()}
            super().__init__(function, **options)

        def __repr__(self):
            return _written(name, "", self.options)

    Layer.__name__ = Layer.__qualname__ = name
    Layer.__module__ = __name__
    return Layer


ReLU = _layer("ReLU", "relu", "Set negative elements to 0")
LeakyReLU = _layer("LeakyReLU", "leaky_relu", "Make negative elements small")
ELU = _layer("ELU", "elu", "Bend negative elements towards -alpha")
SELU = _layer("SELU", "selu", "Keep mean 0 and variance 1")
CELU = _layer("CELU", "celu", "Bend negative elements, with slope 1 at 0")
GELU = _layer("GELU", "gelu", "Multiply by the normal probability")
SiLU = _layer("SiLU", "silu", "Multiply by the sigmoid")
Mish = _layer("Mish", "mish", "Multiply by the tanh of the softplus")
Sigmoid = _layer("Sigmoid", "sigmoid", "Squash into (0, 1)")
HardSigmoid = _layer("HardSigmoid", "hard_sigmoid", "Squash into [0, 1] by lines")
Softplus = _layer("Softplus", "softplus", "Rectify smoothly")
Softsign = _layer("Softsign", "softsign", "Squash into (-1, 1) slowly")
Tanh = _layer("Tanh", "tanh", "Squash into (-1, 1)")
HardTanh = _layer("HardTanh", "hard_tanh", "Limit to [-1, 1]")
ReLU6 = _layer("ReLU6", "relu6", "Limit to [0, 6]")
HardSwish = _layer("HardSwish", "hard_swish", "Multiply by the hard sigmoid")
GLU = _layer("GLU", "glu", "Gate one half by the other")
Softmax = _layer("Softmax", "softmax", "Turn scores into probabilities")
LogSoftmax = _layer("LogSoftmax", "log_softmax", "Turn scores into log-probabilities")
