"""Loss layers: the article's spelling of the losses, in three steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from xdl import ops
from xdl.core.module import Module
from xdl.core.option import number, plain
from xdl.core.variable import Variable
from xdl.errors import ArgumentError, GraphError
from xdl.ops.loss.cross_entropy import SoftmaxCrossEntropy
from xdl.ops.loss.reduced import REDUCTIONS, checked_reduction
from xdl.typing import ArrayLike

Output = TypeVar("Output")


class Loss(Module):
    """The base of loss layers: ``forward(output)``, ``loss(target)``, ``backward()``.

    A subclass defines ``compute(output, target)``.

    Example:
        >>> import xdl
        >>> class AbsoluteLoss(xdl.nn.Loss):
        ...     def compute(self, output, target):
        ...         return xdl.mean(xdl.abs(output - target))
        >>> prediction = xdl.Variable([1.0, 4.0])
        >>> loss_ops = AbsoluteLoss()
        >>> output = loss_ops.forward(prediction)
        >>> loss_ops.loss([1.0, 2.0])
        Variable(1., dtype=float32)
    """

    def __init__(self) -> None:
        super().__init__()
        self._output = self._loss = None

    def compute(self, output: Any, target: Any) -> Variable:
        """Return the loss Variable; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: compute is not defined")

    def forward(self, output: Output) -> Output:
        """Remember the model's output for ``loss``, and return it."""
        self.__dict__["_output"] = output  # not as a weight, whatever it is
        return output

    def loss(self, target: Any = None) -> Variable:
        """Return the loss of the remembered output, a Variable of one element.

        Raises:
            GraphError: ``forward`` was not called before.
        """
        output = self._output
        if output is None:
            raise GraphError(f"{type(self).__name__}.loss: call forward(output) first")
        self._loss = loss = self.compute(output, target)
        return loss

    def backward(self) -> None:
        """Compute the gradients by everything that led to the loss; then forget it.

        Raises:
            GraphError: ``loss`` was not called before.
        """
        loss, attributes = self._loss, self.__dict__
        if loss is None:
            raise GraphError(f"{type(self).__name__}.backward: call loss(target) first")
        attributes["_loss"] = attributes["_output"] = None
        loss.backward()


class SoftmaxLoss(Loss):
    """The softmax cross-entropy of class scores, natural logarithm, batch mean.

    Example:
        >>> import xdl
        >>> scores = xdl.Variable([[0.0, 0.0]])
        >>> loss_ops = xdl.nn.SoftmaxLoss()
        >>> output = loss_ops.forward(scores)
        >>> loss_ops.loss([1])
        Variable(0.6931472, dtype=float32)
        >>> loss_ops.backward()
        >>> scores.grad
        array([[ 0.5, -0.5]], dtype=float32)
    """

    operation = SoftmaxCrossEntropy()

    def compute(self, output: Any, target: Any) -> Variable:
        return self.operation(output, target)


class SquareLoss(Loss):
    """Half the squared distance to the target, batch mean.

    Example:
        >>> import xdl
        >>> prediction = xdl.Variable([[1.0, 3.0]])
        >>> loss_ops = xdl.nn.SquareLoss()
        >>> output = loss_ops.forward(prediction)
        >>> loss_ops.loss([[1.0, 1.0]])
        Variable(2., dtype=float32)
        >>> loss_ops.backward()
        >>> prediction.grad
        array([[0., 2.]], dtype=float32)
    """

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.square_error(output, target)


class ReducedLoss(Loss):
    """The base of the loss layers with a reduction.

    Args:
        reduction: "mean" (default) or "sum"; "none" gives an array, and no backward.

    Raises:
        ArgumentError: another reduction.

    Example:
        >>> import xdl
        >>> class CubicLoss(xdl.nn.ReducedLoss):
        ...     def compute(self, output, target):
        ...         return xdl.sum(xdl.abs(output - target) ** 3)
        >>> CubicLoss("sum").reduction
        'sum'
    """

    reductions: tuple[str, ...] = REDUCTIONS

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = checked_reduction(self, reduction, self.reductions)


class MSELoss(ReducedLoss):
    """The squared difference: ``xdl.mean_squared_error``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.MSELoss()
        >>> output = loss_ops.forward(xdl.Variable([1.0, 2.0]))
        >>> loss_ops.loss([1.0, 4.0])
        Variable(2., dtype=float32)
    """

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.mean_squared_error(output, target, self.reduction)


class L1Loss(ReducedLoss):
    """The absolute difference: ``xdl.l1_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.L1Loss()
        >>> output = loss_ops.forward(xdl.Variable([1.0, 2.0]))
        >>> loss_ops.loss([1.0, 4.0])
        Variable(1., dtype=float32)
    """

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.l1_loss(output, target, self.reduction)


