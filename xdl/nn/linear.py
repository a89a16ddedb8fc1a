"""The affine layer."""

from __future__ import annotations

from xdl.core.module import Module
from xdl.core.variable import Variable
from xdl.errors import DtypeError, ShapeError
from xdl.nn import init
from xdl.ops import linear
from xdl.typing import ArrayLike, Initializer


class Linear(Module):
    """Apply an affine map to the last axis: x @ weight + bias.

    Args:
        input_size: features that come in, an int.
        output_size: features that go out, an int.
        bias: whether a bias is added; default True.
        initializer: for the weight; default N(0, 1) / sqrt(input_size). The bias
            starts at zero.

    Attributes:
        weight: a Variable (input_size, output_size).
        bias: a Variable (output_size,), or None.

    Raises (when it is called):
        ShapeError: the last axis of the input is not ``input_size`` long.
        DtypeError: the input holds integers.

    Example:
        >>> import xdl
        >>> layer = xdl.nn.Linear(3, 2)
        >>> layer([[1.0, 2.0, 3.0]]).shape
        (1, 2)
    """

    def __init__(
        self,
        input_size: int,
        output_size: int,
        bias: bool = True,
        initializer: Initializer | None = None,
    ) -> None:
        super().__init__()
        self.weight = self.parameter.get_variable(
            "weight", [input_size, output_size], initializer
        )
        self.bias = (
            self.parameter.get_variable("bias", output_size, init.zeros)
            if bias
            else None
        )

    def forward(self, x: ArrayLike) -> Variable:
        try:
            return linear(x, self.weight, self.bias)
        except (ShapeError, DtypeError) as error:
            raise type(error)(f"{self}: {error}") from None

    def __repr__(self) -> str:
        rows, columns = self.weight.shape
        name = self.__dict__.get("_name")
        return f"Linear({rows}, {columns})" + (f' "{name}"' if name else "")
