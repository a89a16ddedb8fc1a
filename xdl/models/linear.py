"""The article's linear model, and linear regression."""

from __future__ import annotations

from xdl.core.module import Model
from xdl.core.variable import Variable
from xdl.nn import SoftmaxLoss, SquareLoss, init
from xdl.ops import linear
from xdl.ops.product.matmul import Matmul
from xdl.typing import ArrayLike


class LinearModel(Model):
    """Classify with one weight matrix: scores = x @ W, softmax cross-entropy loss.

    Args:
        input_size: features of a sample, an int.
        output_size: classes, an int.

    Attributes:
        W: a Variable (input_size, output_size), "weight" in the Parameter.
        output: the scores (n, output_size) of the last ``forward``.

    Example:
        >>> import xdl
        >>> xdl.seed(0)
        >>> model = xdl.models.LinearModel(2, 2)
        >>> optimizer = xdl.SGD(model.parameter, lr=0.5)
        >>> x, target = [[1.0, 0.0], [0.0, 1.0]], [0, 1]
        >>> for step in range(100):
        ...     output = model.forward(x)
        ...     loss = model.loss(target)
        ...     model.backward()
        ...     optimizer.update()
        >>> model.forward(x).argmax(axis=1)
        Variable([0, 1])

    Reference: "Implement a deep learning framework" (part 2, class LinearModel).
    """

    def __init__(self, input_size: int, output_size: int) -> None:
        super().__init__()
        self.input_size = input_size
        self.output_size = output_size
        self.W = self.parameter.get_variable("weight", [input_size, output_size])
        self.matmul = Matmul()
        self.loss_ops = SoftmaxLoss()

    def forward(self, x: ArrayLike) -> Variable:
        self.output = self.matmul.forward([x, self.W])
        return self.output


class LinearRegression(Model):
    """Fit a line: prediction = x @ weight + bias, square loss.

    Args:
        input_size: features of a sample, an int.
        output_size: numbers to predict, an int; default 1.

    Attributes:
        weight: a Variable (input_size, output_size).
        bias: a Variable (output_size,), zeros at first.
        output: the predictions (n, output_size) of the last ``forward``.

    Example:
        >>> import xdl
        >>> model = xdl.models.LinearRegression(1)
        >>> optimizer = xdl.SGD(model.parameter, lr=0.5)
        >>> x = [[0.0], [1.0]]
        >>> for step in range(200):
        ...     output = model.forward(x)
        ...     loss = model.loss([[1.0], [3.0]])
        ...     model.backward()
        ...     optimizer.update()
        >>> round(model.weight.item(), 3), round(model.bias.item(), 3)
        (2.0, 1.0)
    """

    def __init__(self, input_size: int, output_size: int = 1) -> None:
        super().__init__()
        self.weight = self.parameter.get_variable("weight", [input_size, output_size])
        self.bias = self.parameter.get_variable("bias", output_size, init.zeros)
        self.loss_ops = SquareLoss()

    def forward(self, x: ArrayLike) -> Variable:
        self.output = linear(x, self.weight, self.bias)
        return self.output