class HuberLoss(ReducedLoss):
    """Half the squared difference, linear from ``delta`` on: ``xdl.huber_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.HuberLoss(delta=2.0, reduction="sum")
        >>> output = loss_ops.forward(xdl.Variable([0.0, 0.0]))
        >>> loss_ops.loss([1.0, 4.0])
        Variable(6.5, dtype=float32)
    """

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.delta = number("HuberLoss", "delta", delta)

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.huber_loss(output, target, self.delta, self.reduction)


class SmoothL1Loss(ReducedLoss):
    """The absolute difference, quadratic below ``beta``: ``xdl.smooth_l1_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.SmoothL1Loss(beta=2.0)
        >>> output = loss_ops.forward(xdl.Variable([0.0]))
        >>> loss_ops.loss([1.0])
        Variable(0.25, dtype=float32)
    """

    def __init__(self, beta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.beta = number("SmoothL1Loss", "beta", beta)

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.smooth_l1_loss(output, target, self.beta, self.reduction)


class BCELoss(ReducedLoss):
    """The binary cross-entropy of probabilities: ``xdl.binary_cross_entropy``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.BCELoss()
        >>> output = loss_ops.forward(xdl.Variable([0.5, 0.5]))
        >>> loss_ops.loss([1, 0])
        Variable(0.6931472, dtype=float32)
    """

    def __init__(
        self, weight: ArrayLike | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = weight

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.binary_cross_entropy(output, target, self.weight, self.reduction)


class BCEWithLogitsLoss(ReducedLoss):
    """The same of scores: ``xdl.binary_cross_entropy_with_logits``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.BCEWithLogitsLoss(pos_weight=3.0)
        >>> output = loss_ops.forward(xdl.Variable([0.0, 0.0]))
        >>> loss_ops.loss([1, 0])
        Variable(1.3862944, dtype=float32)
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        pos_weight: ArrayLike | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weight, self.pos_weight = weight, pos_weight

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.binary_cross_entropy_with_logits(
            output, target, self.weight, self.pos_weight, self.reduction
        )


class NLLLoss(ReducedLoss):
    """The negative log-likelihood of log-probabilities: ``xdl.nll_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.NLLLoss()
        >>> output = loss_ops.forward(xdl.Variable([[-1.0, -2.0]]))
        >>> loss_ops.loss([1])
        Variable(2., dtype=float32)
    """

    def __init__(
        self,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.ignore_index = plain("NLLLoss", "ignore_index", ignore_index)

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.nll_loss(
            output, target, self.weight, self.ignore_index, self.reduction
        )


class KLDivLoss(ReducedLoss):
    """The divergence of log-probabilities from probabilities: ``xdl.kl_div``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.KLDivLoss("batchmean")
        >>> output = loss_ops.forward(xdl.Variable([[0.0, 0.0]]) - 1.0)
        >>> loss_ops.loss([[1.0, 0.0]])
        Variable(1., dtype=float32)
    """

    reductions = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.kl_div(output, target, self.reduction, self.log_target)


class HingeLoss(ReducedLoss):
    """What scores miss of a margin, for labels -1 and 1: ``xdl.hinge_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.HingeLoss()
        >>> output = loss_ops.forward(xdl.Variable([0.5, 0.5]))
        >>> loss_ops.loss([1, -1])
        Variable(1., dtype=float32)
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = number("HingeLoss", "margin", margin)

    def compute(self, output: Any, target: Any) -> Variable:
        return ops.hinge_loss(output, target, self.margin, self.reduction)


class CosineEmbeddingLoss(ReducedLoss):
    """How far the angle of two outputs is from alike (1) or unlike (-1).

    ``forward`` takes the pair of outputs; see ``xdl.cosine_embedding_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.CosineEmbeddingLoss()
        >>> pair = loss_ops.forward((xdl.Variable([[1.0, 0.0]]), [[0.0, 1.0]]))
        >>> loss_ops.loss([1])
        Variable(1., dtype=float32)
    """

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = number("CosineEmbeddingLoss", "margin", margin)

    def compute(self, output: Any, target: Any) -> Variable:
        function: Callable[..., Variable] = ops.cosine_embedding_loss
        return function(*output, target, self.margin, self.reduction)


class TripletLoss(ReducedLoss):
    """How much nearer the positive should be than the negative.

    ``forward`` takes the outputs (anchor, positive, negative), and ``loss`` nothing;
    see ``xdl.triplet_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.TripletLoss(margin=1.0)
        >>> anchor, positive = xdl.Variable([[0.0, 0.0]]), [[0.0, 2.0]]
        >>> three = loss_ops.forward((anchor, positive, [[2.0, 0.0]]))
        >>> loss_ops.loss()
        Variable(1., dtype=float32)
    """

    def __init__(
        self,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.margin = number("TripletLoss", "margin", margin)
        self.swap = swap

    def compute(self, output: Any, target: Any) -> Variable:
        if target is not None:
            raise ArgumentError("TripletLoss.loss: a target came, needed none")
        function: Callable[..., Variable] = ops.triplet_loss
        return function(*output, self.margin, self.swap, self.reduction)
