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
from xdl.ops.loss.regression import SquareError
from xdl.typing import ArrayLike

Output = TypeVar("Output")


class Loss(Module):
    """The base of loss layers: ``forward(output)``, ``loss(target)``, ``backward()``.

    A subclass defines ``compute(output, target)``; one that takes a weight for each
    sample, ``compute(output, target, sample_weight=None)``.

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

    def compute(self, output: Any, target: Any, *sample_weight: Any) -> Variable:
        """Return the loss Variable; a subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__}: compute is not defined")

    def forward(self, output: Output) -> Output:
        """Remember the model's output for ``loss``, and return it."""
        self.__dict__["_output"] = output  # not as a weight, whatever it is
        return output

    def loss(
        self, target: Any = None, sample_weight: ArrayLike | None = None
    ) -> Variable:
        """Return the loss of the remembered output, a Variable of one element.

        Args:
            target: what the output is compared with.
            sample_weight: None, or a factor for each sample (n,), or for more of the
                first axes of the losses; one of 0 leaves the sample out, and a mean is
                divided by the sum of the factors.

        Raises:
            GraphError: ``forward`` was not called before.

        Example:
            >>> import xdl
            >>> loss_ops = xdl.nn.SoftmaxLoss()
            >>> scores = loss_ops.forward(xdl.Variable([[0.0, 0.0], [5.0, 1.0]]))
            >>> loss_ops.loss([1, 0], sample_weight=[2.0, 0.0])
            Variable(0.6931472, dtype=float32)
        """
        output = self._output
        if output is None:
            raise GraphError(f"{type(self).__name__}.loss: call forward(output) first")
        if sample_weight is None:
            self._loss = loss = self.compute(output, target)
        else:
            self._loss = loss = self.compute(output, target, sample_weight)
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


class SoftmaxLoss(ReducedLoss):
    """The softmax cross-entropy of class scores: ``xdl.softmax_cross_entropy``.

    Its natural logarithm, and the mean over the batch. The target holds labels, or
    probabilities of the shape of the scores.

    Args:
        weight, ignore_index, label_smoothing, reduction: as there.

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

    operation = SoftmaxCrossEntropy()  # without options: the usual call, in short

    def __init__(
        self,
        weight: ArrayLike | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.ignore_index = plain("SoftmaxLoss", "ignore_index", ignore_index)
        smoothing = number("SoftmaxLoss", "label_smoothing", label_smoothing, 0, 1)
        self.label_smoothing = smoothing

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        if (
            sample_weight is self.weight is self.ignore_index is None
            and not self.label_smoothing
            and self.reduction == "mean"
            and getattr(target, "ndim", -2) == getattr(output, "ndim", 0) - 1
        ):
            return self.operation(output, target)
        weight, options = self.weight, (self.ignore_index, self.label_smoothing)
        given = self.reduction, sample_weight
        return ops.softmax_cross_entropy(output, target, weight, *options, *given)


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

    operation = SquareError()

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        if sample_weight is None:
            return self.operation(output, target)
        return ops.square_error(output, target, sample_weight)


class MSELoss(ReducedLoss):
    """The squared difference: ``xdl.mean_squared_error``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.MSELoss()
        >>> output = loss_ops.forward(xdl.Variable([1.0, 2.0]))
        >>> loss_ops.loss([1.0, 4.0])
        Variable(2., dtype=float32)
    """

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        return ops.mean_squared_error(output, target, self.reduction, sample_weight)


class L1Loss(ReducedLoss):
    """The absolute difference: ``xdl.l1_loss``.

    Example:
        >>> import xdl
        >>> loss_ops = xdl.nn.L1Loss()
        >>> output = loss_ops.forward(xdl.Variable([1.0, 2.0]))
        >>> loss_ops.loss([1.0, 4.0])
        Variable(1., dtype=float32)
    """

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        return ops.l1_loss(output, target, self.reduction, sample_weight)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.delta, self.reduction, sample_weight
        return ops.huber_loss(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.beta, self.reduction, sample_weight
        return ops.smooth_l1_loss(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.weight, self.reduction, sample_weight
        return ops.binary_cross_entropy(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.weight, self.pos_weight, self.reduction, sample_weight
        return ops.binary_cross_entropy_with_logits(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.weight, self.ignore_index, self.reduction, sample_weight
        return ops.nll_loss(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.reduction, self.log_target, sample_weight
        return ops.kl_div(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        options = self.margin, self.reduction, sample_weight
        return ops.hinge_loss(output, target, *options)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        function: Callable[..., Variable] = ops.cosine_embedding_loss
        return function(*output, target, self.margin, self.reduction, sample_weight)


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

    def compute(
        self, output: Any, target: Any, sample_weight: ArrayLike | None = None
    ) -> Variable:
        if target is not None:
            raise ArgumentError("TripletLoss.loss: a target came, needed none")
        function: Callable[..., Variable] = ops.triplet_loss
        return function(*output, self.margin, self.swap, self.reduction, sample_weight)
