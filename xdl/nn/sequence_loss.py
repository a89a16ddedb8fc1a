"""The loss layer of sequences whose labels have no times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xdl import ops
from xdl.core.option import plain
from xdl.core.variable import Variable
from xdl.nn.loss import ReducedLoss
from xdl.typing import ArrayLike


class CTCLoss(ReducedLoss):
    """How unlikely it is that sequences read as their labels.

    ``forward`` takes the logarithms of probabilities (time, n, classes), and ``loss``
    the labels, the numbers of times and the numbers of labels; see ``xdl.ctc_loss``.

    Args:
        blank, reduction, zero_infinity: as there.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.CTCLoss()
        >>> scores = xdl.Variable([[[0.0, 0.0]], [[0.0, 0.0]]])
        >>> output = loss_ops.forward(xdl.log_softmax(scores))
        >>> xdl.exp(-loss_ops.loss(([[1]], [2], [1])))
        Variable(0.75, dtype=float32)
    """

    def __init__(
        self,
        blank: int = 0,
        reduction: str = "mean",
        zero_infinity: bool = False,
    ) -> None:
        super().__init__(reduction)
        self.blank, self.zero_infinity = plain("CTCLoss", "blank", blank), zero_infinity

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        function: Callable[..., Variable] = ops.ctc_loss
        options = self.blank, self.reduction, self.zero_infinity
        return function(output, *target, *options, sample_weight)
